"""The plant's node table: machines as OPC 40001-1 describes them, below site, area and line as OPC 10030 (ISA-95) does.

NodeIds and BrowseNames of companion specifications are the published ones, so that a tool which knows these finds all
names by itself. NodeIds of the plant never change between versions. Facts only; `opcua.address_space` makes a server of
them.
"""

from __future__ import annotations

from collections.abc import Iterator

from omptool.demo.events import Value
from omptool.demo.parts import RECORD, Part
from omptool.demo.plant import (
    APPLICATION_URI,
    CNC,
    LAST_PART,
    LINES,
    NAMESPACE,
    PACKER,
    PRESS,
    SITE,
    Kind,
    Line,
    Machine,
    Signal,
    State,
    shift_start,
)
from omptool.demo.schedule import node_id
from omptool.model.builtin import BuiltinType
from omptool.model.nodeid import OPC_UA, NodeId, QualifiedName
from omptool.model.nodes import READABLE, WRITABLE, Node
from omptool.model.times import unix_ns_to_ticks
from omptool.opcua.serving.served import ServedValue, VariantValue, encode_variant

DI = "http://opcfoundation.org/UA/DI/"
MACHINERY = "http://opcfoundation.org/UA/Machinery/"
ISA95 = "http://www.OPCFoundation.org/UA/2013/01/ISA95"
NAMESPACES = (OPC_UA, APPLICATION_URI, DI, MACHINERY, ISA95, NAMESPACE)
"""The server's namespace array."""

_OBJECTS, _FOLDER_TYPE, _PROPERTY_TYPE = "i=85", "i=61", "i=68"
_BASE_OBJECT_TYPE, _ENUMERATION, _HAS_COMPONENT, _AGGREGATES = "i=58", "i=29", "i=47", "i=44"
_STATE_MACHINE_TYPE, _STATE_VARIABLE_TYPE = "i=2771", "i=2760"  # FiniteStateMachineType, FiniteStateVariableType
_ANALOG_TYPE, _VARIABLE_TYPE = "i=2368", "i=63"  # AnalogItemType, BaseDataVariableType

_MACHINES = f"nsu={MACHINERY};i=1001"
_MACHINE_IDENTIFICATION = f"nsu={MACHINERY};i=1012"
_STATE_MACHINES = {"MachineryItemState": f"nsu={MACHINERY};i=1002", "MachineryOperationMode": f"nsu={MACHINERY};i=1008"}
_EQUIPMENT_TYPE = f"nsu={ISA95};i=5040"
_EQUIPMENT_LEVEL = f"nsu={ISA95};i=4871"
_LEVELS = {"site": 1, "area": 2, "line": 5}
_LEVEL_NAMES = (
    "Enterprise", "Site", "Area", "ProcessCell", "Unit", "ProductionLine", "WorkCell", "ProductionUnit",
    "StorageZone", "StorageUnit", "WorkCenter", "WorkUnit", "EquipmentModule", "ControlModule", "Other",
)  # fmt: skip
_MACHINE_STATE = f"nsu={NAMESPACE};s=MachineState"
_TYPES = {"State": ("MachineState", _MACHINE_STATE), LAST_PART: (RECORD.name, RECORD.node_id)}
_BUILT_NS = shift_start(0) + 20_454 * 86_400 * 1_000_000_000
"""SourceTimestamp of everything that never changes: 2026-01-01T06:00Z."""

_MADE_BY = {"Press": "Example Presses", "CNC": "Example Machine Tools", "Packer": "Example Packaging"}


def build() -> list[Node]:
    """The whole table: types first, then the plant from the site down."""
    nodes = [*_types(), Node(_MACHINES, "Machines", f"nsu={MACHINERY};Machines", "Machines", node_class="Object",
                             type_definition=_FOLDER_TYPE, parents=(_OBJECTS,))]  # fmt: skip
    nodes.extend(equipment(SITE, SITE, "site", _OBJECTS))
    for line in LINES:
        area, place = f"{SITE}/{line.area}", f"{SITE}/{line.area}/{line.name}"
        nodes.extend(equipment(line.area, area, "area", _plant(SITE)))
        nodes.extend(equipment(line.name, place, "line", _plant(line.area)))
        for machine in line.machines:
            nodes.extend(machine_nodes(line, machine, f"{place}/{machine.name}"))
    return nodes


def constants() -> Iterator[ServedValue]:
    """Values of the Variables that never change."""
    for name, level in (
        (SITE, "site"),
        *((line.area, "area") for line in LINES),
        *((line.name, "line") for line in LINES),
    ):
        yield level_of(name, level)
    for line in LINES:
        for machine in line.machines:
            for name, kind, value in _identification(line, machine):
                yield _constant(_plant(f"{line.name}.{machine.name}.Identification.{name}"), kind, value)


def level_of(name: str, level: str) -> ServedValue:
    """EquipmentLevel of a site, an area or a line."""
    return _constant(f"{_plant(name)}.EquipmentLevel", BuiltinType.Int32, _LEVELS[level])


def variant_of(signal: Signal, value: Value) -> bytes:
    """Variant bytes of what a Variable holds, as the plant's server writes them."""
    if isinstance(value, Part):
        return value.encode(NAMESPACES.index(NAMESPACE))
    return encode_variant(signal.type, value)


def _constant(node: str, kind: BuiltinType, value: VariantValue) -> ServedValue:
    return ServedValue(0, node, encode_variant(kind, value), 0, unix_ns_to_ticks(_BUILT_NS))


def _plant(name: str) -> str:
    return str(NodeId(NAMESPACE, "s", name))


def _named(name: str, namespace: str = NAMESPACE) -> str:
    return str(QualifiedName(namespace, name))


def _types() -> Iterator[Node]:
    di_group = f"nsu={DI};i=1005"
    item_identification = f"nsu={MACHINERY};i=1004"
    made_up_of = f"nsu={ISA95};i=4714"
    for type_id, namespace, name, node_class, parent in (
        (di_group, DI, "FunctionalGroupType", "ObjectType", _FOLDER_TYPE),
        (item_identification, MACHINERY, "MachineryItemIdentificationType", "ObjectType", di_group),
        (_MACHINE_IDENTIFICATION, MACHINERY, "MachineIdentificationType", "ObjectType", item_identification),
        (_STATE_MACHINES["MachineryItemState"], MACHINERY, "MachineryItemState_StateMachineType", "ObjectType",
         _STATE_MACHINE_TYPE),
        (_STATE_MACHINES["MachineryOperationMode"], MACHINERY, "MachineryOperationModeStateMachineType", "ObjectType",
         _STATE_MACHINE_TYPE),
        (made_up_of, ISA95, "MadeUpOf", "ReferenceType", _AGGREGATES),
        (f"nsu={ISA95};i=5115", ISA95, "MadeUpOfEquipment", "ReferenceType", made_up_of),
        (f"nsu={ISA95};i=4713", ISA95, "HasISA95Attribute", "ReferenceType", _HAS_COMPONENT),
        (_EQUIPMENT_TYPE, ISA95, "EquipmentType", "ObjectType", _BASE_OBJECT_TYPE),
    ):  # fmt: skip
        yield Node(type_id, "", _named(name, namespace), name, node_class=node_class, parents=(parent,))
    for kind in (PRESS, CNC, PACKER):
        name = f"{kind.name}Type"
        yield Node(_plant(name), "", _named(name), name, node_class="ObjectType", parents=(_BASE_OBJECT_TYPE,))
    levels = dict(enumerate(_LEVEL_NAMES))
    yield _enumeration(_EQUIPMENT_LEVEL, _named("ISA95EquipmentElementLevelEnum", ISA95), levels)
    yield _enumeration(_MACHINE_STATE, _named("MachineState"), {int(state): state.name for state in State})


def _enumeration(type_id: str, browse_name: str, names: dict[int, str]) -> Node:
    return Node(type_id, "", browse_name, node_class="DataType", enum_names=names, parents=(_ENUMERATION,))


def equipment(name: str, path: str, level: str, parent: str) -> Iterator[Node]:
    """A site, an area or a line, and its level."""
    yield Node(_plant(name), path, _named(name), name, node_class="Object", type_definition=_EQUIPMENT_TYPE,
               parents=(parent,), equipment=level)  # fmt: skip
    yield Node(
        f"{_plant(name)}.EquipmentLevel", f"{path}/EquipmentLevel", _named("EquipmentLevel", ISA95), "EquipmentLevel",
        data_type="ISA95EquipmentElementLevelEnum", data_type_id=_EQUIPMENT_LEVEL, type_definition=_PROPERTY_TYPE,
        value_rank=-1, access_level=READABLE, enum_names=dict(enumerate(_LEVEL_NAMES)), parents=(_plant(name),),
    )  # fmt: skip


def machine_nodes(line: Line, machine: Machine, path: str) -> Iterator[Node]:
    """A machine and all below it."""
    own = f"{line.name}.{machine.name}"
    yield Node(_plant(own), path, _named(machine.name), machine.name, f"{machine.kind.name} {machine.kind.model}",
               node_class="Object", type_definition=_plant(f"{machine.kind.name}Type"),
               parents=(_plant(line.name), _MACHINES), equipment="machine")  # fmt: skip
    identification = _plant(f"{own}.Identification")
    yield Node(identification, f"{path}/Identification", _named("Identification", DI), "Identification",
               node_class="Object", type_definition=_MACHINE_IDENTIFICATION, parents=(_plant(own),))  # fmt: skip
    for name, kind, _ in _identification(line, machine):
        namespace = MACHINERY if name in ("YearOfConstruction", "Location") else DI
        yield Node(f"{identification}.{name}", f"{path}/Identification/{name}", _named(name, namespace), name,
                   data_type=kind.name, data_type_id=f"i={int(kind)}", type_definition=_PROPERTY_TYPE, value_rank=-1,
                   access_level=READABLE, parents=(identification,), is_property=True)  # fmt: skip
    for name, type_id in _STATE_MACHINES.items():
        yield Node(_plant(f"{own}.{name}"), f"{path}/{name}", _named(name, MACHINERY), name, node_class="Object",
                   type_definition=type_id, parents=(_plant(own),))  # fmt: skip
    for signal in machine.kind.signals:
        yield _variable(machine, signal, _plant(own), path)


def _variable(machine: Machine, signal: Signal, own: str, path: str) -> Node:
    group, _, name = signal.name.rpartition("/")
    data_type, data_type_id = _TYPES.get(signal.name, (signal.type.name, f"i={int(signal.type)}"))
    is_state = signal.name == "State"
    unit = signal.unit
    return Node(
        node_id(machine, signal.name),
        f"{path}/{signal.name}",
        name if group else _named(name),  # CurrentState is a name of namespace 0
        name,
        signal.about,
        data_type=data_type,
        data_type_id=data_type_id,
        type_definition=_STATE_VARIABLE_TYPE if group else _ANALOG_TYPE if unit else _VARIABLE_TYPE,
        value_rank=1 if signal.length else -1,
        array_dimensions=(signal.length,) if signal.length else None,
        access_level=READABLE | WRITABLE if signal.is_setpoint else READABLE,
        unit=unit.text if unit else None,
        unit_id=unit.id if unit else None,
        eu_low=signal.low,
        eu_high=signal.high,
        enum_names={int(state): state.name for state in State} if is_state else None,
        parents=(f"{own}.{group}" if group else own,),
    )


def _identification(line: Line, machine: Machine) -> tuple[tuple[str, BuiltinType, VariantValue], ...]:
    kind: Kind = machine.kind
    serial = f"{kind.model}-{1000 + 7 * len(machine.name) + ord(machine.name[-1])}"
    return (
        ("Manufacturer", BuiltinType.LocalizedText, _MADE_BY[kind.name]),
        ("Model", BuiltinType.LocalizedText, kind.model),
        ("SerialNumber", BuiltinType.String, serial),
        ("ProductInstanceUri", BuiltinType.String, f"urn:omptool:demo:{machine.name}:{serial}"),
        ("ComponentName", BuiltinType.LocalizedText, machine.name),
        ("DeviceClass", BuiltinType.String, kind.name),
        ("YearOfConstruction", BuiltinType.UInt16, 2019),
        ("Location", BuiltinType.String, f"{SITE} / {line.area} / {line.name}"),
    )
