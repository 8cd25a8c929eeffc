"""What a statement from outside may be made of: known pieces, reviewed functions, the catalog's tables. Pure.

A list of what is allowed, not of what is dangerous: a piece that this version does not know is refused, so an upgrade
of DuckDB opens nothing by itself. The statement comes as the tree that DuckDB's own parser made of it; the text is
only for showing where.
"""

from __future__ import annotations

from typing import Any

from omptool.errors import QueryError
from omptool.model.contracts import VIEWS
from omptool.sql import faults
from omptool.sql.functions import functions, nearest

ALLOWED = "a server answers one SELECT over " + ", ".join(VIEWS)
PIVOT_HINT = "write a column per value: avg(value) FILTER (WHERE tag = 'Speed') AS speed, and GROUP BY the rest"

TABLE_FUNCTIONS = frozenset({"unnest", "range", "generate_series", "repeat", "json_each", "json_tree"})
"""Functions that may stand after FROM. All others there read something, or build SQL."""

_CLASSES = frozenset(
    {
        "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION",
        "LAMBDA", "LAMBDA_REF", "OPERATOR", "PARAMETER", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE", "WINDOW",
    }
)  # fmt: skip
_QUERIES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE"})
_TABLES = frozenset({"BASE_TABLE", "EMPTY", "EXPRESSION_LIST", "JOIN", "SUBQUERY", "TABLE_FUNCTION"})
_MODIFIERS = frozenset(
    {
        "DISTINCT_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "ORDER_MODIFIER", "ORDER_DEFAULT", "ASCENDING",
        "DESCENDING",
    }
)  # fmt: skip
_EXPRESSIONS = frozenset(
    {
        "ARRAY_CONSTRUCTOR", "ARRAY_EXTRACT", "ARRAY_SLICE", "CASE_EXPR", "COLLATE", "COLUMN_REF", "COMPARE_BETWEEN",
        "COMPARE_DISTINCT_FROM", "COMPARE_EQUAL", "COMPARE_GREATERTHAN", "COMPARE_GREATERTHANOREQUALTO", "COMPARE_IN",
        "COMPARE_LESSTHAN", "COMPARE_LESSTHANOREQUALTO", "COMPARE_NOTEQUAL", "COMPARE_NOT_BETWEEN",
        "COMPARE_NOT_DISTINCT_FROM", "COMPARE_NOT_IN", "CONJUNCTION_AND", "CONJUNCTION_OR", "FUNCTION",
        "GROUPING_FUNCTION", "LAMBDA", "LAMBDA_REF", "OPERATOR_CAST", "OPERATOR_COALESCE", "OPERATOR_IS_NOT_NULL",
        "OPERATOR_IS_NULL", "OPERATOR_NOT", "OPERATOR_NULLIF", "OPERATOR_TRY", "OPERATOR_UNPACK",
        "POSITIONAL_REFERENCE", "STAR", "STRUCT_EXTRACT", "SUBQUERY", "TYPE", "VALUE_CONSTANT", "VALUE_PARAMETER",
        "WINDOW_AGGREGATE", "WINDOW_CUME_DIST", "WINDOW_FILL", "WINDOW_FIRST_VALUE", "WINDOW_LAG", "WINDOW_LAST_VALUE",
        "WINDOW_LEAD", "WINDOW_NTH_VALUE", "WINDOW_NTILE", "WINDOW_PERCENT_RANK", "WINDOW_RANK", "WINDOW_RANK_DENSE",
        "WINDOW_ROW_NUMBER",
    }
)  # fmt: skip
_TYPES = _QUERIES | _TABLES | _MODIFIERS | _EXPRESSIONS
_REFUSED_PIECES = {
    "PIVOT": ("PIVOT and UNPIVOT are not answered here", PIVOT_HINT),
    "SHOW_REF": ("DESCRIBE, SUMMARIZE and SHOW are not answered here", "the server lists its tables and columns"),
}

ENGINES = ("duckdb_", "pg_", "pragma_", "sqlite_")
"""How all names begin that the engine's own tables have where no schema is written; a test asks the engine."""
_CAPITALS = {letter: letter + 32 for letter in range(ord("A"), ord("Z") + 1)}


def check(tree: Any, statement: str) -> None:
    """Refuse a statement that is made of anything else than known pieces.

    Args:
        tree: of one statement, as `json_serialize_sql` gives it.

    Raises:
        QueryError: with the place where it stands.
    """
    _Check(statement).walk(tree, frozenset())


class _Check:
    """One walk over a tree; `scope` is the names that WITH has given at this place."""

    def __init__(self, statement: str) -> None:
        self._statement = statement

    def walk(self, node: Any, scope: frozenset[str]) -> None:
        if isinstance(node, list):
            for item in node:
                self.walk(item, scope)
        elif isinstance(node, dict):
            self._piece(node)
            scope = self._named(node, scope)
            self._table(node, scope)
            self._function(node)
            for key, value in node.items():
                if key != "cte_map":
                    self.walk(value, scope - _own(node) if key == "left" else scope)

    def _piece(self, node: dict[str, Any]) -> None:
        kind, family = node.get("type"), node.get("class")
        if isinstance(kind, str) and kind not in _TYPES:
            if kind.endswith("_NODE") or "QUERY" in kind:
                raise QueryError("the statement writes, or changes something", ALLOWED)
            message, hint = _REFUSED_PIECES.get(kind, (f"{kind} is not answered here", ALLOWED))
            raise self._refusal(node, message, hint)
        if isinstance(family, str) and family not in _CLASSES:
            raise self._refusal(node, f"{family} is not answered here", ALLOWED)

    def _named(self, node: dict[str, Any], scope: frozenset[str]) -> frozenset[str]:
        """The scope inside a query: a name of WITH is known to those after it, and to itself when it is recursive."""
        if "cte_map" not in node:
            return scope
        for entry in (node["cte_map"] or {}).get("map", []):
            name, body = _lower(entry["key"]), entry["value"]
            if name.startswith(ENGINES):
                raise QueryError(f'"{entry["key"]}" is a name of the SQL engine', "give it another name after WITH")
            inner = body.get("query_node")
            recursive = isinstance(inner, dict) and inner.get("type") == "RECURSIVE_CTE_NODE"
            self.walk(body, scope | {name} if recursive else scope)
            scope |= {name}
        return scope

    def _table(self, node: dict[str, Any], scope: frozenset[str]) -> None:
        if node.get("type") != "BASE_TABLE":
            return
        name = str(node.get("table_name", ""))
        path = (node.get("qualified_name") or {}).get("path") or [name]
        if len(path) > 1 or node.get("schema_name") or node.get("catalog_name"):
            raise self._no_table(node, ".".join(map(str, path)))
        if _lower(name) not in scope and _lower(name) not in VIEWS:
            raise self._no_table(node, name)
        if node.get("at_clause"):
            raise self._refusal(node, "AT is not answered here", "a server answers from the newest version of its lake")

    def _function(self, node: dict[str, Any]) -> None:
        if node.get("type") == "TABLE_FUNCTION":
            called = str((node.get("function") or {}).get("function_name", ""))
            self._reviewed(called, node)
            if _lower(called) not in TABLE_FUNCTIONS:
                raise self._refusal(node, f'"{called}" gives no table here', ALLOWED)
        if "function_name" in node:
            self._reviewed(str(node["function_name"]), node)

    def _reviewed(self, name: str, place: dict[str, Any]) -> None:
        known = functions()
        if _lower(name) in known.allowed:
            return
        why = known.why_refused(_lower(name))
        if why is not None:
            raise self._refusal(place, f'the function "{name}" is not answered here: {why}', ALLOWED)
        raise self._refusal(place, f'no function "{name}"', faults.did_you_mean(nearest(name)))

    def _no_table(self, node: dict[str, Any], name: str) -> QueryError:
        return self._refusal(node, f'no table "{name}"', faults.nearest_table(name, list(VIEWS), files=False))

    def _refusal(self, node: dict[str, Any], message: str, remark: str) -> QueryError:
        place = node.get("query_location")
        if not isinstance(place, int) or not 0 <= place < len(self._statement.encode()):
            return QueryError(message, remark)
        return QueryError(message, faults.mark(self._statement, place, remark))


def _lower(name: str) -> str:
    """A name as the engine compares it: only the letters A to Z lose their case, others stay what they are."""
    return name.translate(_CAPITALS)


def _own(node: dict[str, Any]) -> frozenset[str]:
    """The name that the first half of a recursive query does not know yet: there it means a table."""
    return frozenset({_lower(str(node["cte_name"]))}) if node.get("type") == "RECURSIVE_CTE_NODE" else frozenset()
