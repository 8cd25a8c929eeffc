"""Notices when the values of a node change their type while they are recorded: the node, from what, to what, the row.

A PLC that was reprogrammed sends a Double where an Int32 was; whoever reads the capture later should be told once, at
the row where it happened. Pure; remembers one type per node.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from omptool.capture.format import ARRAY
from omptool.capture.nodetable import ServerIdentity
from omptool.errors import MalformedMessage
from omptool.model.builtin import BuiltinType
from omptool.model.nodes import MonitoredNode
from omptool.protocol.structure import Definitions
from omptool.protocol.wire import Reader

_STRUCTURE = int(BuiltinType.ExtensionObject)


class TypeChange(NamedTuple):
    """Detail of a journal entry `type_change`; `row` counts in the batch, `handle` is the node's in the capture."""

    row: int
    handle: int
    node_id: str
    before: str
    after: str


class _Context:
    """What handles, namespace indexes and structures of one server mean."""

    def __init__(self, server: ServerIdentity, nodes: Sequence[MonitoredNode]) -> None:
        handles = [node.handle for node in nodes if node.handle]
        self.handles = range(min(handles, default=0), max(handles, default=-1) + 1)
        self.nodes = nodes
        self.namespaces: Sequence[str] = server.namespaces
        self.definitions = Definitions(server.data_types)
        self.names: dict[bytes, str] = {}

    def node_id(self, handle: int) -> str:
        return next((node.node.node_id for node in self.nodes if node.handle == handle), "")


class TypeMemory:
    """The type of the last value of each node of a capture.

    A value without a type (null, a Bad status without value) changes nothing.
    """

    def __init__(self) -> None:
        self._last = np.zeros(1, np.uint8)
        self._has_structures = np.zeros(1, np.bool_)
        self._contexts: dict[str, _Context] = {}
        self._context_of: dict[int, _Context] = {}
        self._texts: dict[int, str] = {}

    def describe(self, server: ServerIdentity, nodes: Sequence[MonitoredNode]) -> None:
        """What handles, namespace indexes and structures of a server mean from here on."""
        context = self._contexts[server.server] = _Context(server, nodes)
        self._context_of.clear()
        more = context.handles.stop - len(self._last)
        if more > 0:
            more = max(more, len(self._last))
            self._last = np.concatenate((self._last, np.zeros(more, np.uint8)))
            self._has_structures = np.concatenate((self._has_structures, np.zeros(more, np.bool_)))

    def changes(self, rows: pa.RecordBatch) -> list[TypeChange]:
        """The changes within these rows of `SEGMENT` and against those before, in the order of the rows."""
        nodes, types = rows.column("node").to_numpy(), rows.column("vtype").to_numpy()
        stated = np.flatnonzero((types != 0) & (nodes < len(self._last)))
        self._has_structures[nodes[stated[(types[stated] & (ARRAY - 1)) == _STRUCTURE]]] = True
        is_structured = self._has_structures[nodes[stated]]
        found = self._of_structures(rows, nodes, types, stated[is_structured])
        stated = stated[~is_structured]
        if (self._last[nodes[stated]] != types[stated]).any():
            found += self._of_builtins(nodes, types, stated)
        return sorted(found)

    def _of_builtins(
        self, nodes: npt.NDArray[np.uint32], types: npt.NDArray[np.uint8], stated: npt.NDArray[np.intp]
    ) -> list[TypeChange]:
        order = stated[np.argsort(nodes[stated], kind="stable")]
        handles, after = nodes[order], types[order]
        before = self._last[handles]
        before[1:] = np.where(handles[1:] == handles[:-1], after[:-1], before[1:])
        self._last[handles] = after
        changed = np.flatnonzero((before != 0) & (before != after))
        return [
            self._change(int(order[at]), int(handles[at]), _name(int(before[at])), _name(int(after[at])))
            for at in changed.tolist()
        ]

    def _of_structures(
        self,
        rows: pa.RecordBatch,
        nodes: npt.NDArray[np.uint32],
        types: npt.NDArray[np.uint8],
        stated: npt.NDArray[np.intp],
    ) -> list[TypeChange]:
        """Nodes that have had a structure go by names: another structure is another type, and looks the same."""
        if not len(stated):
            return []
        found = []
        raws = rows.column("raw").take(pa.array(stated)).to_pylist()
        for row, raw in zip(stated.tolist(), raws, strict=True):
            handle, vtype = int(nodes[row]), int(types[row])
            is_structure = vtype & (ARRAY - 1) == _STRUCTURE
            name = self._structure(raw, handle) if is_structure and raw else _name(vtype)
            if name is None:
                continue
            last = int(self._last[handle])
            before = self._texts.get(handle) or (_name(last) if last else name)
            self._texts[handle] = name
            if before != name:
                found.append(self._change(row, handle, before, name))
        return found

    def _structure(self, raw: bytes, handle: int) -> str | None:
        """Name of the type of a structure, or of the first one in an array; None for a null one."""
        context, reader = self._context(handle), Reader(raw, 1)
        try:
            if raw[0] & ARRAY and reader.length(3) < 1:
                return None
            start = reader.pos
            reader.skip_node_id()
            key = raw[start : reader.pos]
            if key not in context.names:
                type_id = Reader(key).node_id().to_text(context.namespaces)
                kind = context.definitions.of_encoding(type_id)
                context.names[key] = "" if type_id == "i=0" else type_id if kind is None else kind.name
        except MalformedMessage:
            return None
        return context.names[key] + "[]" * bool(raw[0] & ARRAY) if context.names[key] else None

    def _context(self, handle: int) -> _Context:
        """Of the server that a node belongs to; searched for only where it is needed, which is rare."""
        if handle not in self._context_of:
            found = (context for context in self._contexts.values() if handle in context.handles)
            self._context_of[handle] = next(found, _NOBODYS)
        return self._context_of[handle]

    def _change(self, row: int, handle: int, before: str, after: str) -> TypeChange:
        return TypeChange(row, handle, self._context(handle).node_id(handle), before, after)


_NOBODYS = _Context(ServerIdentity(""), ())


def _name(vtype: int) -> str:
    return BuiltinType(vtype & (ARRAY - 1)).name + "[]" * bool(vtype & ARRAY)
