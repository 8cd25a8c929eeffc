"""The node table: complete, without loose ends, and with the published names that tools look for."""

from __future__ import annotations

from collections import Counter

from omptool.demo import nodes
from omptool.demo.plant import CELSIUS, MACHINES, MILLIMETRES_PER_SECOND
from omptool.demo.schedule import Plant
from omptool.demo.source import initial
from omptool.model.nodeid import NodeId, QualifiedName
from omptool.model.nodes import Node

TABLE = {node.node_id: node for node in nodes.build()}
DI, MACHINERY, ISA95 = nodes.DI, nodes.MACHINERY, nodes.ISA95


def test_ids_are_unique_and_parents_exist() -> None:
    assert len(TABLE) == len(nodes.build())
    for node in TABLE.values():
        assert all(parent in TABLE or NodeId.parse(parent).namespace == "" for parent in node.parents), node
        assert NodeId.parse(node.node_id).namespace in nodes.NAMESPACES
        assert QualifiedName.parse(node.browse_name).namespace in ("", *nodes.NAMESPACES)


def test_every_variable_has_a_value_from_the_start() -> None:
    variables = [node_id for node_id, node in TABLE.items() if node.node_class == "Variable"]
    primed = Counter(value.node_id for value in initial(Plant(1), 1_786_000_000_000_000_000))
    assert primed == Counter(variables)


def test_every_signal_of_the_schedule_is_a_node() -> None:
    assert set(Plant(1).channels) <= set(TABLE)


def test_site_area_line_and_machine_are_told_by_companion_specifications() -> None:
    found = [(node.equipment, node.display_name) for node in TABLE.values() if node.equipment]
    assert found[:3] == [("site", "Riverside"), ("area", "Stamping"), ("line", "Line1")]
    assert [name for level, name in found if level == "machine"] == [machine.name for machine in MACHINES]
    for machine in MACHINES:
        own = _node(f"{machine.line}.{machine.name}")
        assert own.parents == (_node(machine.line).node_id, f"nsu={MACHINERY};i=1001")
        identification = _node(f"{machine.line}.{machine.name}.Identification")
        assert identification.type_definition == f"nsu={MACHINERY};i=1012"
        assert identification.browse_name == f"nsu={DI};Identification"
    level = _node("Line1.EquipmentLevel")
    assert (level.browse_name, level.data_type_id) == (f"nsu={ISA95};EquipmentLevel", f"nsu={ISA95};i=4871")
    assert level.enum_names is not None and level.enum_names[5] == "ProductionLine"


def test_units_have_their_published_numbers() -> None:
    """UNECE codes as OPC UA numbers them: CEL is 4408652, KWT 4937556 (Part 8, 5.6.4.3)."""
    assert (CELSIUS.id, _node("Line1.Press1.Power").unit_id) == (4408652, 4937556)
    assert MILLIMETRES_PER_SECOND.id == 0x433136
    oil = _node("Line1.Press1.TemperatureOil")
    assert (oil.unit, oil.eu_low, oil.eu_high, oil.data_type) == ("°C", 0, 120, "Double")


def test_the_table_has_every_kind_of_variable() -> None:
    kinds = {node.data_type for node in TABLE.values() if node.node_class == "Variable"}
    assert {"MachineState", "String", "Boolean", "DateTime", "UInt32", "Double", "Float", "LocalizedText"} <= kinds
    spectrum = _node("Line2.CNC1.VibrationSpectrum")
    assert (spectrum.value_rank, spectrum.array_dimensions) == (1, (16,))


def test_paths_say_where_a_node_is() -> None:
    assert _node("Line2.CNC1.MachineryItemState.CurrentState").path == (
        "Riverside/Machining/Line2/CNC1/MachineryItemState/CurrentState"
    )


def _node(name: str) -> Node:
    return TABLE[f"nsu=urn:omptool:demo:plant;s={name}"]
