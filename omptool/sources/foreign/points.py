"""Rows of a foreign recording on their way into the contract: the columns of `telemetry`.

What the recording does not tell is null. Three columns may not be: the server is then the one that was given or the
file's name, the place is what the plant model says, and a name without a NodeId gets one made of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from omptool.errors import OmptoolError
from omptool.model import path as paths
from omptool.model import status as statuses
from omptool.model.contracts import TELEMETRY, TIME
from omptool.model.nodeid import NodeId
from omptool.model.nodes import Node
from omptool.model.plant import UNASSIGNED, Place, PlantModel, places
from omptool.model.vocabulary import Origin, Quality, TimeBasis
from omptool.sources.foreign.stamps import Ints, Stamps
from omptool.sources.foreign.values import Values

NAMESPACE = "urn:omptool:import"
"""Of NodeIds that are made of a name."""

_UAEXPERT = re.compile(r"NS(\d+)\|(String|Numeric|Guid|Opaque)\|(.+)", re.DOTALL)
"""A NodeId as UaExpert shows it."""

BASES = (TimeBasis.SOURCE, TimeBasis.SERVER, TimeBasis.RECEIVE)
_QUALITIES = (Quality.GOOD, Quality.UNCERTAIN, Quality.BAD, Quality.BAD)


class Named(NamedTuple):
    """What a row says about its node; None where it says nothing."""

    server: str | None = None
    node_id: str | None = None
    path: str | None = None
    tag: str | None = None
    site: str | None = None
    area: str | None = None
    line: str | None = None
    machine: str | None = None
    unit: str | None = None


class Known(NamedTuple):
    """A node as the columns of the contract have it."""

    server: str
    node_id: str
    path: str
    tag: str
    site: str
    area: str | None
    line: str | None
    machine: str
    unit: str | None


class Nodes:
    """The nodes of a recording, each once, in the order in which they came."""

    def __init__(self, server: str, plant: PlantModel | None = None) -> None:
        """`server`: of rows that name none."""
        self._server = server
        self._plant = plant
        self._positions: dict[Named, int] = {}
        self._exact: dict[Known, int] = {}
        self.known: list[Known] = []

    def position(self, named: Named) -> int:
        """Where the node stands in `known`."""
        found = self._positions.get(named)
        if found is None:
            found = self._positions[named] = len(self.known)
            self.known.append(self._know(named))
        return found

    def exactly(self, node: Known) -> int:
        """The same for a node whose columns are told in full."""
        found = self._exact.get(node)
        if found is None:
            found = self._exact[node] = len(self.known)
            self.known.append(node)
        return found

    def column(self, name: str) -> pa.Array:
        return pa.array([getattr(node, name) for node in self.known], pa.string())

    def _know(self, named: Named) -> Known:
        server = named.server or self._server
        path, tag = _path(named)
        node_id = _node_id(named.node_id, path)
        ruled = self._ruled(server, node_id, path)
        if ruled is not None:
            return Known(server, node_id, path, ruled.tag, *ruled[:4], named.unit)
        site = named.site or (self._plant.site if self._plant else None) or UNASSIGNED
        return Known(server, node_id, path, tag, site, named.area, named.line, named.machine or server, named.unit)

    def _ruled(self, server: str, node_id: str, path: str) -> Place | None:
        """The place that a rule of plant.toml gives, if one does."""
        rules = self._plant.rules if self._plant else ()
        names = paths.split(path)
        if not any(rule.server in (None, server) and rule.path.find(names) for rule in rules):
            return None
        return places(server, [Node(node_id, path, "")], self._plant)[node_id]


def _path(named: Named) -> tuple[str, str]:
    """Path and tag of a node that has at least one of them, or a NodeId."""
    if named.path:
        return _canonical(named.path), _canonical(named.tag or named.path)
    tag = _canonical(named.tag) if named.tag else paths.escape_name(named.node_id or "")
    return (f"{paths.escape_name(named.machine)}/{tag}" if named.machine else tag), tag


def _canonical(text: str) -> str:
    """A path as C1 spells it; in a foreign name an ampersand is one."""
    return text if paths.join(paths.split(text)) == text else text.replace("&", "&&")


def _node_id(text: str | None, path: str) -> str:
    """C1 text; an index that nobody can resolve stays as it is written, any other text is a name."""
    if text:
        try:
            return str(NodeId.parse(text))
        except OmptoolError:
            if text.startswith("ns="):
                return text
            if match := _UAEXPERT.fullmatch(text):
                kind = match[2][0].lower().replace("n", "i").replace("o", "b")
                return _node_id(f"{'' if match[1] == '0' else f'ns={match[1]};'}{kind}={match[3]}", path)
    return str(NodeId(NAMESPACE, "s", text or path))


@dataclass(slots=True)
class Points:
    """Rows of a recording, column by column.

    Attributes:
        basis: by position in `BASES`, which stamp `time` is.
        nodes: positions in a `Nodes`.
        more: columns of the contract that the recording has in full, by name.
    """

    time: Stamps
    nodes: npt.NDArray[np.int32]
    values: Values
    status: Ints
    basis: npt.NDArray[np.int32] | None = None
    server_time: Stamps | None = None
    receive_time: Stamps | None = None
    more: Mapping[str, pa.Array] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.time.us)


def batch(points: Points, nodes: Nodes, first_seq: int, capture: str) -> pa.RecordBatch:
    """Rows of `telemetry`, repeated texts as dictionaries; `seq` from `first_seq` on."""
    rows = len(points)
    basis = np.zeros(rows, np.int32) if points.basis is None else points.basis
    code = points.status
    server_us, server_rest = _optional(points.server_time, rows)
    columns: dict[str, pa.Array] = {
        "time": _moments(points.time.us),
        "time_ns": pa.array(points.time.rest.astype(np.int16)),
        "time_basis": _pick([str(word) for word in BASES], basis),
        "server_time": server_us,
        "server_time_ns": server_rest,
        "receive_time": _optional(points.receive_time, rows)[0],
        "type": points.values.types.dictionary_encode(),
        "value": points.values.value,
        "value_exact": points.values.exact,
        "value_text": points.values.text,
        "value_list": points.values.lists,
        "raw": pa.nulls(rows, pa.binary()),
        "status": pa.array(code),
        "quality": _pick([str(word) for word in _QUALITIES], (code >> 30).astype(np.int32)),
        "overflow": pa.array((code & (statuses.INFO_TYPE_MASK | statuses.OVERFLOW_BIT)) == statuses.OVERFLOW),
        "origin": _pick([str(Origin.IMPORTED)], np.zeros(rows, np.int32)),
        "capture": _pick([capture], np.zeros(rows, np.int32)),
        "seq": pa.array(np.arange(first_seq, first_seq + rows, dtype=np.int64)),
    }
    for name in Known._fields:
        columns[name] = pa.DictionaryArray.from_arrays(pa.array(points.nodes, pa.int32()), nodes.column(name))
    columns |= points.more
    return pa.RecordBatch.from_arrays([columns[name] for name in TELEMETRY.names], names=TELEMETRY.names)


def _pick(words: Sequence[str], positions: npt.NDArray[np.int32]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(positions, pa.int32()), pa.array(words, pa.string()))


def _moments(us: Ints, missing: npt.NDArray[np.bool_] | None = None) -> pa.Array:
    return pa.array(us, pa.int64(), mask=missing).cast(TIME)


def _optional(stamps: Stamps | None, rows: int) -> tuple[pa.Array, pa.Array]:
    if stamps is None:
        return pa.nulls(rows, TIME), pa.nulls(rows, pa.int16())
    missing = ~stamps.present
    return _moments(stamps.us, missing), pa.array(stamps.rest.astype(np.int16), mask=missing)
