"""The writing half of a backfill: notes what lies beside a window, stores what history has, writes the window again.

Runs in the one worker thread, beside the `RecordingStore` of the same server.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyarrow as pa

from omptool.capture.backfill import Fill, Window
from omptool.capture.format import Flag
from omptool.capture.writer import CaptureWriter
from omptool.model.vocabulary import GapReason, GapState

if TYPE_CHECKING:
    from omptool.capture.recording import Quota
    from omptool.protocol.columns import ItemColumns


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
        self._fill: Fill | None = None

    def subscribed(self, handles: range) -> None:
        """New items exist, nothing of them is stored yet."""
        self._before, self._after, self._window = self._writer.last_values(handles), [], None

    def ended(self, window: Window) -> None:
        """A window ended, and could be filled."""
        self._window = window

    def stored(self, rows: pa.RecordBatch) -> None:
        """Rows of the new items."""
        if self._window is not None:
            initial = (rows.column("flags").to_numpy() & int(Flag.INITIAL)) != 0
            self._after.append(rows.filter(pa.array(initial)))

    def begin(self, handles: Sequence[int]) -> Fill | None:
        """What is to be asked of history for these nodes; None when no window waits."""
        window, before, self._window = self._window, self._before, None
        if window is None or before is None:
            return None
        after = pa.Table.from_batches(self._after, schema=before.schema).combine_chunks().to_batches()
        self._fill = Fill(window, before, after[0] if after else before.slice(0, 0), handles)
        return self._fill

    def fill(self, number: int, columns: ItemColumns, sub: int) -> None:
        """Store what the history of a node has and the capture lacks."""
        assert self._fill is not None
        now_ns, mono_ns = time.time_ns(), time.monotonic_ns()
        rows = self._fill.take(number, columns, sub=sub, receive_ns=now_ns, mono_ns=mono_ns).slice(0, self._quota.left)
        if rows.num_rows:
            self._writer.append(rows)
            self._quota.take(rows.num_rows)
            self.rows += rows.num_rows

    def end(self, endings: Sequence[str], server: str, sub: int | None) -> None:
        """All that could be had is stored: write the window again, `backfilled` if it is the whole.

        Args:
            endings: per node of `begin` why history did not return all; empty where it says that it did.
        """
        fill, self._fill = self._fill, None
        assert fill is not None
        causes = [fill.missing(number, ending) for number, ending in enumerate(endings)]
        is_whole = bool(causes) and not any(causes) and not self._quota.is_full
        self.windows += is_whole
        state = GapState.BACKFILLED if is_whole else GapState.EXPLAINED
        evidence, window = fill.evidence(causes), fill.window
        self._writer.journal("backfill", server=server, sub=sub, detail=evidence | {"state": str(state)})
        self._writer.gap(
            GapReason(window.reason), server=server, start_ns=window.start_ns, end_ns=window.end_ns, state=state,
            sub=window.sub, detail={**window.detail, "history": evidence}, key=window.key,
        )  # fmt: skip
