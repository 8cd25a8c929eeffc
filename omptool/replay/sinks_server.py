"""A recording as an OPC UA server: the captured address space, and every row with its status and stamps as they were.

Only what was captured is there: Variables that nobody recorded are left out, because they would have no value. The
EquipmentLevel of a site, area or line is an exception: the node table knows it, and without it no client would.
Namespace indexes stay those of the recorded server, because raw values carry them.
"""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from omptool.capture.format import NO_TICKS, RAW_TIME
from omptool.capture.nodetable import NodeTable
from omptool.capture.reader import Capture
from omptool.errors import CaptureError, Damaged
from omptool.model.builtin import BuiltinType
from omptool.model.datatypes import DataType
from omptool.model.nodes import MonitoredNode, Node
from omptool.model.times import unix_ns_to_ticks
from omptool.opcua.exploring.equipment import EQUIPMENT_LEVEL, LEVEL_NUMBERS
from omptool.opcua.serving.security import ServerSecurity
from omptool.opcua.serving.served import GIVEN_OUT, ServedValue, encode_variant
from omptool.opcua.serving.server import MIN_QUEUE_SIZE, Served, serve
from omptool.replay.player import Player
from omptool.replay.stamps import Stamp
from omptool.replay.variants import variants

BURST_ROWS = MIN_QUEUE_SIZE // 4
"""Rows handed to the server at once when it plays as fast as it can: every queue must have room for them."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be served: nodes, the NodeId of each handle, what EquipmentLevels say, and identity."""

    nodes: tuple[Node, ...]
    node_ids: Mapping[int, str]
    levels: Mapping[str, int]
    namespaces: tuple[str, ...]
    application_uri: str
    data_types: tuple[DataType, ...] = ()

    @property
    def variables(self) -> int:
        return len(self.node_ids)


def plan(capture: Capture, handles: frozenset[int] | None) -> Plan:
    """What a server needs to show of a capture.

    Args:
        handles: nodes whose rows are played; None = all.

    Raises:
        CaptureError: the rows are of several servers, or of one that renumbered its namespaces.
    """
    tables = [table for _, table in capture.tables.tables]
    played = [
        (table, entry)
        for table in tables
        for entry in table.nodes
        if entry.handle and (handles is None or entry.handle in handles)
    ]
    servers = sorted({table.server.server for table, _ in played})
    if len(servers) != 1:
        what = f"is of {len(servers)} servers ({', '.join(servers)})" if servers else "does not know its nodes"
        raise CaptureError(
            f"{capture.path} {what}, and one address space shows one server",
            "choose one with --server, or replay --to stdout",
        )
    arrays = sorted({table.server.namespaces for table, _ in played}, key=len)
    if any(longest[: len(array)] != array for array in arrays for longest in arrays[-1:]):
        raise CaptureError(
            f"{capture.path}: the server renumbered its namespaces while it was recorded",
            "replay the time before or after that with --start and --end",
        )
    identity = next(table.server for table, _ in reversed(played))
    known = [entry for entry in capture.nodes() if entry.server == servers[0]]
    recorded = {entry.node.node_id for _, entry in played}
    nodes = _shown(known, recorded)
    levels = _levels(known, {node.node_id: node for node in nodes}, recorded)
    # as Properties, so that a capture of this server records what was recorded and no more
    told = tuple(replace(entry.node, is_property=True) for entry in known if entry.node.node_id in levels)
    return Plan(
        (*(node for node in nodes if node.node_id not in levels), *told),
        {entry.handle: entry.node.node_id for _, entry in played},
        levels,
        arrays[-1],
        identity.application_uri or identity.server,
        _data_types(tables, servers[0]),
    )


def _shown(known: Sequence[MonitoredNode], played: set[str]) -> tuple[Node, ...]:
    """The played Variables with all that is above them, all Objects and types, and the Properties of these."""
    table = {entry.node.node_id: entry.node for entry in known}
    shown = {name for name, node in table.items() if name in played or node.node_class != "Variable"}
    above = list(shown)
    while above:
        node = table.get(above.pop())
        found = {parent for parent in (node.parents if node else ()) if parent in table} - shown
        shown |= found
        above += found
    for name, node in table.items():
        if node.is_property and (not node.parents or shown.intersection(node.parents)):
            shown.add(name)
    return tuple(node for name, node in table.items() if name in shown)


def _data_types(tables: Sequence[NodeTable], server: str) -> tuple[DataType, ...]:
    """The definitions of a server as last described."""
    described = (table.server.data_types for table in tables if table.server.server == server)
    return tuple({kind.node_id: kind for kinds in described for kind in kinds}.values())


def _levels(known: Sequence[MonitoredNode], shown: Mapping[str, Node], played: set[str]) -> dict[str, int]:
    """EquipmentLevels that nobody recorded, of equipment that is shown: NodeId → number in ISA-95's enumeration."""
    return {
        entry.node.node_id: LEVEL_NUMBERS[parent.equipment]
        for entry in known
        if entry.node.browse_name == EQUIPMENT_LEVEL and entry.node.node_id not in played
        for parent in (shown.get(name) for name in entry.node.parents)
        if parent is not None and parent.equipment in LEVEL_NUMBERS
    }


class ServerSink:
    """Feeds a server from a player. `unknown` counts rows of nodes that no node table explains."""

    def __init__(self, player: Player, what: Plan) -> None:
        self.unknown = 0
        self._player = player
        self._plan = what
        self._served: Served | None = None

    async def open(self, host: str, port: int, security: ServerSecurity | None = None) -> Served:
        """Listen, with `security` or without; the first row is due --delay after that.

        Raises:
            Busy, OutputFailed, UsageError: see `opcua.server.serve`.
        """
        opening = self._player.opening()
        self._served = await serve(
            self._plan.nodes,
            self._values(),
            initial=[*self._levels(), *(() if opening is None else self._encoded(opening))],
            data_types=self._plan.data_types,
            namespaces=self._plan.namespaces,
            application_uri=self._plan.application_uri,
            product="omptool replay",
            host=host,
            port=port,
            every_value=True,
            security=security,
        )
        return self._served

    def _levels(self) -> Iterator[ServedValue]:
        for node_id, level in self._plan.levels.items():
            yield ServedValue(0, node_id, encode_variant(BuiltinType.Int32, level), 0, None)

    async def _values(self) -> AsyncIterator[ServedValue]:
        as_fast_as_it_can = self._player.options.rate is None
        opened = np.array(sorted(self._player.known.opened), np.int64)
        async for group in self._player.groups():
            if as_fast_as_it_can and self._served is not None:
                await self._served.roomy(group.rows.batch.num_rows)
            batch = group.rows.batch
            if not group.number and len(opened):
                batch = batch.filter(pa.array(~np.isin(group.rows.seq, opened)))
            for value in self._encoded(batch):
                yield value

    def _encoded(self, batch: pa.RecordBatch) -> Iterator[ServedValue]:
        given_out = self._player.options.stamp is Stamp.NOW
        columns = zip(
            batch.column("node").to_pylist(),
            variants(batch),
            batch.column("status").to_pylist(),
            *(batch.column(name).cast(pa.int64()).to_pylist() for name in ("source_time", "server_time")),
            batch.column("raw_time").to_pylist(),
            strict=True,
        )
        for handle, variant, status, source, server, raw in columns:
            node_id = self._plan.node_ids.get(handle)
            if node_id is None:
                self.unknown += 1
                continue
            stamps = _exact(raw) if raw is not None else (_ticks(source), 0, _ticks(server), 0)
            if given_out:
                stamps = (stamps[0], stamps[1], GIVEN_OUT, 0)
            yield ServedValue(0, node_id, variant, status, *stamps)


def _exact(raw: bytes) -> tuple[int | None, int, int | None, int]:
    """Stamps that the columns do not hold.

    Raises:
        Damaged: not what `raw_time` is.
    """
    try:
        source, source_pico, server, server_pico = struct.unpack(RAW_TIME, raw)
    except struct.error:
        raise Damaged("a row's exact stamps cannot be read", "omptool verify says what is intact") from None
    return (
        None if source == NO_TICKS else source,
        source_pico,
        None if server == NO_TICKS else server,
        server_pico,
    )


def _ticks(unix_ns: int | None) -> int | None:
    return None if unix_ns is None else unix_ns_to_ticks(unix_ns)
