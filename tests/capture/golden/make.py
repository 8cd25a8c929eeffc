"""Made format-1.omcap, once. It is never made again: a later omptool must read what this one wrote.

python tests/capture/golden/make.py FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

import pyarrow as pa

from omptool.capture.format import EVENT_SEGMENT, Flag
from omptool.capture.writer import CaptureWriter
from omptool.model.nodes import MonitoredNode, Node
from omptool.model.vocabulary import GapReason, GapState
from omptool.protocol.columns import ItemColumns
from tests.capture import build


def values() -> ItemColumns:
    """One row per kind of column."""
    columns = ItemColumns.blank(9)
    columns.client_handle[:] = range(9)
    columns.source_ticks[:] = [134_346_968_000_000_000 + row for row in range(9)]
    columns.has_source[:] = True
    columns.source_ticks[8] = 2**62
    columns.vtype[:] = [11, 6, 9, 1, 12, 13, 0x80 | 11, 0, 10]
    columns.f64[0], columns.f64[8] = 0.1, -1.5
    columns.has_f64[[0, 8]] = True
    columns.i64[1], columns.i64[2], columns.i64[5] = 1, -1, 134_346_968_265_000_001
    columns.has_i64[[1, 2, 5]] = True
    columns.bool_[3], columns.has_bool[3] = True, True
    columns.text[4] = "Größe"
    columns.raw[6] = bytes.fromhex("8b02000000000000000000f83f00000000000000c0")
    columns.status[7] = 0x80340000
    return columns


def nodes() -> list[MonitoredNode]:
    """Handle n + 1 is the node of row n; the second one is an enumeration."""
    table = []
    for number in range(9):
        names = {0: "Idle", 1: "Running"} if number == 1 else None
        node = Node(
            f"nsu=urn:test:plant;i={number}", f"Line1/N{number}", f"N{number}", unit="°C", enum_names=names,
            data_type="MachineState" if names else None,
        )  # fmt: skip
        table.append(MonitoredNode(node, number + 1, build.SERVER.server, build.T0, 100.0, 500.0, 10))
    return table


def main(path: Path) -> None:
    """Write the capture, two segments and one of events, with a clock that stands still."""
    writer = CaptureWriter.create(path, clock=lambda: build.T0, rotate_bytes=1)
    writer.put_nodes(build.SERVER, nodes())
    sub = writer.subscription(build.SERVER.server, epoch=1, subscription_id=4711)
    writer.append(build.rows_of(values(), sub=sub, flags=int(Flag.INITIAL)))
    writer.commit()
    writer.gap(
        GapReason.SEQUENCE_LOST, server=build.SERVER.server, node=1, sub=sub, start_ns=build.T0,
        end_ns=build.T0 + 10**9, state=GapState.EXPLAINED, missing=2,
    )  # fmt: skip
    writer.append(build.rows_of(build.doubles([2.5, 3.5], handles=1), sub=sub))
    event = dict.fromkeys(EVENT_SEGMENT.names) | {
        "node": 1, "event_time": build.T0, "receive_time": build.T0, "receive_mono": 1, "sequence": 3, "sub": sub,
        "event_id": b"\x01", "message": "hot", "severity": 700, "flags": 0,
    }  # fmt: skip
    writer.append_events(pa.RecordBatch.from_pylist([event], schema=EVENT_SEGMENT))
    writer.commit()
    writer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
