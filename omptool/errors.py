"""Every error a user can meet, so that one place maps them to exit codes and one place prints them.

An error says what happened and why (`message`) and what to type next (`hint`, may be empty). It never prints, and it
knows no exit code: those are the contract of the command line (`cli/exits.py`). Whatever is not in this tree is a bug.

    OmptoolError
    ├── UsageError               a wrong combination of arguments
    │   └── ConfigError          a wrong value in omptool.toml or the environment: file, key, nearest valid key
    ├── NotFound                 a file, node, column, table or selection that is not there
    ├── OutputExists             a file or folder that would have been overwritten
    ├── OutputFailed             output that cannot be written: permission, missing folder
    │   └── DiskFull             no space left; what was acknowledged is safe
    ├── CaptureError             a capture that cannot be used
    │   ├── NotACapture          something else lies at this path
    │   ├── UnsupportedFormat    written by a newer omptool
    │   └── Damaged              bytes are missing or changed beyond what can be read around
    ├── LakeError                a lake that cannot be used
    ├── QueryError               a statement that the engine refused: position and nearest name
    │   ├── StatementTimeout     a statement that ran longer than it may
    │   └── ResultTooLarge       a statement that answers with more than it may
    ├── RecipeError              a recipe of an analysis that does not say what it must: file, key
    ├── ProtocolError            the peer sent what OPC UA, or the cloud API, does not allow
    │   └── MalformedMessage     bytes that do not decode
    ├── ServerRefused            credentials, certificate, policy or a service the server does not grant
    ├── Unreachable              no connection, or lost for good: a retry may help
    └── Busy                     another process holds the lock or the port, or a server has its hands full
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Sequence


class OmptoolError(Exception):
    """What went wrong, for a person.

    Attributes:
        message: what happened and why, one line without a full stop.
        hint: what to do next, ideally a command to type; may hold several lines or be empty.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(OmptoolError):
    """Arguments that do not fit together."""


class ConfigError(UsageError):
    """A setting that cannot be used; the message names file and key."""


class NotFound(OmptoolError):
    """Something named by the user is not there."""


class OutputExists(OmptoolError):
    """The output is already there and would be lost."""


class OutputFailed(OmptoolError):
    """The output cannot be written."""


class DiskFull(OutputFailed):
    """No space left on the device."""


class CaptureError(OmptoolError):
    """A capture that cannot be used as asked."""


class NotACapture(CaptureError):
    """The path holds something else."""


class UnsupportedFormat(CaptureError):
    """The capture was written in a newer format."""


class Damaged(CaptureError):
    """The capture has damage that cannot be read around."""


class LakeError(OmptoolError):
    """A lake that cannot be used as asked."""


class QueryError(OmptoolError):
    """A statement that the engine refused."""


class StatementTimeout(QueryError):
    """A statement ran longer than its engine allows."""


class ResultTooLarge(QueryError):
    """A statement answers with more than its engine allows."""


class RecipeError(OmptoolError):
    """A recipe of an analysis that does not say what it must."""


class ProtocolError(OmptoolError):
    """The peer sent something that OPC UA, or the cloud API, does not allow."""


class MalformedMessage(ProtocolError):
    """Bytes that do not decode as what they claim to be."""


class ServerRefused(OmptoolError):
    """The server answered, and said no."""


class Unreachable(OmptoolError):
    """No connection to the server; trying again may help."""


class Busy(OmptoolError):
    """Another process holds the lock or the port, or a server has its hands full."""


def cannot_listen(error: OSError, host: str, port: int, *, option: str = "--port") -> OmptoolError:
    """Why no server can listen here; the same words and the same class whichever server it is.

    Args:
        option: of the command, which takes a port and finds a free one for 0.
    """
    if error.errno == errno.EADDRINUSE:
        return Busy(f"port {port} on {host} is in use", f"take another one, or let a free one be found: {option} 0")
    what = f"cannot listen on {host}:{port}"
    if isinstance(error, socket.gaierror):
        return OutputFailed(f"{what}: nobody knows this name", "name an address of this computer, such as 127.0.0.1")
    reason = (os.strerror(error.errno) if error.errno else str(error)).lower()
    if error.errno == errno.EADDRNOTAVAIL:
        return OutputFailed(f"{what}: {reason}", "name an address of this computer, such as 127.0.0.1")
    return OutputFailed(f"{what}: {reason}", f"take a port above 1023, or {option} 0")


def none_answers(label: str, errors: Sequence[BaseException]) -> BaseException:
    """What to say when all addresses of a server were tried: what one of them said before that others are silent."""
    said = [error for error in errors if not isinstance(error, Unreachable)]
    if said or len(errors) == 1:
        return (said or errors)[0]
    lines = [error.message for error in errors if isinstance(error, Unreachable)]
    return Unreachable(f"none of the {len(errors)} addresses of {label} answers", "\n".join(lines))
