"""Judges a capture: what was shown × what it holds × what it says is missing × when something was really wrong.

Pure, and harder than it looks: a capture that calls all of its time a gap is as wrong as one that misses a row in
silence. So every absent row must lie in a window, and windows may not be wider than what happened. What is judged about
a capture comes from outside of it: truth from the servers, times of faults from the proxy.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from tests.faults.ticking import Tick

S = 1_000_000_000
NEVER_NS = 1 << 63


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a capture, when it came (Unix nanoseconds, true clock), on which subscription and in which message."""

    tick: Tick
    received_ns: int
    sub: int = 1
    is_initial: bool = False
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """[start, end) of the view `gaps`; `node` None = all, `end_ns` None = until unknown."""

    start_ns: int
    end_ns: int | None
    node: str | None = None
    reason: str = ""

    def holds(self, tick: Tick) -> bool:
        in_time = self.start_ns <= tick.at_ns and (self.end_ns is None or tick.at_ns < self.end_ns)
        return in_time and self.node in (None, tick.node)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A fault as it was, by the true clock; Unix nanoseconds.

    Attributes:
        ended_ns: `NEVER_NS`: it ended the capture.
        before_ns, after_ns: how far the server's clock, which is the rows' and the windows', was ahead at both ends.
    """

    begun_ns: int
    ended_ns: int
    before_ns: int = 0
    after_ns: int = 0

    def with_span(self, begun_ns: int, ended_ns: int) -> Trouble:
        """This one, and another that went on at the same time."""
        return replace(self, begun_ns=min(self.begun_ns, begun_ns), ended_ns=max(self.ended_ns, ended_ns))


class Charge(StrEnum):
    """What a capture can be guilty of."""

    LOST = "a row is absent and lies in no window"
    INVENTED = "a row was never shown"
    CHANGED = "a row has another value"
    DOUBLED = "a row is there more often than it was shown"
    LOOSE = "a window is wider than what happened"
    UNFOUNDED = "a window, though nothing happened"
    OPEN = "a window has no end, though values came again"
    SILENT = "a node has no rows"
    DEAD = "no values any more after a fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One charge, with the evidence for a person."""

    charge: Charge
    evidence: str


def judge(
    shown: Sequence[Tick], rows: Sequence[Row], windows: Sequence[Window], troubles: Sequence[Trouble], interval_ns: int
) -> list[Finding]:
    """Everything a capture is guilty of; empty = it tells the truth.

    Args:
        shown: what the server gave out, in its order.
        rows: of one server, in the order of the capture.
        windows: of that server.
        troubles: in order; empty = nothing happened.
        interval_ns: publishing interval.
    """
    found = [*_untrue(shown, rows), *_absent(shown, rows, windows)]
    nexts = [*(trouble.begun_ns for trouble in troubles[1:]), NEVER_NS]
    allowed = [_allowance(trouble, until, rows, interval_ns) for trouble, until in zip(troubles, nexts, strict=False)]
    found += _loose(windows, allowed, interval_ns)
    found += [
        Finding(Charge.DEAD, f"nothing after {_text(trouble.ended_ns)}")
        for trouble in troubles
        if trouble.ended_ns < NEVER_NS and not any(row.received_ns > trouble.ended_ns for row in rows)
    ]
    return found


def union_ns(spans: Iterable[tuple[int, int]]) -> int:
    """Length of what the spans cover together."""
    total, until = 0, None
    for start, end in sorted(spans):
        begin = start if until is None else max(start, until)
        total += max(end - begin, 0)
        until = end if until is None else max(until, end)
    return total


def _untrue(shown: Sequence[Tick], rows: Sequence[Row]) -> list[Finding]:
    values = {(tick.node, tick.at_ns): tick.value for tick in shown}
    often = Counter(shown)
    found = []
    for row in rows:
        tick = row.tick
        true = values.get((tick.node, tick.at_ns))
        if true is None:
            found.append(Finding(Charge.INVENTED, f"{tick.node} {_text(tick.at_ns)}"))
        elif true != tick.value:
            found.append(Finding(Charge.CHANGED, f"{tick.node} {_text(tick.at_ns)}: {tick.value} was {true}"))
    # a new subscription begins with a value that the old one may have sent: it is another row, said to be initial
    live = _often([row for row in rows if not row.is_initial])
    doubled = [(tick, count) for tick, count in live.items() if count > often.get(tick, count)]
    for sub in {row.sub for row in rows}:
        each = _often([row for row in rows if row.sub == sub])
        doubled += [(tick, count) for tick, count in each.items() if count > often.get(tick, count)]
    found += [Finding(Charge.DOUBLED, f"{tick.node} {_text(tick.at_ns)}: {count} times") for tick, count in doubled]
    return found


def _often(rows: Sequence[Row]) -> Counter[Tick]:
    """How often values are there, those counted once that their server sent again in a message of another number.

    That is two rows, as it is two messages (views keep duplicates); two rows of one message are one too many.
    """
    messages: dict[tuple[Tick, int], Counter[int]] = defaultdict(Counter)
    for row in rows:
        messages[row.tick, row.sub][row.sequence] += 1
    often: Counter[Tick] = Counter()
    for (tick, _), counts in messages.items():
        often[tick] += max(counts.values())
    return often


def _absent(shown: Sequence[Tick], rows: Sequence[Row], windows: Sequence[Window]) -> list[Finding]:
    """Per node, between its first row and its last, in the order in which the server showed them.

    What a server showed twice, because its clock was set back, must be there twice.
    """
    found = []
    live = Counter(row.tick for row in rows if not row.is_initial)
    held = live + Counter({row.tick: 1 for row in rows if row.is_initial})
    for node in sorted({tick.node for tick in shown}):
        often = Counter(concerned(node, shown, rows))
        if not often:
            found.append(Finding(Charge.SILENT, node))
            continue
        found += [
            Finding(Charge.LOST, f"{tick.node} {_text(tick.at_ns)}")
            for tick, count in often.items()
            if held[tick] < count and not any(window.holds(tick) for window in windows)
        ]
    return found


def concerned(node: str, shown: Sequence[Tick], rows: Sequence[Row]) -> list[Tick]:
    """What was shown of a node from its first row in the capture to its last; empty when it has none.

    The first row is the first that was received: what the server showed earlier it may show again, its clock set back.
    """
    own = [tick for tick in shown if tick.node == node]
    got = [row for row in rows if row.tick.node == node]
    if not got or got[0].tick not in own:
        return []
    first = own.index(got[0].tick)
    return own[first : _reached(own, first, got) + 1]


def _reached(own: Sequence[Tick], first: int, got: Sequence[Row]) -> int:
    """The place of the last row, followed message by message: ticks that are shown again later are others."""
    places: dict[Tick, list[int]] = defaultdict(list)
    for at, tick in enumerate(own):
        places[tick].append(at)
    reached, newest = first, (got[0].sub, got[0].sequence)
    for row in got[1:]:
        is_late = row.sub == newest[0] and row.sequence < newest[1]
        if is_late or row.is_initial:
            continue
        newest = row.sub, row.sequence
        ahead = bisect_right(places[row.tick], reached)
        reached = places[row.tick][ahead] if ahead < len(places[row.tick]) else reached
    return reached


def back_ns(trouble: Trouble, until_ns: int, rows: Sequence[Row]) -> int:
    """When values came again: the end of the longest silence after a fault's begin and before `until_ns`.

    A client may hear the last of the old connection for a while before it notices, so the first row is not enough.
    """
    came = sorted({row.received_ns for row in rows if row.received_ns <= until_ns})
    silences = [(later - sooner, later) for sooner, later in pairwise(came) if later > trouble.begun_ns]
    return max(silences, default=(0, trouble.ended_ns))[1]


def _allowance(trouble: Trouble, until_ns: int, rows: Sequence[Row], interval_ns: int) -> tuple[int, int]:
    """Where windows may lie for one fault: from the last value before it until values came again.

    Two intervals more: a value may wait one before it is sent, and messages are one apart. By the server's clock: one
    that was set meanwhile makes it longer, or the time before and the time after it lie in disorder.
    """
    before = [row.tick.at_ns for row in rows if row.received_ns <= trouble.begun_ns]
    begun_ns = trouble.begun_ns + trouble.before_ns
    start = min(begun_ns, before[-1] if before else begun_ns)
    back = max(trouble.ended_ns, back_ns(trouble, until_ns, rows))
    lasted, early = back - trouble.begun_ns, begun_ns - start
    end = NEVER_NS if back >= NEVER_NS else back + trouble.after_ns
    return min(start, end - lasted - early) - 2 * interval_ns, max(end, begun_ns + lasted if end < NEVER_NS else end)


def _loose(windows: Sequence[Window], allowed: Sequence[tuple[int, int]], late_ns: int) -> list[Finding]:
    """Each window lies in what was allowed for one fault, and all of them together are no longer than all of that.

    A window may end up to `late_ns` after the first value came: the two are stamped one after the other.
    """
    found = []
    budget = union_ns(allowed)
    late = [(start, end + late_ns) for start, end in allowed]
    for window in windows:
        text = f"{window.reason} {window.node or 'all'} {_text(window.start_ns)} to {_text(window.end_ns)}"
        if not allowed:
            found.append(Finding(Charge.UNFOUNDED, text))
        elif window.end_ns is None and allowed[-1][1] < NEVER_NS:
            found.append(Finding(Charge.OPEN, text))
        elif not any(start <= window.start_ns and (window.end_ns or NEVER_NS) <= end for start, end in late):
            spans = ", ".join(f"{_text(start)} to {_text(end)}" for start, end in allowed)
            found.append(Finding(Charge.LOOSE, f"{text}; what happened: {spans}"))
    for node in {window.node for window in windows}:
        spans = [(w.start_ns, w.end_ns) for w in windows if w.node in (None, node) and w.end_ns is not None]
        if allowed and union_ns(spans) > budget:
            found.append(Finding(Charge.LOOSE, f"{union_ns(spans) / S:.3f} s of windows for {budget / S:.3f} s"))
    return found


def _text(at_ns: int | None) -> str:
    return "…" if at_ns is None else f"{at_ns / S:.3f}"
