"""Tables in a DuckDB database file, as Arrow. Opens read-only, loads no extension, never runs what the file holds."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from omptool.errors import Damaged

ROWS = 16_384


def columns(path: Path) -> dict[str, list[str]]:
    """Table → its columns.

    Raises:
        Damaged: no DuckDB file, one of another version, or one that is in use.
    """
    with _opened(path) as database:
        found: dict[str, list[str]] = {}
        for table, column in database.execute(
            "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal AND schema_name = 'main' "
            "AND database_name = current_database() AND table_name IN (SELECT table_name FROM duckdb_tables()) "
            "ORDER BY table_name, column_index"
        ).fetchall():
            found.setdefault(table, []).append(column)
        return found


def batches(path: Path, table: str) -> Iterator[pa.RecordBatch]:
    """The rows of a table."""
    with _opened(path) as database:
        name = table.replace('"', '""')
        yield from database.sql(f'FROM "{name}"').to_arrow_reader(ROWS)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    config: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
    }
    try:
        with duckdb.connect(path, read_only=True, config=config) as database:
            yield database
    except (duckdb.Error, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise Damaged(
            f"{path} cannot be read as DuckDB: {reason}", "get it again, or close what has it open"
        ) from error
