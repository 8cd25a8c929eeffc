"""A saved address space: what `browse --save` wrote, read back as nodes. Parquet, JSON, JSON Lines, CSV or NodeSet2.

A snapshot is a table with a row per node, so that `query` and any other tool reads it; types of the nodes are rows
with an empty path. Files come from anybody: what does not fit is refused, never guessed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from omptool.errors import Damaged, NotFound, OmptoolError
from omptool.model import bounded_json
from omptool.model.contracts import NODES, TIME
from omptool.model.nodeid import NodeId
from omptool.model.nodes import Node
from omptool.model.rooted import rooted
from omptool.model.status import code_of
from omptool.model.typetree import TYPE_CLASSES

if TYPE_CHECKING:
    from omptool.model.nodeset_read import Found

SUFFIXES = (".parquet", ".json", ".jsonl", ".csv", ".xml")
MAX_BYTES = 2 << 30
"""More is no address space; 100,000 nodes are 60 MB of JSON."""

OWN = {
    "is_property": pa.bool_(),
    "equipment": pa.string(),
    "equipment_name": pa.string(),
    "browse_error": pa.string(),
    "saved_at": TIME,
    "endpoint": pa.string(),
    "namespace_index": pa.int32(),
}
"""What a snapshot keeps besides the columns of `nodes`."""

UNKNOWN_CLASS = ""
"""NodeClass of a row that stands only for what is missing below its node, of which nothing else is known."""

_NEEDED = ("node_id", "path", "browse_name", "node_class")
_TEXTS = (
    "node_id", "path", "browse_name", "display_name", "description", "node_class", "data_type", "data_type_id",
    "type_definition", "unit", "equipment", "equipment_name",
)  # fmt: skip
_INTEGERS = ("value_rank", "access_level", "unit_id")
_FLOATS = ("eu_low", "eu_high")
_AGAIN = "save it again:  omptool browse SERVER --save plant.parquet"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A server's nodes as they were.

    Attributes:
        server: C1 name.
        nodes: in tree order, with what the server said about them.
        types: the types they are of, with everything above these.
        missing: NodeId → why what is below is not here.
        rows: the table as saved; None for NodeSet2.
        endpoint: the server's address then; empty where the file does not say.
        namespaces: URI → index in the server's NamespaceArray then, as far as the file says.
    """

    server: str
    nodes: list[Node]
    types: list[Node]
    missing: Mapping[str, str] = field(default_factory=dict)
    rows: pa.Table | None = None
    endpoint: str = ""
    namespaces: Mapping[str, int] = field(default_factory=dict)


def is_snapshot(text: str) -> bool:
    """Whether a user means a file by this text, there or not, and not a server."""
    return "://" not in text and Path(text).suffix.lower() in SUFFIXES


def read(path: Path) -> Snapshot:
    """Read a snapshot.

    Raises:
        NotFound: no such file.
        Damaged: it does not hold what its suffix says, or no nodes.
    """
    if not path.is_file():
        from omptool.sources.resolve import nearest

        raise NotFound(f"no such file: {path}", nearest(path) or "make one:  omptool browse SERVER --save FILE")
    if path.stat().st_size > MAX_BYTES:
        raise Damaged(f"{path} is too large for a snapshot", _AGAIN)
    try:
        if path.suffix.lower() == ".xml":
            from omptool.model.nodeset_read import parse

            return _of_file(parse(path.read_bytes()))
        return _of_table(_READERS[path.suffix.lower()](path))
    except (pa.ArrowException, ValueError, TypeError, KeyError, AttributeError, OverflowError, OSError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Damaged(f"{path} holds no snapshot: {reason}", _AGAIN) from error
    except OmptoolError as error:
        raise Damaged(f"{path} holds no snapshot: {error.message}", _AGAIN) from error


def _parquet(path: Path) -> pa.Table:
    import pyarrow.parquet as pq

    return pq.ParquetFile(path).read()


def _json(path: Path) -> pa.Table:
    rows = bounded_json.loads(path.read_bytes())
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("a list of objects is expected")
    return _table(rows)


def _jsonl(path: Path) -> pa.Table:
    rows = [bounded_json.loads(line) for line in path.read_bytes().split(b"\n") if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        raise ValueError("an object in every line is expected")
    return _table(rows)


def _csv(path: Path) -> pa.Table:
    from pyarrow import csv

    with path.open("rb") as file:
        names = file.readline(65536).decode().strip().split(",")
    options = csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, quoted_strings_can_be_null=False,
        null_values=[""],
    )  # fmt: skip
    table = csv.read_csv(path, parse_options=csv.ParseOptions(newlines_in_values=True), convert_options=options)
    return _table([{name: _of_csv(name, text) for name, text in row.items()} for row in table.to_pylist()])


def _of_csv(name: str, text: str | None) -> Any:
    if text is None:
        return None
    kind = _types().get(name, pa.string())
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return text
    if pa.types.is_boolean(kind):
        return text == "true"
    return text if pa.types.is_timestamp(kind) else bounded_json.loads(text)


_READERS: dict[str, Callable[[Path], pa.Table]] = {
    ".parquet": _parquet, ".json": _json, ".jsonl": _jsonl, ".csv": _csv,
}  # fmt: skip


def _types() -> dict[str, pa.DataType]:
    from omptool.model.contracts import TELEMETRY

    return {field.name: field.type for field in TELEMETRY} | {field.name: field.type for field in NODES} | OWN


def _table(rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """JSON values as columns of their types; columns that nobody knows are left out."""
    names = dict.fromkeys(name for row in rows for name in row)
    types = _types()
    columns = {}
    for name in names:
        if name in types:
            columns[name] = pa.array([_plain(row.get(name), types[name]) for row in rows], types[name])
    return pa.table(columns)


def _plain(value: Any, kind: pa.DataType) -> Any:
    import base64
    from datetime import datetime
    from decimal import Decimal

    if value is None:
        return None
    if pa.types.is_timestamp(kind):
        return datetime.fromisoformat(value)
    if pa.types.is_floating(kind):
        return float(value)
    if pa.types.is_list(kind):
        return [float(item) if pa.types.is_floating(kind.value_type) else item for item in value]
    if pa.types.is_decimal(kind):
        return Decimal(value)
    return base64.b64decode(value, validate=True) if pa.types.is_binary(kind) else value


def _fitting(table: pa.Table) -> pa.Table:
    """The table with the columns that are known in their types, so that nothing fails where they are shown.

    Raises:
        ValueError: one holds something else.
    """
    for name, kind in _types().items():
        for index in table.schema.get_all_field_indices(name):
            column = table.column(index)
            if column.type != kind:
                table = table.set_column(index, name, _cast(name, column, kind))
    return table


def _cast(name: str, column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    types = pa.types
    of = column.type.value_type if types.is_dictionary(column.type) else column.type
    is_text = types.is_string(of) or types.is_large_string(of) or types.is_string_view(of)
    if is_text != types.is_string(kind) and not types.is_null(of):
        raise ValueError(f"the column {name} is {of}, not {kind}")
    try:
        return column.cast(kind)
    except pa.ArrowException as error:
        raise ValueError(f"the column {name} is not {kind}: {str(error).splitlines()[0]}") from None


def _of_file(found: Found) -> Snapshot:
    for name in _INTEGERS:
        try:
            pa.array([getattr(node, name) for node in found.nodes], NODES.field(name).type)
        except (pa.ArrowException, OverflowError):
            raise ValueError(f"a number of {name} is out of range") from None
    pa.array([node.array_dimensions for node in found.nodes], NODES.field("array_dimensions").type)
    return Snapshot(
        found.server,
        rooted(found.nodes),
        found.types,
        _checked(found.missing),
        endpoint=found.endpoint,
        namespaces=found.namespaces,
    )


def _checked(missing: Mapping[str, str]) -> Mapping[str, str]:
    for name in missing.values():
        code_of(name)  # whatever is no StatusCode would fail where it is told
    return missing


def _of_table(table: pa.Table) -> Snapshot:
    if not len(table):
        raise ValueError("it has no nodes")
    lacking = [name for name in _NEEDED if name not in table.schema.names]
    if lacking:
        raise ValueError(f"the column {lacking[0]} is missing")
    table = _fitting(table)
    rows = table.to_pylist()
    nodes: list[Node] = []
    types: list[Node] = []
    missing: dict[str, str] = {}
    namespaces: dict[str, int] = {}
    for row in rows:
        node = _node(row)
        if node.node_class != UNKNOWN_CLASS:
            (types if node.node_class in TYPE_CLASSES and not node.path else nodes).append(node)
        if error := row.get("browse_error"):
            missing[node.node_id] = str(error)
        if (index := row.get("namespace_index")) is not None:
            namespaces[NodeId.parse(node.node_id).namespace] = int(index)
    server, endpoint = (next((row[name] for row in rows if row.get(name)), "") for name in ("server", "endpoint"))
    return Snapshot(str(server), rooted(nodes), types, _checked(missing), table, str(endpoint), namespaces)


def _node(row: Mapping[str, Any]) -> Node:
    facts: dict[str, Any] = {name: _text(row.get(name)) for name in _TEXTS}
    facts |= {name: None if row.get(name) is None else int(row[name]) for name in _INTEGERS}
    facts |= {name: None if row.get(name) is None else float(row[name]) for name in _FLOATS}
    for name in ("node_id", "path", "browse_name", "display_name", "node_class"):
        facts[name] = facts[name] or ""
    names = bounded_json.loads(row.get("enum_names") or "null")
    dimensions = row.get("array_dimensions")
    return Node(
        **facts,
        enum_names=None if names is None else {int(key): str(text) for key, text in names.items()},
        array_dimensions=None if dimensions is None else tuple(map(int, dimensions)),
        parents=tuple(map(str, row.get("parents") or ())),
        is_property=bool(row.get("is_property")),
    )


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise ValueError(f"{value!r} is no text")
