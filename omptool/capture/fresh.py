"""Files that nothing names yet: written at once, synced together just before the first commit that names them.

3,000 servers have 6,000 of them when a capture begins; a sync for each as it is written would take as long as
connecting. They are named by their contents, so one that is there already is the same, or a torn one of a computer that
lost its power: then it is written again.
"""

from __future__ import annotations

import os
from pathlib import Path

from omptool.capture import batches
from omptool.capture.segment import sync, sync_folder, write_error, write_whole


class FreshFiles:
    """Of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names: set[str] = set()

    def write(self, name: str, data: bytes) -> None:
        """A whole file, or none; it may be named in what is synced after `sync`.

        Raises:
            DiskFull, OutputFailed: nothing changed.
        """
        path = self._folder / name
        if batches.read_small_file(path, len(data)) != data:
            write_whole(path, data, is_synced=False)
        self._names.add(name)

    def sync(self) -> None:
        """Make them durable, with their names.

        Raises:
            OutputFailed: they may not be; call again.
        """
        if not self._names:
            return
        path = self._folder
        try:
            for name in self._names:
                path = self._folder / name
                fd = os.open(path, os.O_RDWR | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0))
                try:
                    sync(fd)
                finally:
                    os.close(fd)
        except OSError as error:
            raise write_error(path, error) from None
        sync_folder(self._folder)
        self._names.clear()
