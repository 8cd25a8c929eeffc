"""The columns of a node table: what it says of each node, and how nodes become rows of it.

Machines of one type have the same nodes, which are kept once (`opcua.alike`); what describes these is made into columns
once too, and only what was granted, and the handles, are a server's own. Opens nothing, reads no clock.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from omptool.capture.format import MAX_HANDLE, NS
from omptool.model import bounded_json
from omptool.model.nodes import MonitoredNode, Node

GRANTED = ("sampling_ms", "publishing_ms", "queue_size")
"""Behind handle and moment, before everything else."""

NODE_TABLE: pa.Schema = pa.schema(
    [
        pa.field("handle", pa.uint32(), nullable=False),
        pa.field("valid_from", NS, nullable=False),
        ("sampling_ms", pa.float64()),
        ("publishing_ms", pa.float64()),
        ("queue_size", pa.int64()),
        pa.field("node_id", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("browse_name", pa.string(), nullable=False),
        ("display_name", pa.string()),
        ("description", pa.string()),
        ("node_class", pa.string()),
        ("data_type", pa.string()),
        ("data_type_id", pa.string()),
        ("type_definition", pa.string()),
        ("value_rank", pa.int32()),
        ("array_dimensions", pa.list_(pa.int64())),
        ("access_level", pa.int64()),
        ("unit", pa.string()),
        ("unit_id", pa.int64()),
        ("eu_low", pa.float64()),
        ("eu_high", pa.float64()),
        ("enum_names", pa.string()),
        ("parents", pa.list_(pa.string())),
        ("is_property", pa.bool_()),
        ("equipment", pa.string()),
        ("equipment_name", pa.string()),
    ]
)
"""One row per node; handle 0 is a node that is not monitored. `enum_names` is JSON {number: name}."""

NODE_FIELDS = (
    "node_id", "path", "browse_name", "display_name", "description", "node_class", "data_type", "data_type_id",
    "type_definition", "value_rank", "access_level", "unit", "unit_id", "eu_low", "eu_high", "is_property",
    "equipment", "equipment_name",
)  # fmt: skip

_OWN = ("handle", "valid_from", *GRANTED)
"""The first columns: those that no two servers have in common."""
_DESCRIPTION: pa.Schema = pa.schema([NODE_TABLE.field(at) for at in range(len(_OWN), len(NODE_TABLE))])

_MOST_KINDS = 16
_MOST_NODES = 1000
"""Kinds of servers, and nodes of one, whose columns are kept."""


class _Known(NamedTuple):
    """Nodes, which keep their identities as long as they stand here, and their columns."""

    nodes: tuple[Node, ...]
    columns: tuple[pa.Array, ...]


class NodeColumns:
    """Makes rows of node tables; remembers those of nodes that several servers share."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], _Known] = {}

    def of(self, entries: Sequence[MonitoredNode], schema: pa.Schema) -> pa.RecordBatch:
        """One row per node.

        Args:
            schema: `NODE_TABLE` with the metadata of a file.
        """
        own = [
            pa.array([getattr(entry, name) for entry in entries], NODE_TABLE.field(at).type)
            for at, name in enumerate(_OWN)
        ]
        return pa.RecordBatch.from_arrays([*own, *self._described(entries)], schema=schema)

    def _described(self, entries: Sequence[MonitoredNode]) -> tuple[pa.Array, ...]:
        key = tuple([id(entry.node) for entry in entries])
        known = self._known.get(key)
        if known is None:
            rows = pa.RecordBatch.from_pylist([_row(entry.node) for entry in entries], schema=_DESCRIPTION)
            known = _Known(tuple(entry.node for entry in entries), tuple(rows.columns))
            if len(entries) <= _MOST_NODES:
                if len(self._known) >= _MOST_KINDS:
                    self._known.pop(next(iter(self._known)))
                self._known[key] = known
        return known.columns


def _row(node: Node) -> dict[str, Any]:
    row: dict[str, Any] = {name: getattr(node, name) for name in NODE_FIELDS}
    row["array_dimensions"] = None if node.array_dimensions is None else list(node.array_dimensions)
    row["parents"] = list(node.parents)
    row["enum_names"] = None if node.enum_names is None else json.dumps(node.enum_names, ensure_ascii=False)
    return row


class SharedNodes:
    """Nodes from rows of node tables; those of tables that describe them in the same words are made once."""

    def __init__(self) -> None:
        self._known: list[tuple[pa.RecordBatch, tuple[Node, ...]]] = []

    def entries(self, batch: pa.RecordBatch, server: str) -> list[MonitoredNode]:
        """One entry per row.

        Raises:
            ValueError, TypeError, AttributeError: a row is no node.
        """
        own = {name: _exact(batch.column(name)).to_pylist() for name in _OWN}
        if any(handle > MAX_HANDLE for handle in own["handle"]):
            raise ValueError(f"handle {max(own['handle'])}")
        granted = zip(*(own[name] for name in GRANTED), strict=True)
        return [
            MonitoredNode(node, handle, server, since, *said)
            for node, handle, since, said in zip(
                self._nodes(batch.select(_DESCRIPTION.names)), own["handle"], own["valid_from"], granted, strict=True
            )
        ]

    def _nodes(self, described: pa.RecordBatch) -> tuple[Node, ...]:
        for known, nodes in self._known:
            if known.equals(described):
                return nodes
        nodes = tuple(_node(row) for row in described.to_pylist())
        if len(nodes) <= _MOST_NODES:
            self._known = [(described, nodes), *self._known[: _MOST_KINDS - 1]]
        return nodes


def _node(row: dict[str, Any]) -> Node:
    values = {name: row[name] for name in NODE_FIELDS}
    for name, default in (("display_name", ""), ("node_class", "Variable"), ("is_property", False)):
        values[name] = default if values[name] is None else values[name]
    names = row["enum_names"]
    values["enum_names"] = None if names is None else _enum_names(names)
    dimensions = row["array_dimensions"]
    values["array_dimensions"] = None if dimensions is None else tuple(_in(d or 0, 0, 2**32 - 1) for d in dimensions)
    for name in ("access_level", "unit_id"):
        values[name] = None if values[name] is None else _in(values[name], -(2**31), 2**31 - 1)
    values["parents"] = tuple(text for text in row["parents"] or () if text is not None)
    return Node(**values)


def _enum_names(text: str) -> dict[int, str]:
    return {int(key): str(name) for key, name in bounded_json.loads(text).items()}


def _in(value: int, least: int, most: int) -> int:
    """The value, brought into the range that OPC UA allows it."""
    return min(max(value, least), most)


def _exact(column: pa.Array) -> pa.Array:
    """Times as numbers: Python's datetime has no nanoseconds."""
    return column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
