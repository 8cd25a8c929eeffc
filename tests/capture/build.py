"""Small captures for tests: written by the real writer, with values that are easy to predict."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from omptool.capture import view
from omptool.capture.encode import encode_items
from omptool.capture.nodetable import ServerIdentity
from omptool.capture.reader import Capture
from omptool.capture.writer import CaptureWriter
from omptool.model.nodes import MonitoredNode, Node
from omptool.model.times import unix_ns_to_ticks
from omptool.protocol.columns import ItemColumns

T0 = 1_790_000_000_000_000_000
"""2026-09-21T14:13:20Z."""

SERVER = ServerIdentity(
    "urn:test:press",
    application_uri="urn:test:press",
    url="opc.tcp://127.0.0.1:4840",
    name="press",
    namespaces=("http://opcfoundation.org/UA/", "urn:test:press", "urn:test:plant"),
    build_info={"product_name": "Press"},
)


def nodes(count: int = 4, *, first_handle: int = 1) -> list[MonitoredNode]:
    """A folder and `count` Variables of type Double below it."""
    folder = Node("nsu=urn:test:plant;s=Line1", "Line1", "nsu=urn:test:plant;Line1", node_class="Object")
    table = [MonitoredNode(folder, 0, SERVER.server, T0)]
    for number in range(count):
        node = Node(
            f"nsu=urn:test:plant;s=Line1.T{number}",
            f"Line1/T{number}",
            f"nsu=urn:test:plant;T{number}",
            data_type="Double",
            data_type_id="i=11",
            unit="°C",
        )
        table.append(MonitoredNode(node, first_handle + number, SERVER.server, T0, 100.0, 500.0, 10))
    return table


def doubles(values: Sequence[float], *, start_ns: int = T0, handles: int = 4) -> ItemColumns:
    """Doubles of nodes in turn, one per millisecond."""
    columns = ItemColumns.blank(len(values))
    columns.client_handle[:] = np.arange(len(values)) % handles
    columns.vtype[:] = 11
    columns.f64[:] = values
    columns.has_f64[:] = True
    columns.source_ticks[:] = unix_ns_to_ticks(start_ns) + np.arange(len(values)) * 10_000
    columns.has_source[:] = True
    return columns


def rows_of(
    columns: ItemColumns, *, sub: int = 1, sequence: int = 1, flags: int = 0, receive_ns: int = T0
) -> pa.RecordBatch:
    """`columns` as rows of a segment; client handle n is node handle n + 1."""
    return encode_items(
        columns,
        nodes=columns.client_handle + np.uint32(1),
        receive_time=receive_ns,
        receive_mono=receive_ns,
        sequence=sequence,
        sub=sub,
        flags=flags,
    )


def start(path: Path, *, ledger: bool = False, **options: Any) -> CaptureWriter:
    """A capture of `SERVER` with its nodes and one subscription; `ledger`: which promises an account of itself."""
    writer = CaptureWriter.create(path, **options)
    writer.put_nodes(SERVER, nodes())
    writer.subscription(SERVER.server, epoch=1, subscription_id=4711, detail={"ledger": 30.0} if ledger else None)
    return writer


def small(path: Path, *, commits: int = 3, rows: int = 8, close: bool = True, **options: Any) -> Path:
    """A capture of `commits` flushes with `rows` rows each; row n has the value n."""
    writer = start(path, **options)
    for number in range(commits):
        first = number * rows
        batch = rows_of(
            doubles(range(first + 1, first + rows + 1), start_ns=T0 + first * 1_000_000), sequence=number + 1
        )
        writer.append(batch)
        writer.commit()
    if close:
        writer.close()
    else:
        abandon(writer)
    return path


def abandon(writer: CaptureWriter) -> None:
    """Leave the files as a killed process would."""
    for kind in (writer._telemetry, writer._events):
        if kind.file is not None:
            kind.file.abandon()
    writer._lock.release()


def values(path: Path) -> dict[int, float]:
    """seq → value of every row that comes back."""
    return {row["seq"]: row["value"] for row in rows(path)}


def rows(path: Path) -> list[dict[str, Any]]:
    """The view telemetry, whole."""
    return [row for batch in view.telemetry(Capture.open(path)) for row in batch.to_pylist()]


def copy(source: Path, target: Path) -> Path:
    """A fresh copy of a capture."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    return target
