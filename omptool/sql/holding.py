"""Rows of a statement as a table of the session: stored once, and spilled when they do not fit into memory."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb

_PRUNING = "SET dynamic_or_filter_threshold = 2000"
"""So many nodes are looked for one by one in the statistics of a lake's files, which pass over whole row groups."""
_AS_WRITTEN = "SET disabled_optimizers = 'join_order,build_side_probe_side'"
"""Nothing is known of lists of parameters: the engine would take millions of rows for few and build tables of them."""


def hold(connection: duckdb.DuckDBPyConnection, name: str, statement: str, parameters: Mapping[str, object]) -> None:
    """Store the rows of a statement.

    As long as the table is there, statements join as they are written: what is small stands on the right.
    """
    connection.execute(_PRUNING)
    connection.execute(_AS_WRITTEN)
    connection.execute(f"CREATE TEMP TABLE {name} AS {statement}", dict(parameters))


def release(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Drop the table, if it came to be."""
    connection.execute(f"DROP TABLE IF EXISTS {name}")
    connection.execute("RESET disabled_optimizers")
    connection.execute("RESET dynamic_or_filter_threshold")
