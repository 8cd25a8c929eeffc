"""Which statements run: exactly one, and only one that reads.

omptool only reads. DuckDB calls a statement with a COPY or INSERT inside its WITH clause a SELECT, so the statement's
tree is looked at, not its first word.
"""

from __future__ import annotations

import json
import re
from typing import Any

import duckdb

from omptool.errors import QueryError, UsageError
from omptool.sql import admission

_EXPLAIN = re.compile(r"\s*explain\b(\s+analyze\b)?(\s*\([^()]*\))?", re.IGNORECASE)
_WRITES = re.compile(
    r"\(\s*(copy\s*[(\w\"]|insert\s+(or\s+\w+\s+)?into\b|update\s+\S+.*?\bset\b|delete\s+from\b|merge\s+into\b)",
    re.IGNORECASE | re.DOTALL,
)
_LITERALS = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*|/\*.*?\*/|\$(\w*)\$.*?\$\1\$", re.DOTALL)
_READING_NODES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
_READS = "query only reads: SELECT, FROM, WITH, VALUES, PIVOT, DESCRIBE, SUMMARIZE, SHOW and EXPLAIN"


def admit(connection: duckdb.DuckDBPyConnection, statement: str) -> duckdb.Statement:
    """The one reading statement in a text.

    Raises:
        UsageError: no statement at all.
        QueryError: several statements, or one that could change something.
        duckdb.Error: the text cannot be parsed.
    """
    statements = connection.extract_statements(statement)
    if not statements:
        raise UsageError("the statement is empty", 'example: omptool query "from telemetry limit 10" --on x.omcap')
    if len(statements) > 1:
        raise QueryError(f"{len(statements)} statements, query runs one", "use WITH for intermediate results")
    only = statements[0]
    kind = only.type.name
    if kind not in ("SELECT", "EXPLAIN", "MULTI"):
        raise QueryError(f"query does not run {kind} statements", _READS)
    if _writes(connection, only.query, kind):
        raise QueryError("the statement writes", _READS)
    return only


def admit_remote(connection: duckdb.DuckDBPyConnection, statement: str) -> duckdb.Statement:
    """The one SELECT in a text from outside: over the catalog's tables, of known pieces and reviewed functions.

    Raises:
        UsageError: no statement at all.
        QueryError: several statements, another one, or one that names what it must not.
        duckdb.Error: the text cannot be parsed.
    """
    statements = _extract(connection, statement)
    if not statements:
        raise UsageError("the statement is empty", "example: from telemetry limit 10")
    if len(statements) > 1:
        raise QueryError(f"{len(statements)} statements, a server answers one", "use WITH for intermediate results")
    kind = statements[0].type.name
    if kind == "MULTI":
        raise QueryError("PIVOT is not answered here", admission.PIVOT_HINT)
    if kind != "SELECT":
        raise QueryError(f"a server does not run {kind} statements", admission.ALLOWED)
    try:
        tree = _tree(connection, statement)
        if not tree.get("error", True):
            admission.check(tree["statements"], statement)
            return statements[0]
    except RecursionError:
        raise QueryError("the statement is nested too deep to be checked", "use WITH for inner queries") from None
    raise QueryError("the statement cannot be checked", admission.ALLOWED)


def _extract(connection: duckdb.DuckDBPyConnection, statement: str) -> list[duckdb.Statement]:
    """The statements of a text; one of a kind that the library has no name for is refused."""
    try:
        found = connection.extract_statements(statement)
        _ = [one.type.name for one in found]
    except duckdb.Error:
        raise
    except Exception:  # noqa: BLE001 - CONNECT, for one, has a number that is no member of the library's enum
        raise QueryError("a server does not run this kind of statement", admission.ALLOWED) from None
    return found


def _writes(connection: duckdb.DuckDBPyConnection, text: str, kind: str) -> bool:
    if kind == "EXPLAIN":
        bare = _LITERALS.sub(lambda match: " " * len(match[0]), text)
        prefix = _EXPLAIN.match(bare)
        inner = text[prefix.end() :] if prefix else text
        statements = connection.extract_statements(inner) if prefix else []
        return not statements or any(
            found.type.name not in ("SELECT", "MULTI") or _writes(connection, found.query, found.type.name)
            for found in statements
        )
    if kind == "MULTI":  # PIVOT: expanded before it has one tree
        return _WRITES.search(_LITERALS.sub("''", text)) is not None
    parsed = _tree(connection, text)
    return bool(parsed.get("error", True)) or _has_writing_node(parsed)


def _tree(connection: duckdb.DuckDBPyConnection, text: str) -> dict[str, Any]:
    """A statement as DuckDB's parser sees it, or an object with a true `error`."""
    found = connection.sql("SELECT json_serialize_sql($text::VARCHAR) AS tree", params={"text": text}).to_arrow_table()
    tree = json.loads(found["tree"][0].as_py())
    return tree if isinstance(tree, dict) else {}


def _has_writing_node(tree: Any) -> bool:
    pending = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            kind = node.get("type")
            if isinstance(kind, str) and kind.endswith("_NODE") and kind not in _READING_NODES:
                return True
            pending.extend(node.values())
        elif isinstance(node, list):
            pending.extend(node)
    return False
