"""Notices when the values of a node change their type while they are recorded: the node, from what, to what, the row.

A PLC that was reprogrammed sends a Double where an Int32 was; whoever reads the capture later should be told once, at
the row where it happened. Pure; remembers one type per node.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

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

    def detail(self, first_seq: int) -> dict[str, Any]:
        """As the journal has it; `first_seq` is the `seq` of the batch's first row."""
        said = {"node_id": self.node_id, "handle": self.handle, "from": self.before, "to": self.after}
        return said | {"seq": first_seq + self.row}


class TypeMemory:
    """The type of the last value of each node of one server.

    A value without a type (null, a Bad status without value) changes nothing.
    """

    def __init__(self) -> None:
        self._last = np.zeros(1, np.uint8)
        self._has_structures = np.zeros(1, np.bool_)
        self._node_ids: dict[int, str] = {}
        self._texts: dict[int, str] = {}
        self._names: dict[bytes, str] = {}
        self._definitions = Definitions()
        self._namespaces: Sequence[str] = ()

    def describe(self, server: ServerIdentity, nodes: Sequence[MonitoredNode]) -> None:
        """What handles, namespace indexes and structures mean from here on."""
        self._node_ids |= {node.handle: node.node.node_id for node in nodes if node.handle}
        self._namespaces, self._definitions = server.namespaces, Definitions(server.data_types)
        self._names.clear()
        more = max(self._node_ids, default=0) + 1 - len(self._last)
        if more > 0:
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
            name = self._structure(raw) if is_structure and raw else _name(vtype)
            if name is None:
                continue
            last = int(self._last[handle])
            before = self._texts.get(handle) or (_name(last) if last else name)
            self._texts[handle] = name
            if before != name:
                found.append(self._change(row, handle, before, name))
        return found

    def _structure(self, raw: bytes) -> str | None:
        """Name of the type of a structure, or of the first one in an array; None for a null one."""
        reader = Reader(raw, 1)
        try:
            if raw[0] & ARRAY and reader.length(3) < 1:
                return None
            start = reader.pos
            reader.skip_node_id()
            key = raw[start : reader.pos]
            if key not in self._names:
                type_id = Reader(key).node_id().to_text(self._namespaces)
                kind = self._definitions.of_encoding(type_id)
                self._names[key] = "" if type_id == "i=0" else type_id if kind is None else kind.name
        except MalformedMessage:
            return None
        return self._names[key] + "[]" * bool(raw[0] & ARRAY) if self._names[key] else None

    def _change(self, row: int, handle: int, before: str, after: str) -> TypeChange:
        return TypeChange(row, handle, self._node_ids.get(handle, ""), before, after)


def _name(vtype: int) -> str:
    return BuiltinType(vtype & (ARRAY - 1)).name + "[]" * bool(vtype & ARRAY)
