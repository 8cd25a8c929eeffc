"""Handles → what a view says of a node: names, place, unit, type. Resolved once, then looked up by numpy.

Places are resolved here, when rows are read, so a better plant model improves old captures too (C5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from omptool.capture.nodetable import NodeTable, ServerIdentity
from omptool.capture.story import unknown_node
from omptool.model.datatypes import DataType
from omptool.model.nodes import MonitoredNode, Node
from omptool.model.plant import Place, PlantModel, places
from omptool.protocol.structure import Definitions, Kept

Indexes = npt.NDArray[np.int32]

COLUMNS = ("site", "area", "line", "machine", "tag", "path", "server", "node_id", "unit")


class NodeDirectory:
    """The nodes that hold for a stretch of rows; positions are stable, unknown handles are added as they are met."""

    def __init__(
        self,
        tables: Sequence[NodeTable],
        plant: PlantModel | None,
        capture_id: str = "",
        kept: Kept | None = None,
    ) -> None:
        self._capture_id = capture_id
        self.plant = plant
        self.servers: dict[str, ServerIdentity] = {table.server.server: table.server for table in tables}
        by_handle = {node.handle: (table, node) for table in tables for node in table.nodes if node.handle}
        self.nodes: list[MonitoredNode] = [node for _, node in by_handle.values()]
        self.namespaces: list[tuple[str, ...]] = [table.server.namespaces for table, _ in by_handle.values()]
        self._definitions = {name: Definitions(_data_types(tables, name), kept) for name in self.servers}
        self._places = _all_places(tables, self.servers, plant)
        self._lookup = np.full(max(by_handle, default=0) + 1, -1, np.int32)
        self._lookup[list(by_handle)] = np.arange(len(by_handle))
        self._unknown: dict[int, int] = {}
        self._bit_names: dict[int, dict[int, str] | None] = {}
        self._columns: dict[str, pa.Array] = {}

    def positions(self, handles: npt.NDArray[np.uint32]) -> Indexes:
        """Position of each handle in `nodes` and in every column."""
        inside = handles < len(self._lookup)
        if inside.all():
            found = self._lookup[handles]
        else:
            found = np.where(inside, self._lookup[np.where(inside, handles, 0)], -1)
        if (found < 0).any():
            for handle in np.unique(handles[found < 0]).tolist():
                found[handles == handle] = self._unknown_position(handle)
        return found

    def _unknown_position(self, handle: int) -> int:
        if handle not in self._unknown:
            server = next(iter(self.servers), "")
            node_id = unknown_node(self._capture_id, handle)
            self._unknown[handle] = len(self.nodes)
            self.nodes.append(MonitoredNode(Node(node_id, f"unknown/{handle}", str(handle)), handle, server, 0))
            self.namespaces.append(())
            self._columns.clear()
        return self._unknown[handle]

    def definitions(self, position: int) -> Definitions:
        """What explains structures and option sets of a node."""
        return self._definitions.setdefault(self.nodes[position].server, Definitions())

    def bit_names(self, position: int) -> dict[int, str] | None:
        """Names of the bits of a node's values, by bit, where its DataType is an option set."""
        if position not in self._bit_names:
            node = self.nodes[position].node
            found = None if node.enum_names else self.definitions(position).option_set(node.data_type_id)
            names = None if found is None else {member.value: member.name for member in found.members}
            self._bit_names[position] = names
        return self._bit_names[position]

    def column(self, name: str) -> pa.Array:
        """One of `COLUMNS`, by position."""
        if name not in self._columns:
            rows = [self._texts(node) for node in self.nodes]
            for index, column in enumerate(COLUMNS):
                self._columns[column] = pa.array([row[index] for row in rows], pa.string())
        return self._columns[name]

    def _texts(self, entry: MonitoredNode) -> tuple[str | None, ...]:
        node = entry.node
        place = self.place(entry.server, node.node_id, node.path)
        return (*place, node.path, entry.server, node.node_id, node.unit)

    def place(self, server: str, node_id: str, path: str = "") -> Place:
        """Where a node stands; a node that no table has stands at its server."""
        found = self._places.get((server, node_id))
        if found is None:
            identity = self.servers.get(server, ServerIdentity(server))
            node = Node(node_id, path or node_id, node_id)
            found = places(server, [node], self.plant, identity.settings, identity.name)[node_id]
            self._places[server, node_id] = found
        return found


def _all_places(
    tables: Sequence[NodeTable], servers: dict[str, ServerIdentity], plant: PlantModel | None
) -> dict[tuple[str, str], Place]:
    found: dict[tuple[str, str], Place] = {}
    for name, identity in servers.items():
        nodes = {node.node.node_id: node.node for node in _of_server(tables, name)}
        placed = places(name, list(nodes.values()), plant, identity.settings, identity.name)
        found |= {(name, node_id): place for node_id, place in placed.items()}
    return found


def _data_types(tables: Sequence[NodeTable], name: str) -> Iterator[DataType]:
    """Every definition of a server; of one that changed the latest."""
    return (kind for table in tables if table.server.server == name for kind in table.server.data_types)


def _of_server(tables: Sequence[NodeTable], name: str) -> Iterator[MonitoredNode]:
    return (node for table in tables if table.server.server == name for node in table.nodes)
