"""Nodes and their current values as rows: the columns of `browse` and `read`, from the shared contracts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from omptool.cli import diagnostics

if TYPE_CHECKING:
    import pyarrow as pa

    from omptool.capture.nodetable import ServerIdentity
    from omptool.model.nodes import Node
    from omptool.model.plant import Place, PlantModel
    from omptool.opcua.exploring.explore import Explored
    from omptool.opcua.session import Session
    from omptool.protocol.structure import Kept

FIRST = ("path", "node_id", "node_class", "data_type")
_OF_NODES = (
    "unit",
    "eu_low",
    "eu_high",
    "description",
    "browse_name",
    "display_name",
    "data_type_id",
    "type_definition",
    "value_rank",
    "array_dimensions",
    "access_level",
    "unit_id",
    "enum_names",
    "parents",
)
_OF_PLACE = ("site", "area", "line", "machine", "tag")
OF_VALUES = (
    "time",
    "time_ns",
    "time_basis",
    "server_time",
    "server_time_ns",
    "type",
    "value",
    "value_exact",
    "value_text",
    "value_list",
    "raw",
    "status",
    "quality",
    "overflow",
)
"""What a current value adds to its node; the same columns as in telemetry."""


async def read(
    session: Session, server: ServerIdentity, explored: Explored, plant: PlantModel | None
) -> pa.RecordBatch:
    """Current values of the Variables shown, as telemetry rows."""
    variables = [node for node in explored.shown if node.node_class == "Variable"]
    return await read_telemetry(session, server, variables, [*explored.above, *explored.known], plant)


async def read_telemetry(
    session: Session,
    server: ServerIdentity,
    nodes: Sequence[Node],
    context: Sequence[Node],
    plant: PlantModel | None,
) -> pa.RecordBatch:
    """Current values of `nodes`, one telemetry row each, in order."""
    import time
    from collections import Counter

    from omptool.capture.view import telemetry_of
    from omptool.opcua.values import read_values

    kept: Kept = Counter()
    columns = await read_values(session, [node.node_id for node in nodes])
    now = time.time_ns()
    rows = telemetry_of(
        columns, server=server, nodes=nodes, receive_time_ns=now, context=context, plant=plant, kept=kept
    )
    say_kept(kept)
    return rows


def say_kept(kept: Kept, *, counted: bool = True) -> None:
    """Structures that nobody can read are no error; whoever wonders about the bytes is told once per type.

    Args:
        counted: say how many; not where a value may have been read more than once.
    """
    for (name, why), count in sorted(kept.items()):
        number = f"{count:,} {'value' if count == 1 else 'values'}" if counted else "values"
        diagnostics.note(f"note: {number} of type {name} stayed bytes: {why}")


def table(
    explored: Explored,
    server: ServerIdentity,
    plant: PlantModel | None,
    values: pa.RecordBatch | pa.Table | None,
    placed: Mapping[str, Place] | None = None,
) -> pa.Table:
    """One row per node shown.

    Args:
        placed: where the nodes stand, where that is known already; else it is worked out.
        values: telemetry rows of some of the nodes, found by their `node_id`; None when no values were asked for.
    """
    import pyarrow as pa

    from omptool.model.contracts import NODES
    from omptool.model.plant import places

    nodes = explored.shown
    around = {node.node_id: node for node in (*explored.above, *explored.known)} | {
        node.node_id: node for node in nodes
    }
    found = placed or places(server.server, list(around.values()), plant, server.settings, server.name)
    columns: dict[str, pa.Array] = {}
    for name in (*FIRST, *_OF_NODES):
        columns[name] = pa.array([_plain(name, getattr(node, name)) for node in nodes], NODES.field(name).type)
    columns["is_property"] = pa.array([node.is_property for node in nodes], pa.bool_())
    columns["server"] = pa.array([server.server] * len(nodes), pa.string())
    for name in _OF_PLACE:
        columns[name] = pa.array([getattr(found[node.node_id], name) for node in nodes], pa.string())
    if values is not None:
        row_of = {node_id: row for row, node_id in enumerate(values.column("node_id").to_pylist())}
        rows = pa.array([row_of.get(node.node_id) for node in nodes], pa.int64())
        columns |= {name: values.column(name).take(rows) for name in OF_VALUES}  # null where a node has no value
    return pa.table(columns)


def _plain(name: str, value: Any) -> Any:
    if name == "enum_names":
        return (
            None if value is None else json.dumps({str(key): text for key, text in value.items()}, ensure_ascii=False)
        )
    return list(value) if isinstance(value, tuple) else value


def with_status_name(rows: pa.RecordBatch) -> pa.Table:
    """Telemetry rows with the column `status_name` behind `status` (C4)."""
    import pyarrow as pa

    from omptool.model import status

    names = pa.array([status.name(code) for code in rows.column("status").to_pylist()], pa.string())
    table = pa.Table.from_batches([rows])
    return table.add_column(table.schema.get_field_index("status") + 1, "status_name", names)
