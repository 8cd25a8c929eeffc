"""omptool on a leash: the same command line in a process that ends when its stdin closes.

`tour` starts its simulated plant this way, so that the plant is gone when the tour is, however the tour ended.
"""

from __future__ import annotations

import os
import signal
import sys
import threading

from omptool.cli.app import main


def _end_with_stdin() -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    main()
