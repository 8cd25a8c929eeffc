"""Small servers whose nodes are named as PackML (OPC 30050), MachineTool (OPC 40501-1) and Machinery (OPC 40001-1) do.

Each has one machine and runs through the same hundred seconds again and again, ten moments of ten seconds: six in which
it makes a part, three in which it waits, one in which it is broken. Time in the stamps is not that of any clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import struct
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from omptool.model.builtin import BuiltinType
from omptool.model.datatypes import DataType, Field, Kind
from omptool.model.nodes import Node
from omptool.model.path import split
from omptool.opcua.serving.served import ServedValue, VariantValue, encode_variant
from omptool.opcua.serving.server import serve

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
CYCLE_S, STEP_S = 100, 10
PACKML, TOOL = "http://opcfoundation.org/UA/PackML/", "http://opcfoundation.org/UA/MachineTool/"
MACHINERY, DI = "http://opcfoundation.org/UA/Machinery/", "http://opcfoundation.org/UA/DI/"
NAMESPACES = ("", "urn:companion", PACKML, TOOL, MACHINERY, DI)
_EPOCH_TICKS = 116_444_736_000_000_000
_PACE_S = 0.02
_COUNT = DataType(
    f"nsu={PACKML};i=14", f"nsu={PACKML};PackMLCountDataType", Kind.STRUCTURE, "i=22",
    encoding_id=f"nsu={PACKML};i=148",
    fields=tuple(Field(name, f"i={kind}") for name, kind in
                 (("ID", 6), ("Name", 12), ("Unit", 887), ("Count", 6), ("AccCount", 6))),
)  # fmt: skip


def making(step: int) -> bool:
    return step % 10 < 6


def parts(step: int) -> int:
    """Made before the end of a step."""
    return 1000 + step // 10 * 6 + min(step % 10 + 1, 6)


def word(step: int, making_it: str, waiting: str, broken: str) -> str:
    return making_it if making(step) else waiting if step % 10 < 9 else broken


def _text(value: str) -> bytes:
    """A LocalizedText, by its text."""
    data = value.encode()
    return struct.pack("<BBi", BuiltinType.LocalizedText, 2, len(data)) + data


def _counted(number: int) -> bytes:
    """An array of one PackMLCountDataType."""
    name = b"Bottle"
    unit = struct.pack("<iiBB", -1, 0, 0, 0)
    body = struct.pack("<ii", 1, len(name)) + name + unit + struct.pack("<ii", number % 10, number)
    element = struct.pack("<BBH", 1, PACKML_INDEX, 148) + struct.pack("<Bi", 1, len(body)) + body
    return struct.pack("<Bi", BuiltinType.ExtensionObject | 0x80, 1) + element


PACKML_INDEX = NAMESPACES.index(PACKML)
Said = Mapping[str, Callable[[int], bytes | None]]
"""Path of a Variable → Variant bytes at a step; None: Bad_StateNotActive."""


@dataclass(frozen=True)
class Companion:
    """A companion specification as a server speaks it."""

    folder: str
    folder_id: str
    machine: str
    says: Said
    types: Mapping[str, str]


def _number(kind: BuiltinType, of: Callable[[int], VariantValue]) -> Callable[[int], bytes]:
    return lambda step: encode_variant(kind, of(step))


BY_NUMBER = Companion("PackMLObjects", f"nsu={PACKML};i=72", "Filler", {
    "Status/StateCurrent": _number(BuiltinType.Int32, lambda step: 6 if making(step) else 11 if step % 10 < 9 else 9),
    "Admin/ProdProcessedCount": lambda step: _counted(parts(step)),
    "Admin/ProdDefectiveCount": lambda step: _counted(step // 10 + 1),
}, {"ProdProcessedCount": "PackMLCountDataType", "ProdDefectiveCount": "PackMLCountDataType"})  # fmt: skip
_MACHINE = "BaseStateMachine/MachineState"
BY_MACHINES = Companion("PackMLObjects", f"nsu={PACKML};i=72", "Filler", {
    "BaseStateMachine/CurrentState": lambda step: _text(word(step, "Cleared", "Cleared", "Aborted")),
    f"{_MACHINE}/CurrentState": lambda step: None if step % 10 == 9 else _text("Running"),
    f"{_MACHINE}/ExecuteState/CurrentState": lambda step: None if step % 10 == 9 else _text(
        word(step, "Execute", "Held", "")),
    "Admin/ProdProcessedCount": lambda step: _counted(parts(step)),
    "Admin/ProdDefectiveCount": lambda step: _counted(step // 10 + 1),
}, BY_NUMBER.types)  # fmt: skip
_BLOCKS = "MachineryBuildingBlocks"
MACHINE_TOOL = Companion("Machines", f"nsu={MACHINERY};i=1001", "Mill", {
    f"{_BLOCKS}/MachineryItemState/CurrentState": lambda step: _text(
        word(step, "Executing", "NotExecuting", "OutOfService")),
    f"{_BLOCKS}/MachineryOperationMode/CurrentState": lambda step: _text("Processing"),
    "Monitoring/MachineTool/OperationCounters/PartsProducedInLifetime": _number(BuiltinType.UInt64, parts),
    "Production/ActiveProgram/Name": _number(BuiltinType.String, lambda step: "O1001"),
    "Production/ActiveProgram/State/CurrentState": lambda step: _text(word(step, "Running", "Interrupted", "Aborted")),
}, {})  # fmt: skip
MACHINERY_ITEM = Companion("Machines", f"nsu={MACHINERY};i=1001", "Washer", {
    f"{_BLOCKS}/MachineryItemState/CurrentState": lambda step: _text(
        word(step, "Executing", "NotExecuting", "OutOfService")),
    f"{_BLOCKS}/OperationCounters/OperationCycleCounter": _number(BuiltinType.UInt64, parts),
}, {})  # fmt: skip


def table(companion: Companion) -> list[Node]:
    """The nodes below Objects."""
    found = {companion.folder: Node(companion.folder_id, companion.folder, companion.folder, companion.folder,
                                    node_class="Object", type_definition="i=61", parents=("i=85",))}  # fmt: skip
    for path in companion.says:
        names = (companion.folder, companion.machine, *split(path))
        for depth in range(2, len(names) + 1):
            place, above = "/".join(names[:depth]), "/".join(names[: depth - 1])
            parents = (found[above].node_id,)
            if depth < len(names):
                found.setdefault(place, Node(f"nsu=urn:companion;s={place}", place, names[depth - 1], names[depth - 1],
                                             node_class="Object", type_definition="i=58", parents=parents))  # fmt: skip
            else:
                structured = _COUNT.node_id if names[-1] in companion.types else None
                found[place] = Node(f"nsu=urn:companion;s={place}", place, names[-1], names[-1], parents=parents,
                                    data_type=companion.types.get(names[-1], "BaseDataType"), data_type_id=structured,
                                    value_rank=1 if structured else -1)  # fmt: skip
    return list(found.values())


def values(companion: Companion, step: int) -> Iterator[ServedValue]:
    """What has changed with a step, all of it with its moment."""
    ticks = int(START.timestamp()) * 10**7 + _EPOCH_TICKS + step * STEP_S * 10**7
    for path, said in companion.says.items():
        now, before = said(step), said(step - 1) if step else b""
        if now != before:
            node = f"nsu=urn:companion;s={companion.folder}/{companion.machine}/{path}"
            yield ServedValue(0, node, now or b"\0", 0 if now else 0x80BF0000, ticks)


@contextlib.contextmanager
def serving(companion: Companion) -> Iterator[str]:
    """The server, running; its URL."""
    url: list[str] = []
    stopping: list[Callable[[], object]] = []
    up = threading.Event()

    async def told() -> AsyncIterator[ServedValue]:
        for step in itertools.count(1):
            for value in values(companion, step):
                yield value
            await asyncio.sleep(_PACE_S)

    async def work() -> None:
        served = await serve(
            table(companion), told(), initial=list(values(companion, 0)), data_types=[_COUNT], namespaces=NAMESPACES,
            application_uri="urn:companion", min_queue_size=10_000,
        )  # fmt: skip
        over, loop = asyncio.Event(), asyncio.get_running_loop()
        url.append(served.url)
        stopping.append(lambda: loop.call_soon_threadsafe(over.set))
        up.set()
        await over.wait()
        await served.stop()

    thread = threading.Thread(target=lambda: asyncio.run(work()), daemon=True)
    thread.start()
    try:
        assert up.wait(60)
        yield url[0]
    finally:
        for stop in stopping:
            stop()
        thread.join(60)
