"""What the server says no with → the error that a local engine would have raised, in the same words.

The server's text is data from outside: its length is bounded here, its control characters are the terminal's matter.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from omptool.errors import (
    Busy,
    NotFound,
    OmptoolError,
    ProtocolError,
    QueryError,
    ResultTooLarge,
    ServerRefused,
    StatementTimeout,
    Unreachable,
    UsageError,
)

_PREFIX = "urn:omptool:problem:"
_LONGEST_LINE = 2000
_LONGEST_HINT = 4000
_ERRORS: dict[str, Callable[[str, str], OmptoolError]] = {
    "statement-refused": QueryError,
    "statement-failed": QueryError,
    "statement-timeout": StatementTimeout,
    "result-too-large": ResultTooLarge,
    "invalid-request": UsageError,
    "conflict": QueryError,
    "not-found": NotFound,
    "unauthorized": ServerRefused,
    "too-busy": Busy,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """An RFC 9457 problem as far as it is one of ours."""

    kind: str
    detail: str
    hint: str

    def error(self) -> OmptoolError:
        """The exception for it."""
        return _ERRORS.get(self.kind, Unreachable)(self.detail, self.hint)


def read(document: Any) -> Problem | None:
    """The problem in a JSON document, None when it is something else."""
    if not isinstance(document, dict):
        return None
    kind, detail = document.get("type"), document.get("detail") or document.get("title")
    hint = document.get("hint") or ""
    if not isinstance(kind, str) or not kind.startswith(_PREFIX):
        return None
    if not isinstance(detail, str) or not isinstance(hint, str):
        return None
    line = " ".join(detail[:_LONGEST_LINE].split("\n"))
    return Problem(kind.removeprefix(_PREFIX), line, hint[:_LONGEST_HINT])


def of_body(body: bytes) -> Problem | None:
    """The problem in the body of an answer."""
    try:
        return read(json.loads(body))
    except (ValueError, RecursionError):
        return None


def refused(name: str, status: int, problem: Problem | None) -> ServerRefused:
    """401 and 403: the token is not one of this server."""
    said = problem.detail if problem else f"it answered {status}"
    return ServerRefused(
        f"cloud {name} refuses the token: {said}",
        f"copy the token file from the server again; [cloud.{name}] in omptool.toml names it",
    )


def redirected(name: str, status: int, target: str) -> ServerRefused:
    """3xx: a token goes only to the url beside it in the settings."""
    return ServerRefused(
        f"cloud {name} sends on to {target[:200] or 'nowhere'} ({status}), and the token goes only to its own url",
        f"if that is right, write it as url in [cloud.{name}] of omptool.toml",
    )


def stranger(name: str, url: str, what: str) -> ProtocolError:
    """An answer that no cloud API of omptool gives."""
    return ProtocolError(
        f"{url} does not answer like a cloud API: {what}", f"check url in [cloud.{name}] of omptool.toml"
    )
