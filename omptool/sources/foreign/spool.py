"""Rows that were dear to read, kept for the next time: an Arrow stream in a nameless temporary file.

The file has no name, so nothing is left behind however the process ends.
"""

from __future__ import annotations

import mmap
import tempfile
import weakref
from collections.abc import Iterator

import pyarrow as pa
from pyarrow import ipc


class Spool:
    """Written once, read any number of times, by several readers at once."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as this
        weakref.finalize(self, self._file.close)
        self._writer = ipc.new_stream(self._file, schema, options=ipc.IpcWriteOptions(compression="lz4"))
        self._map: mmap.mmap | None = None

    def add(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)

    def close(self) -> None:
        """No more rows; from now on they can be read."""
        self._writer.close()
        self._file.flush()
        self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        self._file.close()  # the map holds what is in it

    def batches(self) -> Iterator[pa.RecordBatch]:
        assert self._map is not None, "closed before it is read"
        yield from ipc.open_stream(pa.BufferReader(pa.py_buffer(self._map)))
