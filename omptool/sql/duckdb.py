"""The one door to DuckDB: every connection of omptool is opened here, with the same settings, and closed.

No extension is ever fetched (plants are offline), no Python variable can be named in SQL, the session is UTC unless
asked, results leave as Arrow, and what does not fit into memory goes to a private folder that is removed.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from zoneinfo import ZoneInfo

import duckdb

from omptool.errors import OmptoolError, UsageError

_MEMORY_SHARE = 0.6
"""Of the memory DuckDB would take (80 % of the machine's or container's): a capture may be running beside the query."""

_ZONE_HINT = "use a name like Europe/Berlin or UTC"

_DISK_SHARE = 0.8
"""Of the free disk for rows that do not fit into memory."""


@contextlib.contextmanager
def connect(
    *, tz: str | None = None, memory_limit: str | None = None, temporary_limit: str | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """An in-memory database for the length of the block.

    Args:
        tz: time zone of the session, for casts and display of times; default UTC.
        memory_limit: a size such as `2GiB`, beyond which rows are spilled; default a share of the machine's memory.
        temporary_limit: a size, how much may be spilled; default a share of the free disk.

    Raises:
        UsageError: no such time zone.
    """
    zone = check_zone(tz)
    folder = tempfile.mkdtemp(prefix="omptool-sql-")
    connection = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "allow_community_extensions": "false",
            "python_enable_replacements": "false",
            "temp_directory": folder,
            "max_temp_directory_size": temporary_limit or f"{int(shutil.disk_usage(folder).free * _DISK_SHARE)}B",
            "errors_as_json": "true",
        },
    )
    try:
        _set_zone(connection, zone)
        connection.execute("SET enable_progress_bar = false")
        connection.execute(f"SET memory_limit = '{memory_limit or _memory(connection)}'")
        yield connection
    finally:
        connection.close()  # an open one prints leak messages at the end of the interpreter
        shutil.rmtree(folder, ignore_errors=True)


def open_stores(
    connection: duckdb.DuckDBPyConnection, schemes: Iterable[str], on_failure: Callable[[OmptoolError], object]
) -> None:
    """Let statements read objects of these kinds of stores, by names such as `s3://bucket/x.parquet`.

    Args:
        on_failure: told what went wrong; the engine's own error hides it.
    """
    for scheme in schemes:
        from omptool.store.ranges import FILES  # loads asyncio, which nobody else needs

        connection.register_filesystem(FILES[scheme](on_failure))


def keep_footers(connection: duckdb.DuckDBPyConnection) -> None:
    """Read what stands at the end of Parquet files once: that of thousands of row groups takes a third of a second.

    For files that never change under their names: the engine may not see that one did.
    """
    connection.execute("SET parquet_metadata_cache = true")


def make_repeatable(connection: duckdb.DuckDBPyConnection) -> None:
    """Add floating-point numbers in one order on every run, whatever memory and processors there are.

    One thread takes rows in the order of the files. Groups and joins are always partitioned as if rows had to be
    spilled: else the engine does so only when memory runs short, and the last digits of a sum would depend on that.
    """
    connection.execute("SET threads = 1")
    connection.execute("SET debug_force_external = true")


def _set_zone(connection: duckdb.DuckDBPyConnection, zone: str) -> None:
    try:
        connection.execute(f"SET TimeZone = '{zone}'")
    except duckdb.NotImplementedException:  # such as localtime, a file among those of the time zones
        raise UsageError(f"the SQL engine does not know the time zone {zone}", _ZONE_HINT) from None


def _memory(connection: duckdb.DuckDBPyConnection) -> str:
    table = connection.sql("SELECT current_setting('memory_limit') AS size").to_arrow_table()
    amount, unit = table["size"][0].as_py().split()
    return f"{float(amount) * _MEMORY_SHARE:.2f}{unit}"


def check_zone(tz: str | None) -> str:
    """The name of a time zone that exists; UTC for None."""
    if tz is None:
        return "UTC"
    try:
        return ZoneInfo(tz).key
    except (KeyError, ValueError, OSError):
        raise UsageError(f"unknown time zone {tz}", _ZONE_HINT) from None
