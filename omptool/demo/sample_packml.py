"""The packers of the plant as a server shows them that speaks PackML (OPC 30050): other names, other states. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from omptool.demo import nodes
from omptool.demo.events import Value
from omptool.demo.plant import NAMESPACE, SITE, Line, Machine, Signal, State
from omptool.demo.schedule import Channel
from omptool.model import path as paths
from omptool.model.nodeid import NodeId, QualifiedName
from omptool.model.nodes import READABLE, Node
from omptool.opcua.serving.served import ServedValue

AREA, LINE = "Packaging", "Line3"

STATES = {
    State.PlannedStop: 2, State.Producing: 6, State.Starved: 5, State.Blocked: 5, State.MicroStop: 11,
    State.Breakdown: 9, State.Changeover: 4,
}  # fmt: skip
"""States that last; those of a second on the way between them are left out."""

NAMES = {
    1: "Clearing", 2: "Stopped", 3: "Starting", 4: "Idle", 5: "Suspended", 6: "Execute", 7: "Stopping", 8: "Aborting",
    9: "Aborted", 10: "Holding", 11: "Held", 12: "Unholding", 13: "Suspending", 14: "Unsuspending", 15: "Resetting",
    16: "Completing", 17: "Completed",
}  # fmt: skip
_STATE_TYPE = str(NodeId(NAMESPACE, "s", "PackMLState"))

_TAGS = {
    "State": "Status/StateCurrent", "StateReason": "Status/StopReason", "Product": "Status/RecipeName",
    "CycleTime": "Status/CycleTime", "PackageWeight": "Status/PackageWeight", "GoodCount": "Admin/ProdGoodCount",
    "ScrapCount": "Admin/ProdDefectiveCount", "ReworkCount": "Admin/ProdReworkCount", "AlarmCode": "Admin/AlarmCode",
    "Power": "Energy/ActivePower", "TemperatureSeal": "Heating/TemperatureSeal",
}  # fmt: skip
"""Signal of the plant → tag of the server; others it does not have."""


def tag(signal: Signal) -> str | None:
    """What the server calls a signal, None for one that it does not have."""
    return _TAGS.get(signal.name)


def node_id(channel: Channel) -> str:
    return _id(channel.machine, _TAGS[channel.signal.name])


def value(signal: Signal, value: Value) -> Value:
    """What the server says in place of a value of the plant."""
    return STATES[State(int(value))] if signal.name == "State" and isinstance(value, int) else value


def state_name(state: State) -> str:
    return NAMES[STATES[state]]


def build(line: Line, machines: tuple[Machine, ...]) -> Iterator[Node]:
    """All nodes of the server below Objects."""
    place = f"{SITE}/{AREA}/{LINE}"
    shown = replace(line, name=LINE, area=AREA, machines=machines)
    kept = {SITE, f"{SITE}/EquipmentLevel"}
    yield from (node for node in nodes.build() if node.path in kept | {"Machines"})
    yield from nodes.equipment(AREA, f"{SITE}/{AREA}", "area", _plant(SITE))
    yield from nodes.equipment(LINE, place, "line", _plant(AREA))
    for machine in machines:
        for node in nodes.machine_nodes(shown, machine, f"{place}/{machine.name}"):
            if node.path == f"{place}/{machine.name}" or node.path.startswith(f"{place}/{machine.name}/Identification"):
                yield node
        yield from _variables(machine, f"{place}/{machine.name}")


def levels() -> list[ServedValue]:
    """What the area and the line are, in the terms of ISA-95."""
    return [nodes.level_of(SITE, "site"), nodes.level_of(AREA, "area"), nodes.level_of(LINE, "line")]


def _variables(machine: Machine, path: str) -> Iterator[Node]:
    own = _plant(f"{LINE}.{machine.name}")
    for group in sorted({paths.split(name)[0] for name in _TAGS.values()}):
        yield Node(
            f"{own}.{group}", f"{path}/{group}", _named(group), group, node_class="Object", type_definition="i=61",
            parents=(own,),
        )  # fmt: skip
    for signal in machine.kind.signals:
        if (name := tag(signal)) is None:
            continue
        group, last = paths.split(name)
        is_state = signal.name == "State"
        yield Node(
            _id(machine, name), f"{path}/{name}", _named(last), last, signal.about,
            data_type="PackMLState" if is_state else signal.type.name,
            data_type_id=_STATE_TYPE if is_state else f"i={int(signal.type)}",
            type_definition="i=2368" if signal.unit else "i=63", value_rank=-1, access_level=READABLE,
            unit=signal.unit.text if signal.unit else None, unit_id=signal.unit.id if signal.unit else None,
            eu_low=signal.low, eu_high=signal.high, enum_names=NAMES if is_state else None,
            parents=(f"{own}.{group}",),
        )  # fmt: skip


def _id(machine: Machine, name: str) -> str:
    return _plant(f"{LINE}.{machine.name}.{name.replace('/', '.')}")


def _plant(name: str) -> str:
    return str(NodeId(NAMESPACE, "s", name))


def _named(name: str) -> str:
    return str(QualifiedName(NAMESPACE, name))
