"""Chunks of one result on disk, in a file without a name: whatever ends the server, nothing is left behind.

Where the system has no nameless files, the file lies in a folder that only this user may enter.
"""

from __future__ import annotations

import tempfile
import threading
from pathlib import Path


class Spool:
    """Chunks by number; each is written once and read any number of times, from any thread."""

    def __init__(self, folder: Path) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115  lives as long as the result
        self._lock = threading.Lock()
        self._places: list[tuple[int, int]] = []
        self.size = 0

    def append(self, data: bytes) -> None:
        """Add a chunk.

        Raises:
            OSError: no space left.
            ValueError: the spool is closed.
        """
        with self._lock:
            self._file.seek(self.size)
            self._file.write(data)
            self._file.flush()
            self._places.append((self.size, len(data)))
            self.size += len(data)

    def read(self, number: int) -> bytes:
        """Chunk `number`.

        Raises:
            IndexError: there is none of this number.
        """
        with self._lock:
            start, length = self._places[number]
            self._file.seek(start)
            return self._file.read(length)

    def close(self) -> None:
        """Give the space back; there are no chunks any more."""
        with self._lock:
            self._file.close()
            self._places.clear()
            self.size = 0
