"""The columns of a node table: what it says of each node, and how nodes become rows of it.

Machines of one type have the same nodes, which are kept once (`opcua.alike`); what describes these is made into columns
once too, and only what was granted, and the handles, are a server's own. Opens nothing, reads no clock.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from omptool.capture.format import NS
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
