"""Proves, item by item, whether a capture is complete: every byte is checked, every row counted, every window named.

"Complete" means that every notification the server queued was received and is here. What a server never sampled it
cannot show: such an item is "sampled". Pure but for reading the capture.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from omptool.capture.damage import Damage
from omptool.capture.encode import trusted_times
from omptool.capture.evidence import Tally
from omptool.capture.format import Flag
from omptool.capture.reader import Capture
from omptool.capture.story import unknown_node
from omptool.errors import Damaged
from omptool.model.nodes import MonitoredNode
from omptool.model.vocabulary import GapState

COMPLETE, SAMPLED, WINDOWS = "complete", "sampled", "windows"

_NONE = np.iinfo(np.int64)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What holds for some items of a server alike.

    Attributes:
        server: C1 name.
        paths: of the items, or their NodeIds.
        rows: of these items; first_ns, last_ns their times (Unix nanoseconds) without initial values, None = no rows.
        verdict: `COMPLETE`, `SAMPLED` or `WINDOWS`.
        detail: why sampled, for a person.
        windows: rows of the view `gaps`.
    """

    server: str
    paths: tuple[str, ...]
    rows: int
    first_ns: int | None
    last_ns: int | None
    verdict: str
    detail: str
    windows: tuple[Mapping[str, Any], ...]

    @property
    def items(self) -> int:
        return len(self.paths)


@dataclass(frozen=True, slots=True)
class Verification:
    """Verdicts by server, and what is damaged."""

    verdicts: tuple[Verdict, ...]
    damage: tuple[Damage, ...]

    @property
    def has_windows(self) -> bool:
        return any(verdict.windows for verdict in self.verdicts)

    @property
    def has_unexplained(self) -> bool:
        """Whether something is damaged, or missing for no known cause."""
        states = {window["state"] for verdict in self.verdicts for window in verdict.windows}
        return bool(self.damage) or not states <= {GapState.EXPLAINED, GapState.BACKFILLED}


@dataclass(slots=True)
class _Item:
    """One monitored item with what its rows say."""

    server: str
    node_id: str
    path: str
    rows: int
    first_ns: int | None
    last_ns: int | None
    handles: Sequence[int]


def verify(capture: Capture) -> Verification:
    """Check all of a capture: checksums (done by opening it), every batch, the accounts, and the list of gaps."""
    damage = list(capture.damage)
    counts, tally = _Counts(), Tally(capture)
    try:
        for first, batch in capture.batches():
            counts.add(batch)
            tally.add(first, batch)
        for first, batch in capture.event_batches():
            tally.add_events(first, batch)
    except Damaged as error:
        damage.append(Damage(capture.path.name, error.message))
    sampled = _sampled(capture)
    windows = _Windows(capture, [*capture.gaps().to_pylist(), *([] if damage else tally.contradictions())])
    groups: dict[tuple[Any, ...], list[_Item]] = defaultdict(list)
    for item in _items(capture, counts):
        found = windows.of(item)
        why = "" if found else sampled.get((item.server, item.node_id), "")
        groups[item.server, found, why].append(item)
    verdicts = [_verdict(items, windows.rows(found), why) for (_, found, why), items in groups.items()]
    verdicts += [_verdict_without_items(row) for row in windows.unused()]
    return Verification(tuple(sorted(verdicts, key=_order)), tuple(damage))


def _order(verdict: Verdict) -> tuple[str, int, int]:
    return verdict.server, (COMPLETE, SAMPLED, WINDOWS).index(verdict.verdict), -verdict.items


def _verdict(items: Sequence[_Item], windows: tuple[Mapping[str, Any], ...], why: str) -> Verdict:
    return Verdict(
        server=items[0].server,
        paths=tuple(item.path for item in items),
        rows=sum(item.rows for item in items),
        first_ns=min((item.first_ns for item in items if item.first_ns is not None), default=None),
        last_ns=max((item.last_ns for item in items if item.last_ns is not None), default=None),
        verdict=WINDOWS if windows else SAMPLED if why else COMPLETE,
        detail=why,
        windows=windows,
    )


def _verdict_without_items(window: Mapping[str, Any]) -> Verdict:
    """A window of a server of which no item is known."""
    return Verdict(str(window["server"]), (), 0, None, None, WINDOWS, "", (window,))


class _Counts:
    """Rows per handle, and their first and last time."""

    def __init__(self) -> None:
        self.rows: Counter[int] = Counter()
        self.first: dict[int, int] = {}
        self.last: dict[int, int] = {}

    def add(self, batch: Any) -> None:
        handles, position = np.unique(batch.column("node").to_numpy(), return_inverse=True)
        times = trusted_times(batch)
        counted = (batch.column("flags").to_numpy() & int(Flag.INITIAL)) == 0
        low = np.full(len(handles), _NONE.max)
        high = np.full(len(handles), _NONE.min)
        np.minimum.at(low, position[counted], times[counted])
        np.maximum.at(high, position[counted], times[counted])
        totals = np.bincount(position, minlength=len(handles))
        for handle, total, first, last in zip(
            handles.tolist(), totals.tolist(), low.tolist(), high.tolist(), strict=True
        ):
            self.rows[handle] += total
            if last != _NONE.min:
                self.first[handle] = min(first, self.first.get(handle, first))
                self.last[handle] = max(last, self.last.get(handle, last))


def _items(capture: Capture, counts: _Counts) -> Iterator[_Item]:
    """Every monitored item, and handles with rows that no table explains."""
    known: dict[tuple[str, str], dict[int, MonitoredNode]] = {}
    for _, table in capture.tables.tables:  # a node has a new handle where its server renumbered its namespaces
        for entry in table.nodes:
            if entry.handle:
                known.setdefault((entry.server, entry.node.node_id), {})[entry.handle] = entry
    for (server, node_id), entries in known.items():
        path = list(entries.values())[-1].node.path
        yield _item(counts, list(entries), server, node_id, path or node_id)
    server = next((identity.server for identity in capture.servers), "")
    for handle in sorted(counts.rows.keys() - {handle for entries in known.values() for handle in entries}):
        unknown = unknown_node(capture.id, handle)
        yield _item(counts, [handle], server, unknown, unknown)


def _item(counts: _Counts, handles: Sequence[int], server: str, node_id: str, path: str) -> _Item:
    first = min((counts.first[handle] for handle in handles if handle in counts.first), default=None)
    last = max((counts.last[handle] for handle in handles if handle in counts.last), default=None)
    return _Item(server, node_id, path, sum(counts.rows[handle] for handle in handles), first, last, handles)


class _Windows:
    """The gaps by what they concern; used ones are remembered.

    One without an item concerns all items of its subscription, or of its server, as far as the capture tells which.
    """

    def __init__(self, capture: Capture, gaps: Sequence[Mapping[str, Any]]) -> None:
        self._gaps = gaps
        self._handles = _handles(capture)
        self._of_server: dict[str, list[int]] = defaultdict(list)
        self._of_item: dict[tuple[str, str], list[int]] = defaultdict(list)
        for at, gap in enumerate(gaps):
            if gap["node_id"] is None:
                self._of_server[gap["server"]].append(at)
            else:
                self._of_item[gap["server"], gap["node_id"]].append(at)
        self._used: set[int] = set()

    def of(self, item: _Item) -> tuple[int, ...]:
        """Positions of the gaps that concern an item."""
        of_all = [at for at in self._of_server.get(item.server, ()) if self._concerns(self._gaps[at], item)]
        found = (*of_all, *self._of_item.get((item.server, item.node_id), ()))
        self._used.update(found)
        return found

    def _concerns(self, gap: Mapping[str, Any], item: _Item) -> bool:
        spans = self._handles.get((item.server, gap["sub"]))
        return spans is None or any(handle in span for span in spans for handle in item.handles)

    def rows(self, positions: Sequence[int]) -> tuple[Mapping[str, Any], ...]:
        return tuple(self._gaps[at] for at in sorted(positions, key=lambda at: self._gaps[at]["start_time"]))

    def unused(self) -> Iterator[Mapping[str, Any]]:
        return (gap for at, gap in enumerate(self._gaps) if at not in self._used)


def _handles(capture: Capture) -> dict[tuple[str, Any], list[range]]:
    """The nodes of each subscription, by server and SubscriptionId; one of which it is not told is not there."""
    found: dict[tuple[str, Any], list[range]] = defaultdict(list)
    untold = set()
    for entry in capture.journal_entries:
        number = entry.detail.get("subscription_id")
        if entry.kind == "subscribe" and type(number) is int:
            key, span = (entry.server or "", number), entry.detail.get("handles")
            if isinstance(span, list) and len(span) == 2 and all(type(end) is int for end in span):
                found[key].append(range(span[0], span[1] + 1))
            else:
                untold.add(key)
    return {key: spans for key, spans in found.items() if key not in untold}


def _sampled(capture: Capture) -> dict[tuple[str, str], str]:
    """Items that the server samples more slowly, or queues less, than it was asked: why, for a person."""
    found = {}
    for entry in capture.journal_entries:
        items = entry.detail.get("items") if entry.kind == "revised" else None
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict) and item.get("sampled") is True:
                found[entry.server or "", str(item.get("node_id"))] = _why_sampled(item)
    return found


def _why_sampled(item: Mapping[str, Any]) -> str:
    if isinstance(every := item.get("poll_ms"), int | float):
        return f"read every {every:g} ms"
    asked, granted = item.get("asked_sampling_ms"), item.get("sampling_ms")
    if isinstance(asked, int | float) and isinstance(granted, int | float) and granted > asked:
        return f"server keeps one value per {granted:g} ms (asked {asked:g})"
    return f"server queues {item.get('queue_size')} value (asked {item.get('asked_queue_size')})"
