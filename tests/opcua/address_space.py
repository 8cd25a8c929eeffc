"""An asyncua server with an address space that has been mean to clients before, run in a thread of its own.

Cycles, two nodes with the same path, names that look like syntax, chains of sixty, values of every kind, nodes that
refuse to be read, and the companion specifications that say what is a machine. Built from public facts only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from asyncua import Server, ua

PLANT = "urn:test:plant"
ISA95 = "http://www.OPCFoundation.org/UA/2013/01/ISA95"
MACHINERY = "http://opcfoundation.org/UA/Machinery/"
DEVICES = "http://opcfoundation.org/UA/DI/"

ODD_NAMES = (
    "a/b", "a&b", "&&", "/", ".", "..", "[default]", "x;y=z", "ns=2;s=x", "Öl°µ漢", " leading", "line\nbreak",
    "\u202eevil", "*", "a?b", "{a,b}", "**", "i=85",
)  # fmt: skip
DEPTH = 60
CELSIUS = 4408652
"""UNECE "CEL" as UnitId (Part 8, 5.6.4.3)."""


@dataclass
class Space:
    """What the server has, for tests to compare with.

    Attributes:
        url: where it listens.
        below_objects: how many nodes hang below Objects, counted by walking the server's own table.
    """

    url: str = ""
    below_objects: int = 0
    loop: asyncio.AbstractEventLoop | None = None
    server: Server | None = None
    ids: dict[str, str] = field(default_factory=dict)


async def _equipment(server: Server, plant: int, ids: dict[str, str]) -> None:
    """Leipzig (site) / Hall2 (area) / Line1 (line) / Press7 (machine) by ISA-95 and Machinery; one DI device."""
    isa, machinery, devices = [await server.register_namespace(uri) for uri in (ISA95, MACHINERY, DEVICES)]
    above = server.nodes.objects
    for name, level in (("Leipzig", 1), ("Hall2", 2), ("Line1", 5)):
        above = await above.add_object(ua.NodeId(name, plant), ua.QualifiedName(name, plant))
        await above.add_property(
            ua.NodeId(f"{name}.Level", plant), ua.QualifiedName("EquipmentLevel", isa), level, ua.VariantType.Int32
        )
    base = server.get_node(ua.NodeId(ua.ObjectIds.BaseObjectType))
    identification = await base.add_object_type(
        ua.NodeId(1012, machinery), ua.QualifiedName("MachineIdentificationType", machinery)
    )
    derived = await identification.add_object_type(
        ua.NodeId("PressIdentificationType", plant), ua.QualifiedName("PressIdentificationType", plant)
    )
    machines = await server.nodes.objects.add_folder(
        ua.NodeId(1001, machinery), ua.QualifiedName("Machines", machinery)
    )
    press = await above.add_object(ua.NodeId("Press7", plant), ua.QualifiedName("Press7", plant))
    await machines.add_reference(press, ua.ObjectIds.Organizes)
    await server.nodes.server.add_reference(press, ua.ObjectIds.HasNotifier)
    await press.add_object(
        ua.NodeId("Press7.Id", plant), ua.QualifiedName("Identification", devices), objecttype=derived.nodeid
    )
    await press.add_variable(ua.NodeId("Press7.Speed", plant), ua.QualifiedName("Speed", plant), 12.5)
    device_set = await server.nodes.objects.add_folder(ua.NodeId(5001, devices), ua.QualifiedName("DeviceSet", devices))
    await device_set.add_reference(press, ua.ObjectIds.Organizes)
    drive = await device_set.add_object(ua.NodeId("Drive", plant), ua.QualifiedName("Drive", plant))
    await drive.add_variable(ua.NodeId("Drive.Torque", plant), ua.QualifiedName("Torque", plant), 3.5)
    ids["press"], ids["drive"] = f"nsu={PLANT};s=Press7", f"nsu={PLANT};s=Drive"


async def _described(folder: Any, plant: int, server: Server) -> None:
    """A variable with unit, range and description, and enumerations in the three ways servers have."""
    analog = await folder.add_variable(ua.NodeId("Temp", plant), ua.QualifiedName("Temp", plant), 61.5)
    await analog.write_attribute(
        ua.AttributeIds.Description, ua.DataValue(ua.Variant(ua.LocalizedText("Oil temperature", "en")))
    )
    unit = ua.EUInformation("http://www.opcfoundation.org/UA/units/un/cefact", CELSIUS, ua.LocalizedText("°C"))
    for name, value in (("EngineeringUnits", unit), ("EURange", ua.Range(Low=-20.0, High=120.0))):
        await analog.add_property(ua.NodeId(f"Temp.{name}", plant), ua.QualifiedName(name, 0), value)
    strings = [ua.LocalizedText("Closed"), ua.LocalizedText("Open")]
    door = await folder.add_variable(
        ua.NodeId("Door", plant), ua.QualifiedName("Door", plant), ua.Variant(1, ua.VariantType.UInt32)
    )
    await door.add_property(ua.NodeId("Door.Strings", plant), ua.QualifiedName("EnumStrings", 0), strings)
    enumeration = server.get_node(ua.NodeId(ua.ObjectIds.Enumeration))
    kind = await enumeration.add_data_type(ua.NodeId("Mode", plant), ua.QualifiedName("Mode", plant))
    values = [
        ua.EnumValueType(Value=number, DisplayName=ua.LocalizedText(text))
        for number, text in ((-1, "Fault"), (10, "Auto"), (20, "Hand"))
    ]
    await kind.add_property(ua.NodeId("Mode.Values", plant), ua.QualifiedName("EnumValues", 0), values)
    await folder.add_variable(
        ua.NodeId("Mode1", plant),
        ua.QualifiedName("Mode1", plant),
        ua.Variant(10, ua.VariantType.Int32),
        datatype=kind.nodeid,
    )
    await folder.add_variable(
        ua.NodeId("State1", plant), ua.QualifiedName("State1", plant), ua.Variant(4, ua.VariantType.Int32),
        datatype=ua.NodeId(ua.ObjectIds.ServerState),
    )  # fmt: skip


async def _values(folder: Any, plant: int) -> None:
    moment = datetime(2026, 11, 22, 10, 18, 26, 500000, tzinfo=UTC)
    kinds: dict[str, ua.Variant] = {
        "Boolean": ua.Variant(True, ua.VariantType.Boolean),
        "SByte": ua.Variant(-7, ua.VariantType.SByte),
        "Int64": ua.Variant(-(2**63), ua.VariantType.Int64),
        "UInt64": ua.Variant(2**64 - 1, ua.VariantType.UInt64),
        "Double": ua.Variant(5e-324, ua.VariantType.Double),
        "NaN": ua.Variant(float("nan"), ua.VariantType.Double),
        "String": ua.Variant("Ä\n漢", ua.VariantType.String),
        "DateTime": ua.Variant(moment, ua.VariantType.DateTime),
        "List": ua.Variant([1.0, 2.5, 3.0], ua.VariantType.Double),
        "Null": ua.Variant(None, ua.VariantType.Null),
    }
    for name, value in kinds.items():
        await folder.add_variable(
            ua.NodeId(f"V.{name}", plant),
            ua.QualifiedName(name, plant),
            value,
            datatype=ua.NodeId(ua.ObjectIds.BaseDataType),
        )
    bad = await folder.add_variable(ua.NodeId("V.Bad", plant), ua.QualifiedName("Bad", plant), 1.0)
    await bad.write_attribute(
        ua.AttributeIds.Value, ua.DataValue(ua.Variant(1.0), ua.StatusCode(ua.StatusCodes.BadSensorFailure), moment)
    )


async def build(server: Server) -> dict[str, str]:
    """Fill the server; names of nodes that tests ask for by id."""
    plant = await server.register_namespace(PLANT)
    objects = server.nodes.objects
    ids = {"plant": PLANT}
    odd = await objects.add_folder(ua.NodeId("Odd", plant), ua.QualifiedName("Odd", plant))
    for number, name in enumerate(ODD_NAMES):
        await odd.add_variable(ua.NodeId(f"Odd.{number}", plant), ua.QualifiedName(name, plant), float(number))
    for number in (1, 2):
        await odd.add_variable(ua.NodeId(f"Twin.{number}", plant), ua.QualifiedName("Twin", plant), float(number))
    deep = objects
    for number in range(DEPTH):
        deep = await deep.add_folder(ua.NodeId(f"Deep.{number}", plant), ua.QualifiedName(f"D{number}", plant))
    await deep.add_reference(objects, ua.ObjectIds.Organizes)
    await deep.add_reference(server.nodes.root, ua.ObjectIds.Organizes)
    await deep.add_reference(server.get_node(ua.NodeId("Deep.3", plant)), ua.ObjectIds.Organizes)
    described = await objects.add_folder(ua.NodeId("Described", plant), ua.QualifiedName("Described", plant))
    await _described(described, plant, server)
    values = await objects.add_folder(ua.NodeId("Values", plant), ua.QualifiedName("Values", plant))
    await _values(values, plant)
    await _equipment(server, plant, ids)
    return ids


async def count_below_objects(server: Server) -> int:
    """Walk the server's own table, one node at a time: slow, simple, and not our crawler."""
    outside = {ua.NodeId(i) for i in (84, 85, 86, 87)}
    seen: set[ua.NodeId] = set()
    waiting = [server.nodes.objects]
    while waiting:
        for child in await waiting.pop().get_children(refs=ua.ObjectIds.HierarchicalReferences):
            if child.nodeid not in seen and child.nodeid not in outside:
                seen.add(child.nodeid)
                waiting.append(child)
    return len(seen)


@contextlib.contextmanager
def running() -> Iterator[Space]:
    """The server on a free port of 127.0.0.1, in a thread, until the block ends."""
    space, ready, stop = Space(), threading.Event(), asyncio.Event()
    failures: list[BaseException] = []

    async def main() -> None:
        logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)
        server = Server()
        await server.init()
        server.set_endpoint("opc.tcp://127.0.0.1:0/test")
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        space.ids = await build(server)
        space.below_objects = await count_below_objects(server)
        space.server, space.loop = server, asyncio.get_running_loop()
        async with server:
            port = server.bserver._server.sockets[0].getsockname()[1]
            space.url = f"opc.tcp://127.0.0.1:{port}/test"
            ready.set()
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001 - told to the test that waits
            failures.append(error)
            ready.set()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(60), "the test server did not start"
    if failures:
        raise failures[0]
    try:
        yield space
    finally:
        assert space.loop is not None
        space.loop.call_soon_threadsafe(stop.set)
        thread.join(30)
