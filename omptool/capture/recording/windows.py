"""The windows of one server, while it is recorded: opened as soon as values may be missing, ended when it is known.

A window is written when it opens, so that a crash cannot hide it, and again under the same key when its end is known.
Runs in the one worker thread; decides no cause and reads no clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from omptool.capture.encode import times_of
from omptool.capture.format import Flag
from omptool.capture.recording.backfill import Window
from omptool.capture.recording.outage import Hole, Outage
from omptool.capture.writer import CaptureWriter
from omptool.model.vocabulary import GapReason, GapState

if TYPE_CHECKING:
    import pyarrow as pa

    from omptool.capture.resume import Left


class Windows:
    """Of one server.

    Args:
        server: what the capture calls it.
        number: of the server, unique also among the runs of a capture.
        on_part: gets each window of a subscription that stands, where one is to be written again.

    Attributes:
        sub: the subscription that new windows concern; None while there is none.
        gaps: windows written, by reason; one that is written again counts once.
        outage: the stretch without a subscription, while there is one.
    """

    def __init__(
        self, writer: CaptureWriter, server: str, number: str, on_part: Callable[[Window], None] | None = None
    ) -> None:
        self.server = server
        self.sub: int | None = None
        self.gaps: Counter[str] = Counter()
        self.outage: Outage | None = None
        self.number = number
        self._writer = writer
        self._on_part = on_part
        self._outages = 0
        self._ended: Window | None = None
        self._unbounded: list[tuple[str, int, Hole]] = []
        self._failed: dict[int, Outage] = {}

    def adopt(self, left: Left) -> tuple[int, bool]:
        """Take over what an earlier run left open; since when values may be missing, and whether by our clock."""
        start, by_our_clock = left.since_ns, left.by_our_clock
        for gap in left.windows:
            outage = Outage(str(gap.key), GapReason(gap.reason), gap.start_ns, gap.detail, gap.sub)
            if gap.node is not None:
                self._failed[gap.node] = outage
            elif gap == left.ended:
                self.outage = outage
            else:  # it was away already; from here on we were
                start, by_our_clock = max(gap.start_ns, left.recorded_ns), False
                self.write(outage.reason, gap.start_ns, start, detail=gap.detail, key=gap.key, sub=gap.sub)
                continue
            self.gaps[outage.reason] += 1
        return start, by_our_clock

    # of the whole subscription

    def begin(
        self,
        reason: GapReason,
        start_ns: int,
        cause: str,
        epoch: int,
        *,
        by_our_clock: bool = False,
        is_held: bool = False,
    ) -> None:
        """Values may be missing from here on; held back from the capture while it may yet be made good."""
        self._outages += 1
        key = f"outage {self.number}.{self._outages}"
        detail = {"cause": cause} if self.sub is None else {"cause": cause, "epoch": epoch}
        self.outage = Outage(key, reason, start_ns, detail, self.sub, by_our_clock, is_held)
        if not is_held:
            self._open(self.outage)

    def give_up(self, reason: GapReason) -> bool:
        """What was held back stands, until there is a new subscription; False where nothing was."""
        outage = self.outage
        if outage is None or not outage.is_held:
            return False
        outage.reason, outage.is_held = reason, False
        self._open(outage)
        return True

    def end(self, end_ns: int, ahead_ns: int, step_ns: int = 0) -> list[Window]:
        """Write it again, with its end: twice, by the old clock and the new, where the server's was set by `step_ns`.

        Returns what could be filled.
        """
        outage, self.outage = self.outage, None
        if outage is None:
            return []
        begun = outage.start_ns + (ahead_ns if outage.by_our_clock else 0)
        spans = [(begun, end_ns - step_ns), (begun + step_ns, end_ns)] if step_ns else [(begun, end_ns)]
        self.gaps[outage.reason] -= 1
        windows = []
        for number, span in enumerate(spans):
            key, start, end = outage.key + number * ".new", min(span), max(span)
            self.write(outage.reason, start, end, detail=outage.evidence, key=key, sub=outage.sub)
            windows.append(Window(key, outage.sub, outage.reason, outage.evidence, start, end))
        self._ended = windows[-1]
        self.bound_holes(windows[-1].end_ns, outage.sub)
        return windows

    def late_start(self, rows: pa.RecordBatch, published_ns: int) -> list[Window]:
        """The window that ended last, written again, where first values of new items are stamped behind it.

        A server may say that items exist and look at their values only later: what was in between nobody has. Stamps
        ahead of `published_ns`, the newest PublishTime, are of another clock, and say nothing about it.
        """
        ended, is_initial = self._ended, (rows.column("flags").to_numpy() & int(Flag.INITIAL)) != 0
        self._ended = ended if is_initial.any() else None
        if ended is None or self._ended is None:
            return []
        stamps = times_of(rows)[is_initial]
        end_ns = int(stamps.max(initial=ended.end_ns, where=stamps <= published_ns))
        if end_ns == ended.end_ns:
            return []
        self._ended = replace(ended, end_ns=end_ns)
        again = {"detail": ended.detail, "key": ended.key, "sub": ended.sub}
        self._again(GapReason(ended.reason), ended.start_ns, end_ns, **again)
        return [self._ended]

    def _open(self, outage: Outage) -> None:
        self.write(outage.reason, outage.start_ns, None, detail=outage.evidence, key=outage.key, sub=outage.sub)
        self.sub = None

    # of messages

    def hole(self, hole: Hole, start_ns: int, end_ns: int | None) -> None:
        """Messages that never arrived; where the next one is not known, the end is what `bound_holes` says."""
        if end_ns is not None:
            start, end = min(start_ns, end_ns), max(start_ns, end_ns)
            self.part(GapReason.SEQUENCE_LOST, start, end, missing=hole.missing, detail=hole.detail)
            return
        self._outages += 1
        key = f"hole {self.number}.{self._outages}"
        self._unbounded.append((key, start_ns, hole))
        self.write(GapReason.SEQUENCE_LOST, start_ns, None, missing=hole.missing, detail=hole.detail, key=key)

    def part(
        self,
        reason: GapReason,
        start_ns: int,
        end_ns: int,
        *,
        missing: int | None,
        node: int | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Messages, or values of one node, are missing while the subscription stands."""
        key = None
        if self._on_part is not None:
            self._outages += 1
            key = f"part {self.number}.{self._outages}"
            self._on_part(Window(key, self.sub, str(reason), detail or {}, start_ns, end_ns, node, missing))
        self.write(reason, start_ns, end_ns, node=node, missing=missing, detail=detail, key=key)

    def bound_holes(self, end_ns: int, sub: int | None) -> None:
        """Whatever was missing at last was sent before this moment: the subscription ended, or new items exist."""
        holes, self._unbounded = self._unbounded, []
        for key, start, hole in holes:
            end = max(start, end_ns)
            self._again(GapReason.SEQUENCE_LOST, start, end, missing=hole.missing, detail=hole.detail, key=key, sub=sub)

    # of items

    def item_failed(self, handle: int, since_ns: int, detail: Mapping[str, Any]) -> None:
        """Nothing of this item is in the capture from here on."""
        if handle not in self._failed:
            key = f"item {handle} {since_ns}"
            self._failed[handle] = Outage(key, GapReason.ITEM_FAILED, since_ns, detail, self.sub)
            self.write(GapReason.ITEM_FAILED, since_ns, None, node=handle, detail=detail, key=key)

    def item_created(self, handle: int, at_ns: int) -> None:
        """An item exists; where it had failed before, its window ends."""
        outage = self._failed.pop(handle, None)
        if outage is not None:
            end = max(at_ns, outage.start_ns)
            self._again(
                outage.reason, outage.start_ns, end, node=handle, detail=outage.detail, key=outage.key, sub=outage.sub
            )

    def handles(self, handles: range, at_ns: int) -> None:
        """These are the handles now: an item that had failed under another one has a new one."""
        for handle in [handle for handle in self._failed if handle not in handles]:
            self.item_created(handle, at_ns)

    # of anything

    def write(
        self,
        reason: GapReason,
        start_ns: int,
        end_ns: int | None,
        *,
        node: int | None = None,
        missing: int | None = None,
        detail: Mapping[str, Any] | None = None,
        key: str | None = None,
        sub: int | None = None,
    ) -> None:
        """A window with an observed cause."""
        self.gaps[str(reason)] += 1
        self._writer.gap(
            reason, server=self.server, start_ns=start_ns, end_ns=end_ns, state=GapState.EXPLAINED,
            node=node, sub=self.sub if sub is None else sub, missing=missing, detail=detail, key=key,
        )  # fmt: skip

    def _again(self, reason: GapReason, start_ns: int, end_ns: int, **fields: Any) -> None:
        self.gaps[str(reason)] -= 1
        self.write(reason, start_ns, end_ns, **fields)
