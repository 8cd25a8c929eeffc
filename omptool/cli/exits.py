"""Exit codes: the contract of the command line with scripts and cron, so they live here and not in the library.

The meaning of a number never changes. Loss of data is no error: a command that did its work with loss returns PARTIAL.
"""

from __future__ import annotations

import errno
from enum import IntEnum

from omptool import errors

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the operating system says when a disk, a quota or a file-size limit is full."""


class ExitCode(IntEnum):
    """What a shell sees in `$?`."""

    OK = 0
    """Done, nothing missing."""
    FAILED = 1
    """The work could not be done."""
    USAGE = 2
    """Wrong flags or a wrong configuration; nothing was started."""
    PARTIAL = 3
    """Done, but with loss, gaps or bad rows in this run; stderr says which."""
    UNREACHABLE = 4
    """No connection to a server; trying again may help."""
    BUSY = 5
    """Another process holds the lock or the port, or a cloud has too many statements; trying again may help."""
    DIFFERENT = 6
    """A comparison found differences."""
    BUG = 70
    """A fault of omptool itself; stderr has the traceback."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C (SIGINT); what was acknowledged is on disk."""
    TERMINATED = 143
    """Stopped by SIGTERM; what was acknowledged is on disk."""


def exit_code_for(error: errors.OmptoolError) -> ExitCode:
    """The exit code of an error that reached the top."""
    if isinstance(error, errors.UsageError):
        return ExitCode.USAGE
    if isinstance(error, errors.Unreachable):
        return ExitCode.UNREACHABLE
    if isinstance(error, errors.Busy):
        return ExitCode.BUSY
    return ExitCode.FAILED
