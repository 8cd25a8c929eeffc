"""Keeps a capture that runs for months within bounds: deletes its oldest closed segments, and says so in it first.

`choose` decides, `scan` looks at what goes, `retire` writes down what has to stay (see `retired`) and deletes. The one
who records runs `Keeper`. The newest segment of a kind is never deleted: it holds the last value of every node.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from omptool.capture import oplog, retired
from omptool.capture.format import EVENTS_KIND, TELEMETRY_KIND
from omptool.capture.index import index_segment
from omptool.capture.reader import Capture, segment_rows
from omptool.capture.recording.terms import Keep
from omptool.capture.retired import Counted, Going, Start, Story
from omptool.capture.segment import remove
from omptool.capture.writer import CaptureWriter
from omptool.errors import DiskFull, OutputFailed
from omptool.model.vocabulary import GapReason, GapState

EVERY_S = 1.0
"""Between two looks; each costs a few comparisons as long as nothing is due."""


_AT_ONCE = 500_000
"""Rows counted together: with thousands of subscriptions, many commits cost little more than one."""


class Closed(NamedTuple):
    """A segment that may go: when it was closed, by our clock."""

    closed_s: float
    kind: str
    number: int
    file: str
    bytes: int


class Chosen(NamedTuple):
    """Segments that have to go, oldest first, and for which bound."""

    segments: tuple[Closed, ...]
    cause: str
    is_short: bool
    """Whether a bound is broken all the same: nothing more may go."""


def choose(closed: Sequence[Closed], keep: Keep, *, now_s: float, size: int, free: int) -> Chosen:
    """The oldest segments, as few as the bounds allow; pure.

    Args:
        closed: all that may go.
        size: bytes of the capture, `free` bytes on its disk.
    """
    going: list[Closed] = []
    causes: dict[str, None] = {}
    for segment in _by_age(closed):
        cause = _broken(keep, now_s - segment.closed_s, size, free)
        if not cause:
            return Chosen(tuple(going), " and ".join(causes), is_short=False)
        causes[cause] = None
        going.append(segment)
        size, free = size - segment.bytes, free + segment.bytes
    return Chosen(tuple(going), " and ".join(causes), bool(_broken(keep, 0.0, size, free)))


def _by_age(closed: Sequence[Closed]) -> list[Closed]:
    """Oldest first; those of a kind in the order of their numbers, since what is kept begins with one of them.

    A file may be younger than the one after it (mended, copied, a clock set back): it counts as old as that one.
    """
    youngest: dict[str, float] = {}
    found = []
    for segment in sorted(closed, key=lambda each: -each.number):
        youngest[segment.kind] = min(segment.closed_s, youngest.get(segment.kind, segment.closed_s))
        found.append(segment._replace(closed_s=youngest[segment.kind]))
    return sorted(found)


def _broken(keep: Keep, age_s: float, size: int, free: int) -> str:
    if keep.age_s is not None and age_s > keep.age_s:
        return "older than --keep-for allows"
    if keep.size is not None and size > keep.size:
        return "more than --keep-size allows"
    return "less room on the disk than --keep-free demands" if keep.free is not None and free < keep.free else ""


class Looked(NamedTuple):
    """What is in a segment: the next `seq` and commit of its kind, and what was counted of each subscription.

    Attributes:
        sent: of `subs`, what came with messages; an account counts nothing else.
    """

    row: int
    sequence: int
    subs: dict[int, Counted]
    sent: dict[int, Counted]


def scan(folder: Path, capture_id: str, segment: Closed) -> Looked | None:
    """Read a segment that is about to go; None when nothing of it can be read, so that it stays where damage shows."""
    index = index_segment(folder / segment.file, capture_id)
    if not index.good:
        return None
    last = index.good[-1]
    looked = Looked(last.end_row, last.sequence + 1, {}, {})
    held: list[retired.Columns] = []
    rows = 0
    for first, batch in segment_rows(index):
        held.append(retired.columns(first, batch))
        rows += batch.num_rows
        if rows > _AT_ONCE:
            _take(looked, held)
            held, rows = [], 0
    if held:
        _take(looked, held)
    return looked


def _take(looked: Looked, held: Sequence[retired.Columns]) -> None:
    whole = retired.Columns(*(np.concatenate(parts) for parts in zip(*held, strict=True))).placed()
    _join(looked.subs, dict(retired.count(whole)))
    _join(looked.sent, dict(retired.count(whole.sent())))


def _join(known: dict[int, Counted], later: Mapping[int, Counted]) -> None:
    for sub, counted in later.items():
        known[sub] = known[sub].joined(counted) if sub in known else counted


def going(folder: Path, capture_id: str, chosen: Chosen, starts: dict[str, Start]) -> Going | None:
    """What is in the chosen segments, up to the first that cannot be read; None when there is nothing to delete."""
    files, size = [], 0
    counts: dict[str, dict[int, Counted]] = {kind: {} for kind in starts}
    sent: dict[int, Counted] = {}
    starts = dict(starts)
    for segment in chosen.segments:
        looked = scan(folder, capture_id, segment)
        if looked is None:
            break
        files.append(segment.file)
        size += segment.bytes
        starts[segment.kind] = Start(segment.number + 1, looked.row, looked.sequence)
        _join(counts[segment.kind], looked.subs)
        if segment.kind == TELEMETRY_KIND:
            _join(sent, looked.sent)
    if not files:
        return None
    return Going(tuple(files), size, starts, counts[TELEMETRY_KIND], sent, counts[EVENTS_KIND], chosen.cause)


def retire(writer: CaptureWriter, story: Story, gone: Going) -> None:
    """Say that segments are gone, make that durable, and delete them; killed in between, nobody reads them any more.

    Raises:
        DiskFull, OutputFailed: nothing, or not everything, is deleted; call again.
    """
    windows, totals = gone.windows(story), gone.totals(story)
    writer.entries.again(*story.take_before(gone.starts[TELEMETRY_KIND].number))
    begins = {kind: start.facts() for kind, start in gone.starts.items()}
    facts = {"segments": len(gone.files), "bytes": gone.bytes, "rows": sum(c.rows for c in gone.subs.values())}
    writer.journal(retired.KIND, detail=facts | {"cause": gone.cause} | begins)
    for sub, counted in totals.items():
        writer.journal(retired.COUNTS, server=story.subs.get(sub), sub=sub, detail=counted.facts())
    for gap in windows:
        writer.gap(
            GapReason.RETENTION, server=gap.server, start_ns=gap.start_ns, end_ns=gap.end_ns, state=GapState.EXPLAINED,
            missing=gap.missing, detail=gap.detail, key=gap.key,
        )  # fmt: skip
    writer.commit()
    remove([writer.path / name for name in gone.files])
    writer.forget_before(gone.starts)


def explained(error: DiskFull, keep: Keep) -> DiskFull:
    """The same, and why the bounds of the capture did not help."""
    if not keep.is_bounded:
        return error
    hint = "everything acknowledged is on disk; free some space and go on with --resume: old segments\n"
    return DiskFull(error.message, f"{hint}can be deleted as soon as there is room to note which")


def story_of(capture: Capture) -> Story:
    """What the segments of a capture say, to go on with."""
    story = Story()
    for part in capture.parts:
        if part.kind == TELEMETRY_KIND:
            for entry in part.index.journal:
                story.note(entry)
            for gap in part.index.gaps:
                story.note_gap(gap)
            story.settle(part.number)
    return story


class Recorder(Protocol):
    """Whoever has the writer; `in_thread` does work on it where nobody else does."""

    def __call__(self, work: Callable[[], Any]) -> Awaitable[Any]: ...


class Keeper:
    """Holds a capture within its bounds while it is recorded."""

    def __init__(
        self, keep: Keep, in_thread: Recorder, account: Callable[[], None], before: Capture | None = None
    ) -> None:
        """`account` brings the accounts of all subscriptions up to date; `before`: the capture that is gone on with."""
        self.story: Story | None = None
        if keep.is_bounded:
            self.story = Story() if before is None else story_of(before)
        self._keep = keep
        self._in_thread, self._account = in_thread, account
        self._closed_s: dict[str, float] = {}
        self._is_short = False

    async def run(self, writer: Callable[[], CaptureWriter | None]) -> None:
        """Look again and again; until it is cancelled."""
        while self.story is not None:
            open_writer = writer()
            if open_writer is not None:
                try:
                    await self.look(open_writer, self.story)
                except (OutputFailed, OSError) as error:  # the recording itself will say so where it matters
                    oplog.entry("retention_short", None, {"cause": str(error)})
            await asyncio.sleep(EVERY_S)

    async def look(self, writer: CaptureWriter, story: Story) -> None:
        """Delete what is due.

        Raises:
            OutputFailed: it cannot be deleted, or written down.
        """
        closed = self._closed(writer)
        size = sum(line.held_bytes for line in writer.lines)
        free = shutil.disk_usage(writer.path).free
        chosen = choose(closed, self._keep, now_s=time.time(), size=size, free=free)
        if chosen.is_short and not self._is_short:
            oplog.entry("retention_short", None, {"cause": f"{_broken(self._keep, 0, size, free)}, nothing may go"})
        self._is_short = chosen.is_short
        if chosen.segments:
            starts = {line.name: line.start for line in writer.lines}
            gone = await asyncio.to_thread(going, writer.path, writer.id, chosen, starts)
            if gone is not None:
                await self._in_thread(lambda: self._retire(writer, story, gone))

    def _retire(self, writer: CaptureWriter, story: Story, gone: Going) -> None:
        """Whoever goes on after a kill counts from the last account on: no row behind it may be gone."""
        self._account()
        retire(writer, story, gone)

    def _closed(self, writer: CaptureWriter) -> list[Closed]:
        """All closed segments but the newest of each kind."""
        found = []
        for line in writer.lines:
            newest = line.number
            for entry in line.closed:
                name = entry["file"]
                number = int(name[4:].partition(".")[0])
                if number < newest:
                    if name not in self._closed_s:
                        self._closed_s[name] = (writer.path / name).stat().st_mtime
                    found.append(Closed(self._closed_s[name], line.name, number, name, entry["bytes"]))
        return found
