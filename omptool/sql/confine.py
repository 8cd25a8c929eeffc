"""Shut a connection in: what a statement from outside may reach once its views stand.

It is the inner of two walls. The gate (`admission.py`) comes before it, the sandbox of the process around it; each is
made to hold when the others fail. Nothing here can be undone by SQL.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb

from omptool.sources.source import Files, Named
from omptool.sql.views import exact, literal
from omptool.store.location import Location


@dataclass(frozen=True, slots=True)
class Confinement:
    """What one statement may take.

    Attributes:
        memory: a size such as `2GiB`; rows beyond it are spilled.
        temporary: a size, how much may be spilled.
        threads: at most; None is as many as there are processors.
        statement_s: seconds it may run.
    """

    memory: str
    temporary: str
    threads: int | None
    statement_s: float

    def limits(self) -> dict[str, str]:
        """The part of it that `connect` takes."""
        return {"memory_limit": self.memory, "temporary_limit": self.temporary}


def shut(connection: duckdb.DuckDBPyConnection, sources: Sequence[Named], confinement: Confinement) -> None:
    """Leave the connection only its views, the files they read, and the settings it has; for good."""
    connection.execute(f"SET max_execution_time = {max(1, int(confinement.statement_s * 1000))}")
    connection.execute(f"SET allowed_paths = [{', '.join(literal(name) for name in _names(_files(sources)))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _files(sources: Sequence[Named]) -> Iterable[Location]:
    for named in sources:
        for table in named.source.views().values():
            if isinstance(table, Files):
                yield from table.paths


def _names(paths: Iterable[Location]) -> list[str]:
    """Each path as it is, and as the pattern the views name it by: DuckDB compares both with this list."""
    return [name for path in paths for name in dict.fromkeys((str(path), exact(str(path))))]
