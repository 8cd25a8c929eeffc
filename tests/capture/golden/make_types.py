"""Made format-1-types.omcap, once: the same format with definitions of structures, which it has had from some day on.

python tests/capture/golden/make_types.py FOLDER
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from omptool.capture.nodetable import ServerIdentity
from omptool.capture.writer import CaptureWriter
from omptool.model.datatypes import DataType, Field, Kind, Member
from omptool.model.nodes import MonitoredNode, Node
from omptool.protocol.columns import ItemColumns
from tests.capture import build

URI = "urn:test:plant"
MODE, POINT, ALARMS, PART = (f"nsu={URI};i={number}" for number in (1, 2, 3, 4))
TYPES = (
    DataType(MODE, f"nsu={URI};Mode", Kind.ENUMERATION, "i=29", members=(Member(0, "Off"), Member(1, "On"))),
    DataType(
        POINT,
        f"nsu={URI};Point",
        Kind.STRUCTURE,
        "i=22",
        f"nsu={URI};i=102",
        fields=(Field("x", "i=11"), Field("y", "i=4")),
    ),
    DataType(ALARMS, f"nsu={URI};Alarms", Kind.OPTION_SET, "i=7", members=(Member(0, "Hot"), Member(3, "Low"))),
    DataType(
        PART,
        f"nsu={URI};Part",
        Kind.OPTIONAL_FIELDS,
        "i=22",
        f"nsu={URI};i=104",
        fields=(Field("class", "i=12"), Field("mode", MODE, -1, True), Field("at", POINT, 1), Field("any", "i=24")),
    ),
)  # fmt: skip
NODES = (("Point", POINT), ("Points", POINT), ("Part", PART), ("Mode", MODE), ("Modes", MODE), ("Alarms", ALARMS),
         ("Stranger", "i=22"), ("Open", "i=22"))  # fmt: skip


def server(namespaces: Sequence[str] = build.SERVER.namespaces) -> ServerIdentity:
    return replace(build.SERVER, namespaces=tuple(namespaces), data_types=TYPES)


def nodes(first_handle: int = 1) -> list[MonitoredNode]:
    table = []
    for number, (name, type_id) in enumerate(NODES):
        kind = next((one for one in TYPES if one.node_id == type_id), None)
        node = Node(
            f"nsu={URI};s={name}",
            name,
            f"nsu={URI};{name}",
            data_type=kind.name if kind else "ExtensionObject",
            data_type_id=type_id,
            enum_names=kind.enum_names() if kind else None,
        )
        table.append(MonitoredNode(node, first_handle + number, build.SERVER.server, build.T0, 100.0, 500.0, 10))
    return table


def packed(index: int, encoding: int, body: bytes) -> bytes:
    return bytes((1, index)) + struct.pack("<HBi", encoding, 1, len(body)) + body


def values(index: int = 2) -> ItemColumns:
    """A row per node, written with this namespace index."""
    point = struct.pack("<dh", 1.5, -7)
    text = struct.pack("<i", 4) + b"gear"
    part = (
        struct.pack("<I", 1)
        + text
        + struct.pack("<i", 1)
        + struct.pack("<i", 1)
        + point
        + b"\x06"
        + struct.pack("<i", 9)
    )
    columns = ItemColumns.blank(len(NODES))
    columns.client_handle[:] = range(len(NODES))
    columns.source_ticks[:] = [134_346_968_000_000_000 + row for row in range(len(NODES))]
    columns.has_source[:] = True
    columns.vtype[:] = [22, 22 | 128, 22, 6, 6 | 128, 7, 22, 22]
    columns.i64[3], columns.i64[5] = 1, 11
    columns.has_i64[[3, 5]] = True
    columns.raw[0] = b"\x16" + packed(index, 102, point)
    columns.raw[1] = b"\x96" + struct.pack("<i", 2) + 2 * packed(index, 102, point)
    columns.raw[2] = b"\x16" + packed(index, 104, part)
    columns.raw[4] = b"\x86" + struct.pack("<i2i", 2, 0, 1)
    columns.raw[6] = b"\x16" + packed(index, 999, b"\x01\x02")
    columns.raw[7] = b"\x16" + packed(index, 104, part)
    return columns


def main(path: Path) -> None:
    """Write the capture, with a clock that stands still."""
    writer = CaptureWriter.create(path, clock=lambda: build.T0)
    writer.put_nodes(server(), nodes())
    writer.subscription(build.SERVER.server, epoch=1, subscription_id=4711)
    writer.append(build.rows_of(values()))
    writer.commit()
    writer.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
