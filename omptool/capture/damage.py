"""Turns broken intervals, missing files and holes in the numbering into one list of damage, each with what it cost.

Rows, commits and segments are numbered without holes, so what is missing is known even where nothing of it is left.
Pure: works on what the index found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from omptool.capture.cache import Cached, CachedSegment
from omptool.capture.commits import Commit
from omptool.capture.format import SCHEMAS, segment_file
from omptool.capture.index import Broken, SegmentIndex
from omptool.capture.retired import BEGINNING, Start, starts, stated

_NAMED = 1000
"""Missing segments that are told one by one; a far number in a file's name is no reason to count up to it."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that was acknowledged and is not intact.

    Attributes:
        file: name inside the capture; [start, end) its bytes, both 0 when the whole file is meant.
        rows: lost rows; None = unknown. `first_row` is the `seq` of the first one, when known.
        t_min, t_max: between these Unix nanoseconds values may be missing; None = unknown.
        kind: `telemetry`, `events`, or `nodes` for a node table.
    """

    file: str
    reason: str
    start: int = 0
    end: int = 0
    rows: int | None = None
    first_row: int | None = None
    t_min: int | None = None
    t_max: int | None = None
    kind: str = "telemetry"


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment file with its index; `schema` is that of its header, or the contract's when the header is damaged."""

    kind: str
    number: int
    schema: pa.Schema
    index: SegmentIndex


def account(
    kind: str, segments: Sequence[Segment], cached: Mapping[str, CachedSegment], start: Start = BEGINNING
) -> list[Damage]:
    """All damage in the segments of one kind.

    Args:
        segments: those found, by number.
        cached: what capture.json says of closed segments, by file name.
        start: where the first one has to begin.
    """
    state = _Account(kind, start)
    number, named = start.number, 0
    for segment in segments:
        first = max(number, segment.number - (_NAMED - named))
        named += max(segment.number - first, 0)
        for missing in range(first, segment.number):
            state.lose(Damage(segment_file(kind, missing), "the file is missing", kind=kind))
        number = segment.number + 1
        state.walk(segment.index)
        state.expect(cached.get(segment.index.path.name), segment.index.end)
    for entry in _following(kind, number, cached):
        state.lose(Damage(entry.file, "the file is missing", kind=kind))
        state.expect(entry, 0)
    state.settle(None)
    return state.damage


def retained(segments: Sequence[Segment], begins: Mapping[str, Start]) -> tuple[list[Segment], list[Segment]]:
    """The segments that count, and those that retention gave up."""
    kept = [segment for segment in segments if segment.number >= begins[segment.kind].number]
    return kept, [segment for segment in segments if segment.number < begins[segment.kind].number]


def beginnings(segments: Sequence[Segment], cached: Cached | None) -> dict[str, Start]:
    """Where the kept segments begin: by the journal, by later segments, by capture.json where files are gone."""
    found = starts([entry for segment in segments for entry in segment.index.journal])
    for kind in SCHEMAS:
        own = [segment for segment in segments if segment.kind == kind]
        told = [found[kind], *(stated(segment.schema.metadata) for segment in own)]
        first = min((segment.number for segment in own), default=0)
        told += (
            [cached.starts[kind]] if cached and kind in cached.starts and cached.starts[kind].number == first else []
        )
        newest = max((segment.number for segment in own), default=0)
        found[kind] = max(
            (start for start in told if start.number <= newest), key=lambda s: s.number, default=BEGINNING
        )
    return found


def _following(kind: str, number: int, cached: Mapping[str, CachedSegment]) -> Iterator[CachedSegment]:
    """Closed segments behind the last one that was found."""
    while entry := cached.get(segment_file(kind, number)):
        yield entry
        number += 1


class _Account:
    """Where the numbering stands while the intervals go by."""

    def __init__(self, kind: str, start: Start) -> None:
        self.kind = kind
        self.damage: list[Damage] = []
        self.open = 0
        """How many of the newest damages still wait to learn what they cost."""
        self.next_row = start.row
        self.next_sequence: int | None = start.sequence
        self.last_time: int | None = None

    def walk(self, index: SegmentIndex) -> None:
        name = index.path.name
        for item in index.items:
            if isinstance(item, Broken):
                self.lose(
                    Damage(name, item.reason, item.start, item.end, item.rows, None, item.t_min, item.t_max, self.kind)
                )
                continue
            is_next = item.lost is not None or self.next_sequence in (None, item.sequence)
            hole = item.first_row > self.next_row or not is_next
            if not self.open and hole:
                self.lose(Damage(name, "what should lie before is missing", item.offset, item.offset, kind=self.kind))
            self.settle(item)

    def lose(self, damage: Damage) -> None:
        self.damage.append(damage)
        self.open += 1
        self.next_sequence = None

    def expect(self, entry: CachedSegment | None, end: int) -> None:
        """Compare a segment with what capture.json says of it."""
        if entry is None:
            return
        if end < entry.bytes and not self.open:
            self.lose(Damage(entry.file, "the file was cut off", end, entry.bytes, kind=self.kind))
        if self.open and entry.end_row >= self.next_row:
            self._share(entry.end_row - self.next_row, None)
            self.next_row = entry.end_row

    def settle(self, commit: Commit | None) -> None:
        """Close the open damages at the next intact commit, or at the end."""
        if self.open and commit is not None:
            self._share(commit.first_row - self.next_row, commit.t_min)
        elif self.open:
            self._share(None, None)
        if commit is not None:
            self.next_row = commit.end_row
            self.next_sequence = commit.sequence + 1 if commit.lost is None else None  # a patch may stand for several
            self.last_time = commit.t_max if commit.t_max is not None else self.last_time

    def _share(self, rows: int | None, until: int | None) -> None:
        """Give the lost rows to the open damages: what their commits say, the rest to the last silent one."""
        first, known = self.next_row, len(self.damage) - self.open
        told = sum(damage.rows or 0 for damage in self.damage[known:])
        silent = [at for at in range(known, len(self.damage)) if self.damage[at].rows is None]
        for at in range(known, len(self.damage)):
            damage = self.damage[at]
            count = damage.rows
            if count is None and rows is not None:
                count = max(0, rows - told) if at == silent[-1] else 0
            low = self.last_time if damage.t_min is None else damage.t_min
            high = until if damage.t_max is None else damage.t_max
            self.damage[at] = replace(damage, rows=count, first_row=first, t_min=low, t_max=high)
            first += count or 0
        self.open = 0
