"""Which nodes are a site, an area, a line or a machine, by what companion specifications say (C5).

ISA-95 (OPC 10030): an equipment object has a property EquipmentLevel. Machinery (OPC 40001-1): a machine has an add-in
of MachineIdentificationType or is listed in the folder Machines. PackML (OPC 30050): what stands in the folder
PackMLObjects is a unit, so a machine. DI (OPC 10000-100): what is listed in DeviceSet and has no place anywhere else is
a device of its own. Names alone prove nothing and are not looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from omptool.model import path as paths
from omptool.model.nodes import Node
from omptool.opcua.exploring.datatypes import supertypes
from omptool.opcua.exploring.landmarks import DEVICE_SET, DEVICES, MACHINERY, MACHINES_FOLDER, PACKML_OBJECTS
from omptool.protocol.wire import WireNodeId

if TYPE_CHECKING:
    from omptool.opcua.session import Session

ISA95 = "http://www.OPCFoundation.org/UA/2013/01/ISA95"
EQUIPMENT_LEVEL = f"nsu={ISA95};EquipmentLevel"
_IDENTIFICATION = f"nsu={DEVICES};Identification"
_MACHINE_IDENTIFICATION = 1012
"""MachineIdentificationType in the Machinery namespace; other specifications derive their own from it."""
_VALUE = 13

_LEVELS = {
    1: "site",
    2: "area",
    3: "line",  # ProcessCell
    4: "machine",  # Unit
    5: "line",  # ProductionLine
    6: "machine",  # WorkCell
    7: "line",  # ProductionUnit
    8: "line",  # StorageZone
    9: "machine",  # StorageUnit
    10: "line",  # WorkCenter
    11: "machine",  # WorkUnit
}
"""ISA95EquipmentElementLevelEnum to our four levels: ISA-95 counts lines, cells and zones as work centers, and what
stands in them as work units. Enterprise (0), modules (12, 13) and Other (14) are none of the four."""

LEVEL_NUMBERS = {"site": 1, "area": 2, "line": 10, "machine": 11}
"""The way back, for a server that shows what a node table knows: of several elements the most general one."""


async def with_equipment(session: Session, nodes: Sequence[Node], known: Sequence[Node]) -> list[Node]:
    """`nodes` with `equipment` set where a specification says so; `known` are all nodes that were crawled."""
    levels = await _isa95_levels(session, known)
    machines = await _machinery_machines(session, known) | _listed(known)
    levels = {**dict.fromkeys(machines, "machine"), **levels}
    devices = _lone_devices(known, levels)
    levels = {**dict.fromkeys(devices, "machine"), **levels}
    return [replace(node, equipment=levels[node.node_id]) if node.node_id in levels else node for node in nodes]


async def _isa95_levels(session: Session, known: Sequence[Node]) -> dict[str, str]:
    from omptool.opcua.exploring.metadata import read_attribute

    properties = [node for node in known if node.browse_name == EQUIPMENT_LEVEL]
    values = await read_attribute(session, [WireNodeId(*session.resolve(node.node_id)) for node in properties], _VALUE)
    return {
        parent: _LEVELS[value]
        for node, value in zip(properties, values, strict=True)
        if isinstance(value, int) and value in _LEVELS
        for parent in node.parents
    }


async def _machinery_machines(session: Session, known: Sequence[Node]) -> set[str]:
    if MACHINERY not in session.namespaces:
        return set()
    identifications = [node for node in known if node.browse_name == _IDENTIFICATION and node.type_definition]
    types = {node.type_definition for node in identifications if node.type_definition}
    kinds: dict[str | None, WireNodeId] = {kind: WireNodeId(*session.resolve(kind)) for kind in types}
    chains = await supertypes(session, kinds.values())
    wanted = WireNodeId(session.namespaces.index(MACHINERY), _MACHINE_IDENTIFICATION)
    return {
        parent for node in identifications if wanted in chains[kinds[node.type_definition]] for parent in node.parents
    }


def _listed(known: Sequence[Node]) -> set[str]:
    """Objects in the folders that hold nothing but machines."""
    folders = {MACHINES_FOLDER, PACKML_OBJECTS}
    return {node.node_id for node in known if node.node_class == "Object" and not folders.isdisjoint(node.parents)}


def _lone_devices(known: Sequence[Node], levels: dict[str, str]) -> set[str]:
    """Objects in DeviceSet that are part of nothing else: not found elsewhere, and no machine around or inside.

    What DI itself puts there (DeviceFeatures) is no device.
    """
    machines = [paths.split(node.path) for node in known if levels.get(node.node_id) == "machine"]
    devices = [
        node
        for node in known
        if node.parents == (DEVICE_SET,)
        and node.node_class == "Object"
        and node.node_id not in levels
        and not node.node_id.startswith(f"nsu={DEVICES};")
    ]
    return {
        node.node_id
        for node in devices
        if not any(machine[: len(names)] == names for machine in machines for names in (paths.split(node.path),))
    }
