"""Where a subscription stands by what is on disk of it: what another process needs to go on without a seam.

The account that was written last says what had come by then; the rows behind it say what came since. Pure but for
reading the capture; says why where it cannot be told.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from omptool.capture import account
from omptool.capture.encode import trusted_times
from omptool.capture.format import EVENTS_KIND, UNSENT
from omptool.capture.rowclock import Anchor
from omptool.model.times import unix_ns_to_ticks
from omptool.model.vocabulary import GapReason
from omptool.protocol.ledger import LAST, Range, distance, step
from omptool.protocol.statement import BLANK, Open, Statement

if TYPE_CHECKING:
    from omptool.capture.entries import JournalEntry
    from omptool.capture.reader import Capture
    from omptool.capture.resume import Left


class _Told(NamedTuple):
    """The account; rows, undecodable and left out values, and the last row of the capture when it was written."""

    said: Statement
    rows: int
    undecodable: int
    left_out: int
    row: int


_BLANK = _Told(BLANK, 0, 0, 0, 0)
_COUNTS = frozenset(Statement._fields) - {"first", "next", "published_ticks", "missing"}


@dataclass(frozen=True, slots=True)
class Position:
    """Of one subscription.

    Attributes:
        sub, epoch, subscription_id: as the capture bound it; `handles` of its nodes in the capture.
        said: the account of all that is on disk; `lost` the numbers that were given up.
        rows, undecodable: what became of the values.
        seen: handles of nodes that have a value, and `last_ns` its time.
        anchor: the last message, where rows run on a clock of their own.
        events: numbers of messages whose events are on disk, but not in the account: their values may not be.
    """

    sub: int
    epoch: int
    subscription_id: int
    handles: range
    slack_ns: int
    began_ns: int
    said: Statement
    lost: tuple[Range, ...]
    rows: int
    undecodable: int
    seen: npt.NDArray[np.uint32]
    last_ns: npt.NDArray[np.int64]
    anchor: Anchor | None
    events: frozenset[int]


def positions(capture: Capture, lefts: Iterable[Left]) -> dict[str, Position | str]:
    """By server where its last subscription stands, or why nobody can go on with it. Reads the newest rows once."""
    servers = list(lefts)
    if capture.finished:
        return {left.identity.server: "the capture was ended" for left in servers}
    bound = {entry.server: entry for entry in capture.journal_entries if entry.kind == "subscribe"}
    newest = {entry.sub: entry for entry in capture.journal_entries if entry.kind == account.KIND}
    told = {left.sub: _told(newest[left.sub]) for left in servers if left.sub in newest}
    since = _Since(capture, {sub: said.row for sub, said in told.items() if sub is not None and said is not None})
    found: dict[str, Position | str] = {}
    for left in servers:
        said = told.get(left.sub, _BLANK)
        found[left.identity.server] = _position(capture, left, bound.get(left.identity.server), said, since)
    return found


def _position(
    capture: Capture, left: Left, bound: JournalEntry | None, told: _Told | None, since: _Since
) -> Position | str:
    if bound is None or left.sub is None or bound.sub != left.sub:
        return "it had no subscription"
    if any(gap.node is None for gap in left.windows):
        return "its subscription was lost before"
    number, publishing_ms = bound.detail.get("subscription_id"), bound.detail.get("publishing_ms")
    handles = left.room
    if type(number) is not int or bound.detail.get("handles") != [handles.start, handles.stop - 1]:
        return "the capture does not say which nodes its subscription had"
    whole = None if told is None else since.added(left.sub, told.said)
    if told is None or whole is None or whole.unnumbered or whole.restarts or told.left_out:
        return "its messages were not counted whole"
    slack_ns = round(publishing_ms * 1e6) if isinstance(publishing_ms, int | float) else 0
    published_ns = left.since_ns + slack_ns
    seen, last_ns, anchor = _last(left)
    ticks = unix_ns_to_ticks(anchor.published_ns if anchor else published_ns)
    return Position(
        sub=left.sub,
        epoch=left.epoch,
        subscription_id=number,
        handles=handles,
        slack_ns=slack_ns,
        began_ns=published_ns,
        said=whole._replace(published_ticks=ticks),
        lost=tuple(_lost(capture, left.sub)),
        rows=told.rows + since.rows(left.sub),
        undecodable=told.undecodable,
        seen=seen,
        last_ns=last_ns,
        anchor=anchor,
        events=frozenset(each for each in since.events[left.sub] if distance(whole.next, each) < LAST // 2),
    )


class _Since:
    """The rows behind the last accounts.

    Args:
        rows: by subscription the last row of the capture when its account was written; of others there are none.

    Attributes:
        events: by subscription the numbers of messages that the newest events came with.
    """

    def __init__(self, capture: Capture, rows: Mapping[int, int]) -> None:
        self._rows: Counter[int] = Counter()
        self._numbers: dict[int, set[int]] = defaultdict(set)
        self.events = _newest_events(capture)
        for first, batch in capture.batches(after_row=min(rows.values(), default=capture.last_row)):
            live = (batch.column("flags").to_numpy() & UNSENT) == 0
            subs, numbers = batch.column("sub").to_numpy(), batch.column("sequence").to_numpy()
            for sub in np.unique(subs).tolist():
                if sub in rows:
                    own = (subs == sub) & live
                    own[: max(rows[sub] - first + 1, 0)] = False
                    self._rows[sub] += int(own.sum())
                    self._numbers[sub] |= set(np.unique(numbers[own]).tolist())

    def rows(self, sub: int) -> int:
        return self._rows[sub]

    def added(self, sub: int, said: Statement) -> Statement | None:
        """The account with these rows; None where they do not follow it, as an account that is up to date leaves them.

        A number that was skipped is missing. None can be late: the account is written with every one that is.
        """
        ahead = sorted(distance(said.next, number) for number in self._numbers[sub])
        if ahead and ahead[-1] > LAST // 2:
            return None
        missing, at = list(said.missing), 0
        for steps in ahead:
            if steps > at:
                missing.append(Open(step(said.next, at), step(said.next, steps - 1), 0, 0))
            at = steps + 1
        return said._replace(
            next=step(said.next, at),
            received=said.received + len(ahead),
            values=said.values + self._rows[sub],
            missing=tuple(missing),
        )


def _newest_events(capture: Capture) -> Mapping[int, set[int]]:
    """Of the last commit: events are on disk before the account that counts their message, in no other one."""
    found: dict[int, set[int]] = defaultdict(set)
    ends = [end.end_row for part in capture.parts if part.kind == EVENTS_KIND for end in part.index.good if end.rows]
    for _, batch in capture.event_batches(after_row=ends[-2] - 1 if len(ends) > 1 else 0):
        for sub, number in zip(batch.column("sub").to_pylist(), batch.column("sequence").to_pylist(), strict=True):
            found[sub].add(number)
    return found


def _told(entry: JournalEntry) -> _Told | None:
    detail = entry.detail
    counts = {name: _count(detail.get(name, 0)) for name in _COUNTS | {"rows", "undecodable", "left_out", "row"}}
    first, following = detail.get("first"), detail.get("next")
    missing = [_open(hole) for hole in detail["missing"]] if isinstance(detail.get("missing"), list) else [None]
    known = [number for number in counts.values() if number is not None]
    holes = [hole for hole in missing if hole is not None]
    if len(known) < len(counts) or len(holes) < len(missing) or "holes" in detail:
        return None
    if not (_is_number(first) and _is_number(following)):
        return None
    plain = {name: count or 0 for name, count in counts.items()}
    rows, undecodable, left_out, row = (plain.pop(name) for name in ("rows", "undecodable", "left_out", "row"))
    said = Statement(first=first, next=following, published_ticks=0, missing=tuple(holes), **plain)
    return _Told(said, rows, undecodable, left_out, row)


def _open(hole: Any) -> Open | None:
    if not (isinstance(hole, list) and len(hole) == 4 and _is_number(hole[0]) and _is_number(hole[1])):
        return None
    start, end = (unix_ns_to_ticks(ns) if type(ns) is int and 0 < ns < 2**63 else 0 for ns in hole[2:])
    return Open(hole[0], hole[1], start, end)


def _lost(capture: Capture, sub: int) -> Iterator[Range]:
    for gap in capture.gap_entries:
        first, last = gap.detail.get("first"), gap.detail.get("last")
        if gap.sub == sub and gap.reason == GapReason.SEQUENCE_LOST and _is_number(first) and _is_number(last):
            yield Range(first, last)


def _last(left: Left) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.int64], Anchor | None]:
    """The nodes that have a value of the subscription, when it was, and the last message if its clock is another."""
    rows = left.last_values
    nodes, handles = rows.column("node").to_numpy(), left.handle_range
    is_sent = (rows.column("flags").to_numpy() & UNSENT) == 0
    own = (rows.column("sub").to_numpy() == left.sub) & (nodes >= handles.start) & (nodes < handles.stop) & is_sent
    rows = rows.filter(pa.array(own))
    times = trusted_times(rows)
    anchor = None
    if left.is_foreign and rows.num_rows:
        received = rows.column("receive_time").cast(pa.int64()).to_numpy()
        newest = int(received.max())
        anchor = Anchor(newest, int(times[received == newest].max()))
    return rows.column("node").to_numpy(), times, anchor


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value < 2**63 else None


def _is_number(value: Any) -> TypeGuard[int]:
    return type(value) is int and 1 <= value <= LAST
