"""omptool on a disk that stands still for a while: after SIGUSR1 the next sync takes SECONDS.

python -m tests.load.slow_disk SECONDS capture …
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

from omptool.cli.app import main

_sync = os.fdatasync
_asked = threading.Event()


def slow(fd: int) -> None:
    if _asked.is_set():
        _asked.clear()
        time.sleep(seconds)
    _sync(fd)


if __name__ == "__main__":
    seconds = float(sys.argv[1])
    sys.argv = [sys.argv[0], *sys.argv[2:]]
    os.fdatasync = slow  # what the writer syncs segments with
    signal.signal(signal.SIGUSR1, lambda number, frame: _asked.set())
    main()
