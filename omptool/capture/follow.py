"""Follows a capture while it grows: commit by commit, without reading again what was read.

Never writes, and never shows more than what is committed. Where more is needed than new rows (another description of
nodes, deleted segments) the capture is opened anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from omptool.capture.format import TELEMETRY_KIND, segment_file
from omptool.capture.index import extend, index_segment
from omptool.capture.lock import is_held
from omptool.capture.reader import Capture, segment_of
from omptool.capture.view import Telemetry
from omptool.errors import Damaged
from omptool.model.plant import PlantModel

_ANEW = frozenset({"nodes", "retention"})
"""Journal entries after which the capture is opened again."""


class Follower:
    """A capture that may still grow.

    Attributes:
        capture: as last opened.
    """

    def __init__(self, path: Path, capture: Capture, plant: PlantModel | None = None) -> None:
        self.capture = capture
        self._path = path
        self._plant = plant
        self._view = Telemetry(capture, plant=plant)
        self._seq = capture.last_row
        self._seen = len(capture.journal_entries)

    @property
    def is_growing(self) -> bool:
        """Whether somebody writes it."""
        return is_held(self._path)

    def standing(self) -> Iterator[pa.RecordBatch]:
        """Rows of `telemetry` that say what every node was last: of the newest segment, carried ones with `seq` 0."""
        for first, batch in self.capture.newest_batches():
            yield from self._rows(first, batch)

    def grown(self) -> Iterator[pa.RecordBatch]:
        """Rows of `telemetry` that were committed since the last time."""
        try:
            found = list(self._grown())
        except (Damaged, FileNotFoundError):  # retention came between
            self._open()
            return
        yield from found

    def _grown(self) -> Iterator[pa.RecordBatch]:
        if self._extend() & _ANEW:
            self._open()
        for first, batch in self.capture.batches(self._seq):
            self._seq = first + batch.num_rows - 1
            yield from self._rows(first, batch)

    def _open(self) -> None:
        self.capture = Capture.open(self._path)
        self._view = Telemetry(self.capture, plant=self._plant)

    def _extend(self) -> set[str]:
        """Walk on to the end of the newest segments; the kinds of the journal entries on the way."""
        segments = self.capture.parts
        newest = max((part for part in segments if part.kind == TELEMETRY_KIND), key=lambda part: part.number)
        before = len(newest.index.journal)
        extend(newest.index, self.capture.id)
        kinds = {entry.kind for entry in newest.index.journal[before:]}
        following = self._path / segment_file(TELEMETRY_KIND, newest.number + 1)
        while following.exists():
            segment = segment_of(index_segment(following, self.capture.id))
            segments.append(segment)
            kinds |= {entry.kind for entry in segment.index.journal}
            following = self._path / segment_file(TELEMETRY_KIND, segment.number + 1)
        return kinds

    def _rows(self, first: int, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        if first:
            yield from self._view.rows(np.arange(first, first + batch.num_rows, dtype=np.int64), batch)
            return
        newest = np.full(batch.num_rows, max(self.capture.last_row, 1), np.int64)  # what they are called now
        for rows in self._view.rows(newest, batch):
            yield rows.set_column(rows.schema.get_field_index("seq"), rows.schema.field("seq"), pa.array(newest * 0))
