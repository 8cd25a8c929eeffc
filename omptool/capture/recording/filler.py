"""The writing half of a backfill: notes what lies beside a window, stores what history has, writes the window again.

Runs in the one worker thread, beside the `RecordingStore` of the same server.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence, Set
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from omptool.capture.format import Flag
from omptool.capture.recording.backfill import Fill, Window
from omptool.capture.recording.recent import Recent
from omptool.capture.writer import CaptureWriter
from omptool.model.vocabulary import GapReason, GapState

if TYPE_CHECKING:
    from omptool.capture.recording.terms import Quota
    from omptool.protocol.columns import ItemColumns


_MOST_WAITING = 10_000
"""Windows of parts that wait to be filled; of more the first ones stay as they are."""


class Filler:
    """Of one server.

    Attributes:
        rows: stored from history; `windows` that it returned whole.
    """

    def __init__(self, writer: CaptureWriter, quota: Quota) -> None:
        self.rows = self.windows = 0
        self._writer = writer
        self._quota = quota
        self._before: pa.RecordBatch | None = None
        self._after: list[pa.RecordBatch] = []
        self._window: Window | None = None
        self._asked = ""
        self._late_end_ns = 0
        self._fill: Fill | None = None
        self._handles = range(0)
        self._recent: Recent | None = None
        self._parts: deque[Window] = deque(maxlen=_MOST_WAITING)

    def subscribed(self, handles: range) -> None:
        """New items exist, nothing of them is stored yet."""
        self._before, self._after, self._window = self._writer.last_values(handles), [], None
        if self._recent is None or handles != self._handles:
            self._handles, self._recent = handles, Recent(self._before)
            self._parts.clear()

    @property
    def is_waiting(self) -> bool:
        """Whether there is a window to be filled."""
        return self._window is not None or bool(self._parts)

    def noted(self, window: Window) -> None:
        """A part of what a subscription sent is missing, and it stands."""
        self._parts.append(window)

    def ended(self, window: Window) -> None:
        """A window ended, and could be filled; or it lasts longer than was said, which a fill under way cannot know."""
        if window.key == self._asked:
            self._late_end_ns = window.end_ns
        else:
            self._window = window

    def stored(self, rows: pa.RecordBatch) -> None:
        """Rows of the new items."""
        if self._recent is not None:
            self._recent.add(rows, time.monotonic_ns())
        if self._window is not None:
            initial = (rows.column("flags").to_numpy() & int(Flag.INITIAL)) != 0
            self._after.append(rows.filter(pa.array(initial)))

    def begin(self, handles: Sequence[int]) -> Fill | None:
        """What is to be asked of history for these nodes next; None when no window waits."""
        window, before, self._window = self._window, self._before, None
        if window is None or before is None:
            self._fill = self._part(set(handles))
        else:
            self._asked, self._late_end_ns = window.key, window.end_ns
            after = pa.Table.from_batches(self._after, schema=before.schema).combine_chunks().to_batches()
            self._fill = Fill(dict.fromkeys(handles, window), before, after[0] if after else before.slice(0, 0))
        return self._fill

    def _part(self, handles: Set[int]) -> Fill | None:
        """Of the windows that wait, one of all nodes, or one of each of several nodes."""
        windows: dict[int, Window] = {}
        while self._parts and self._recent is not None:
            window = self._parts[0]
            if window.node is None:
                if not windows:
                    windows = dict.fromkeys(sorted(handles), self._parts.popleft())
                break
            if window.node in windows:
                break
            self._parts.popleft()
            if window.node in handles:
                windows[window.node] = window
        if not windows or self._recent is None:
            return None
        around = self._recent.around(windows)
        return Fill(windows, around.before, around.after, around.inside)

    def fill(self, number: int, columns: ItemColumns, sub: int) -> None:
        """Store what the history of a node has and the capture lacks."""
        assert self._fill is not None
        now_ns, mono_ns = time.time_ns(), time.monotonic_ns()
        rows = self._fill.take(number, columns, sub=sub, receive_ns=now_ns, mono_ns=mono_ns).slice(0, self._quota.left)
        if rows.num_rows:
            self._writer.append(rows)
            self._quota.take(rows.num_rows)
            self.rows += rows.num_rows
            if self._recent is not None:
                self._recent.add(rows, time.monotonic_ns())

    def end(self, endings: Sequence[str], server: str, sub: int | None) -> None:
        """All that could be had is stored: write each window again, `backfilled` if it is the whole.

        Args:
            endings: per node of `begin` why history did not return all; empty where it says that it did.
        """
        fill, self._fill = self._fill, None
        assert fill is not None
        causes = {handle: fill.missing(number, endings[number]) for number, handle in enumerate(fill.handles)}
        for window in {window.key: window for window in fill.windows.values()}.values():
            own = {handle: cause for handle, cause in causes.items() if fill.windows[handle] is window}
            self._again(window, fill.evidence(own), server, sub)

    def _again(self, window: Window, evidence: dict[str, Any], server: str, sub: int | None) -> None:
        end_ns = max(window.end_ns, self._late_end_ns) if window.key == self._asked else window.end_ns
        is_whole = evidence["filled"] == evidence["nodes"] > 0 and not self._quota.is_full and end_ns == window.end_ns
        self.windows += is_whole
        state = GapState.BACKFILLED if is_whole else GapState.EXPLAINED
        self._writer.journal("backfill", server=server, sub=sub, detail=evidence | {"state": str(state)})
        self._writer.gap(
            GapReason(window.reason), server=server, start_ns=window.start_ns, end_ns=end_ns, state=state,
            node=window.node, sub=window.sub, missing=window.missing, detail={**window.detail, "history": evidence},
            key=window.key,
        )  # fmt: skip
