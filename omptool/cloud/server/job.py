"""What the server asks of a worker and what comes back: limits, a statement, its chunks. No process, no socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from omptool.sql.parameters import Parameter

CHUNK_BYTES = 4 * 1024 * 1024
"""Arrow bytes before compression in one chunk; a single row may be larger."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one statement may take, and how many run at once.

    Attributes:
        memory: of one statement, a size such as `2GiB`.
        threads: of one statement; None is as many as there are processors.
        statement_s: seconds a statement may run.
        result_bytes: bytes of all chunks of a result, as they are sent.
        workers: statements that run at once, a process each.
        temporary: a size, what one statement may spill to disk.
    """

    memory: str = "2GiB"
    threads: int | None = None
    statement_s: float = 300.0
    result_bytes: int = 1024 * 1024 * 1024
    workers: int = 2
    temporary: str = "8GiB"


@dataclass(frozen=True, slots=True)
class Job:
    """A statement as a client sent it.

    Attributes:
        result_bytes: a limit below that of the server, or None.
    """

    statement: str
    parameters: Mapping[str, Parameter]
    tz: str | None = None
    repeatable: bool = False
    result_bytes: int | None = None


class Chunk(NamedTuple):
    """Some rows of a result: a complete Arrow IPC stream."""

    ipc: bytes
    rows: int


class Column(NamedTuple):
    """A column with its SQL type."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """What statements can name.

    Attributes:
        tables: table → columns.
        versions: table → version of the lake's table; tables the lake does not have are left out.
    """

    tables: Mapping[str, tuple[Column, ...]]
    versions: Mapping[str, int]


def pack(value: Parameter) -> Any:
    """A parameter as JSON; what JSON has no word for becomes an object with one key."""
    if isinstance(value, list):
        return [pack(item) for item in value]
    if isinstance(value, datetime):
        return {"timestamp": value.astimezone(UTC).isoformat()}
    if isinstance(value, timedelta):
        return {"interval": value // timedelta(microseconds=1)}
    return value


def unpack(packed: Any) -> Parameter:
    """The parameter that `pack` made JSON of."""
    if isinstance(packed, list):
        return [unpack(item) for item in packed]  # type: ignore[misc]  # a list in a list is refused by the engine
    if isinstance(packed, dict):
        if "timestamp" in packed:
            return datetime.fromisoformat(packed["timestamp"])
        return timedelta(microseconds=packed["interval"])
    return packed  # type: ignore[no-any-return]  # what JSON knows itself
