"""A capture through the contract: its rows as the views `telemetry`, `nodes`, `events`, `gaps` and `journal` (C2, C3).

The same columns as a lake, with the same meaning. Works on columns, batch by batch; never writes. Carried rows have no
`seq` and never get here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from omptool.capture import times
from omptool.capture.directory import NodeDirectory
from omptool.capture.encode import encode_items
from omptool.capture.format import Flag
from omptool.capture.nodetable import NodeTable, ServerIdentity
from omptool.capture.reader import Capture
from omptool.capture.tables import Standing
from omptool.capture.values import value_columns
from omptool.model import status as statuses
from omptool.model.contracts import EVENTS, NODES, TELEMETRY
from omptool.model.nodes import MonitoredNode, Node
from omptool.model.plant import PlantModel
from omptool.model.vocabulary import Origin, Quality

if TYPE_CHECKING:
    from omptool.protocol.columns import ItemColumns
    from omptool.protocol.structure import Kept

_ORIGINS = (Origin.LIVE, Origin.INITIAL, Origin.REPUBLISHED, Origin.HISTORY, Origin.POLLED, Origin.HEARTBEAT)
_QUALITIES = (Quality.GOOD, Quality.UNCERTAIN, Quality.BAD, Quality.BAD)


def _origin_table() -> npt.NDArray[np.int32]:
    """By `flags`, the position in `_ORIGINS`; how a row was fetched says more than that it was the first."""
    table = np.zeros(256, np.int32)
    flags = np.arange(256)
    for position, flag in enumerate((Flag.INITIAL, Flag.REPUBLISHED, Flag.HISTORY, Flag.POLLED, Flag.HEARTBEAT), 1):
        table[(flags & int(flag)) != 0] = position
    return table


_ORIGIN_OF = _origin_table()


def telemetry(
    capture: Capture, *, plant: PlantModel | None = None, after_seq: int = 0, dictionary: bool = False
) -> Iterator[pa.RecordBatch]:
    """The view `telemetry`, in the order in which rows were received.

    Args:
        capture: an open capture.
        plant: plant.toml, when there is one.
        after_seq: only rows with a larger `seq`.
        dictionary: leave repeated texts dictionary-encoded (faster; the schema then differs from the contract's
            in that alone).
    """
    view = Telemetry(capture, plant=plant, dictionary=dictionary)
    for first, batch in capture.batches(after_seq):
        yield from view.rows(np.arange(first, first + batch.num_rows, dtype=np.int64), batch)


class Telemetry:
    """Rows of a capture's segments → rows of `telemetry`, for whoever reads the segments himself."""

    def __init__(self, capture: Capture, *, plant: PlantModel | None = None, dictionary: bool = False) -> None:
        self._capture_id = capture.id
        self._directories = _Directories(capture, plant)
        self._dictionary = dictionary

    def rows(self, seq: npt.NDArray[np.int64], batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        """The rows with these `seq` (ascending); in pieces where the description of nodes changes."""
        for start, stop in self._directories.cut(seq):
            yield _telemetry(
                batch.slice(start, stop - start),
                seq[start:stop],
                self._capture_id,
                self._directories.at(int(seq[start])),
                self._dictionary,
            )


def telemetry_of(
    columns: ItemColumns,
    *,
    server: ServerIdentity,
    nodes: Sequence[Node],
    receive_time_ns: int,
    context: Sequence[Node] = (),
    plant: PlantModel | None = None,
    kept: Kept | None = None,
) -> pa.RecordBatch:
    """Values that were just read, as rows of `telemetry` without a capture: origin polled, capture empty, seq from 1.

    Args:
        columns: decoded DataValues; `client_handle` indexes `nodes`.
        server: where they come from, with its NamespaceArray.
        nodes: what was read.
        receive_time_ns: when, Unix nanoseconds.
        context: all nodes known, for places (C5); those of `nodes` need not be repeated.
        kept: counts structures that stay bytes.
    """
    answers = Answers(server, nodes, since_ns=receive_time_ns, context=context, plant=plant, kept=kept)
    return answers.rows(columns, columns.client_handle + np.uint32(1), receive_time_ns, Flag.POLLED)


class Answers:
    """What a server answers when it is asked, as rows of `telemetry` without a capture: capture empty, seq from 1.

    Args:
        since_ns: since when the nodes are described so, Unix nanoseconds.
        context, plant, kept: as in `telemetry_of`.
    """

    def __init__(
        self,
        server: ServerIdentity,
        nodes: Sequence[Node],
        *,
        since_ns: int,
        context: Sequence[Node] = (),
        plant: PlantModel | None = None,
        kept: Kept | None = None,
    ) -> None:
        monitored = [MonitoredNode(node, handle, server.server, since_ns) for handle, node in enumerate(nodes, 1)]
        known = {node.node_id for node in nodes}
        around = [MonitoredNode(node, 0, server.server, 0) for node in context if node.node_id not in known]
        self._directory = NodeDirectory([NodeTable("", server, (*monitored, *around))], plant, kept=kept)
        self._seq = 1

    def rows(
        self, columns: ItemColumns, handles: npt.NDArray[np.uint32] | int, receive_time_ns: int, flag: Flag
    ) -> pa.RecordBatch:
        """The next rows; `handles` are the numbers of their nodes, from 1."""
        batch = encode_items(
            columns,
            nodes=handles,
            receive_time=receive_time_ns,
            receive_mono=0,
            sequence=0,
            sub=0,
            flags=int(flag),
        )
        first, self._seq = self._seq, self._seq + batch.num_rows
        return _telemetry(batch, np.arange(first, self._seq), "", self._directory, dictionary=False)


def journal(capture: Capture) -> pa.Table:
    """The view `journal`."""
    return capture.journal()


def gaps(capture: Capture) -> pa.Table:
    """The view `gaps`."""
    return capture.gaps()


def nodes(capture: Capture, *, plant: PlantModel | None = None) -> pa.Table:
    """The view `nodes`: one row per node and change of its description."""
    tables = [table for _, table in capture.tables.tables]
    directory = NodeDirectory(tables, plant)
    rows: list[dict[str, object]] = []
    last: dict[tuple[object, object], dict[str, object]] = {}
    for table in tables:
        for node in table.nodes:
            row = _node_row(node, directory)
            key = (row["server"], row["node_id"])
            same = {name: value for name, value in row.items() if name != "valid_from"}
            if last.get(key) != same:
                last[key] = same
                rows.append(row)
    return pa.Table.from_pylist(rows, schema=NODES)


def events(capture: Capture, *, plant: PlantModel | None = None) -> pa.Table:
    """The view `events`."""
    directories = _Directories(capture, plant)
    telemetry_row = max(capture.last_row, 1)  # events have their own numbering: the last description holds
    parts = [_events(b, first, capture.id, directories.at(telemetry_row)) for first, b in capture.event_batches()]
    return pa.Table.from_batches(parts, schema=EVENTS)


class _Directories:
    """The node directory that holds for a row; a later node table describes the rows behind it only."""

    def __init__(self, capture: Capture, plant: PlantModel | None) -> None:
        self._tables = capture.tables
        self._plant = plant
        self._standing = Standing()
        self._count = -1
        self._capture_id = capture.id
        self._kept = capture.kept
        self._directory = NodeDirectory([], plant, capture.id)

    def at(self, row: int) -> NodeDirectory:
        count = self._tables.count_at(row)
        if count < self._count:
            self._standing, self._count = Standing(), -1
        if count != self._count:
            for _, table in self._tables.tables[max(self._count, 0) : count]:
                self._standing.add(table)
            self._directory = NodeDirectory(self._standing.tables, self._plant, self._capture_id, self._kept)
            self._count = count
        return self._directory

    def cut(self, seq: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
        """Positions [start, stop) of the rows that one directory describes."""
        edges = [0, *np.searchsorted(seq, self._tables.steps()).tolist(), len(seq)]
        return ((start, stop) for start, stop in pairwise(edges) if start < stop)


def _telemetry(
    batch: pa.RecordBatch,
    seq: npt.NDArray[np.int64],
    capture_id: str,
    directory: NodeDirectory,
    dictionary: bool,
) -> pa.RecordBatch:
    rows = batch.num_rows
    texts = _Texts(dictionary)
    positions = directory.positions(batch.column("node").to_numpy())
    code = batch.column("status").to_numpy()
    stamps = times.time_columns(batch)
    values = value_columns(batch, positions, directory)
    columns = {
        "time": stamps.time,
        "time_ns": stamps.time_ns,
        "time_basis": texts.pick(times.BASES, stamps.basis),
        "server_time": stamps.server_time,
        "server_time_ns": stamps.server_time_ns,
        "receive_time": stamps.receive_time,
        "type": texts.pick(values.type_names, values.types),
        "value": values.value,
        "value_exact": values.exact,
        "value_text": values.text,
        "value_list": values.lists,
        "raw": values.raw,
        "status": pa.array(code.astype(np.int64)),
        "quality": texts.pick(_QUALITIES, (code >> 30).astype(np.int32)),
        "overflow": pa.array((code & (statuses.INFO_TYPE_MASK | statuses.OVERFLOW_BIT)) == statuses.OVERFLOW),
        "origin": texts.pick(_ORIGINS, _ORIGIN_OF[batch.column("flags").to_numpy()]),
        "capture": texts.pick([capture_id], np.zeros(rows, np.int32)),
        "seq": pa.array(seq),
    }
    columns |= {name: texts.take(directory.column(name), positions) for name in ("site", "area", "line", "machine")}
    columns |= {
        name: texts.take(directory.column(name), positions) for name in ("tag", "path", "server", "node_id", "unit")
    }
    return _batch(columns, TELEMETRY)


class _Texts:
    """Columns of repeated texts, plain or dictionary-encoded."""

    def __init__(self, dictionary: bool) -> None:
        self.dictionary = dictionary

    def pick(self, words: Sequence[str], positions: npt.NDArray[np.int32]) -> pa.Array:
        if not self.dictionary and len(positions) and (positions == positions[0]).all():
            return pa.repeat(pa.scalar(str(words[positions[0]])), len(positions))
        return self.take(pa.array([str(word) for word in words], pa.string()), positions)

    def take(self, words: pa.Array, positions: npt.NDArray[np.int32]) -> pa.Array:
        indexes = pa.array(positions, pa.int32())
        return pa.DictionaryArray.from_arrays(indexes, words) if self.dictionary else words.take(indexes)


def _batch(columns: dict[str, pa.Array], contract: pa.Schema) -> pa.RecordBatch:
    """Columns in the order of a contract; dictionaries stay."""
    arrays = [columns[name] for name in contract.names]
    fields = [field.with_type(array.type) for field, array in zip(contract, arrays, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields))


def _node_row(entry: MonitoredNode, directory: NodeDirectory) -> dict[str, object]:
    node = entry.node
    place = directory.place(entry.server, node.node_id, node.path)
    names = node.enum_names
    row: dict[str, object] = {name: getattr(node, name) for name in NODES.names if hasattr(node, name)}
    return (
        row
        | place._asdict()
        | {
            "server": entry.server,
            "valid_from": entry.valid_from // 1000,
            "array_dimensions": None
            if node.array_dimensions is None
            else [min(d, 2**31 - 1) for d in node.array_dimensions],
            "enum_names": None if names is None else json.dumps(names, ensure_ascii=False),
            "sampling_ms": entry.sampling_ms,
            "publishing_ms": entry.publishing_ms,
            "queue_size": entry.queue_size,
            "parents": list(node.parents),
        }
    )


def _events(batch: pa.RecordBatch, first: int, capture_id: str, directory: NodeDirectory) -> pa.RecordBatch:
    rows = batch.num_rows
    texts = _Texts(False)
    positions = directory.positions(batch.column("node").to_numpy())
    servers = directory.column("server").take(pa.array(positions)).to_pylist()
    notifiers = directory.column("node_id").take(pa.array(positions)).to_pylist()
    sources = [s or n for s, n in zip(batch.column("source_node").to_pylist(), notifiers, strict=True)]
    paths = {(node.server, node.node.node_id): node.node.path for node in directory.nodes}
    found = [
        directory.place(server, node, paths.get((server, node), ""))
        for server, node in zip(servers, sources, strict=True)
    ]
    stamps = times.event_columns(batch)
    names = (
        "event_id", "event_type", "source_name", "message", "condition_id", "condition_name", "active", "acked",
        "confirmed", "suppressed", "retain", "fields",
    )  # fmt: skip
    columns = {name: batch.column(name) for name in names} | {
        "time": stamps.time,
        "time_ns": stamps.time_ns,
        "receive_time": stamps.receive_time,
        "server": pa.array(servers, pa.string()),
        "node_id": pa.array(sources, pa.string()),
        "severity": batch.column("severity").cast(pa.int32()),
        "origin": texts.pick(_ORIGINS, _ORIGIN_OF[batch.column("flags").to_numpy()]),
        "capture": texts.pick([capture_id], np.zeros(rows, np.int32)),
        "seq": pa.array(np.arange(first, first + rows, dtype=np.int64)),
    }
    columns |= {n: pa.array([getattr(p, n) for p in found], pa.string()) for n in ("site", "area", "line", "machine")}
    return _batch(columns, EVENTS)
