"""stdout as a stream of bytes that tells a closed pipe and a full disk apart from errors of whoever makes the rows."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

from omptool.cli import terminal

if TYPE_CHECKING:
    from omptool.errors import OutputFailed


class ClosedPipe(Exception):
    """The reader of stdout went away (`| head`): silent, and no failure."""


class Stdout:
    """A binary file over stdout for writers that want one; closing it leaves stdout open."""

    closed = False

    def __init__(self, raw: IO[bytes], *, escape: bool) -> None:
        """`escape`: make control and bidirectional characters visible; only for whole lines of text."""
        self._raw = raw
        self._escape = escape
        self._written = 0

    def writable(self) -> bool:
        """Yes."""
        return True

    def readable(self) -> bool:
        """No."""
        return False

    def seekable(self) -> bool:
        """No: it may be a pipe."""
        return False

    def tell(self) -> int:
        """Bytes so far: Parquet's writer asks, and a pipe does not know."""
        return self._written

    def write(self, data: Any) -> int:
        """Write all of `data`."""
        self._written += len(data)
        shown = terminal.escape_lines(bytes(data).decode()).encode() if self._escape else data
        self._guarded(lambda: self._raw.write(shown))
        return len(data)

    def flush(self) -> None:
        """Hand everything to the operating system, while an error can still be told."""
        self._guarded(self._raw.flush)

    def close(self) -> None:
        """Leave stdout open: it is not ours."""

    def _guarded(self, action: Callable[[], object]) -> None:
        try:
            action()
        except BrokenPipeError:
            silence()
            raise ClosedPipe from None
        except OSError as error:
            silence()
            raise failed("standard output", error) from error


def silence() -> None:
    """Point stdout to nowhere, or the interpreter complains once more when it flushes what is left at its end."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def failed(what: str, error: OSError) -> OutputFailed:
    """The error for output that the operating system refused."""
    from omptool.cli.exits import NO_SPACE
    from omptool.errors import DiskFull, OutputFailed

    reason = (error.strerror or str(error)).lower()
    if error.errno in NO_SPACE:
        return DiskFull(f"cannot write to {what}: {reason}", "free some space and run again")
    return OutputFailed(f"cannot write to {what}: {reason}", "choose a place that exists and that you may write to")
