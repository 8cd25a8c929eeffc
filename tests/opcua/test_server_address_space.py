"""A node table becomes an address space: also tables that know little, and tables of servers that are not ours."""

from __future__ import annotations

from typing import Any

import pytest
from asyncua import ua
from asyncua.server.address_space import AddressSpace

from omptool.model.nodes import Node
from omptool.opcua.serving.address_space import AddressSpaceBuilder

X = "urn:x"
OBJECTS = Node("i=85", "", "Objects", "Objects", node_class="Object", type_definition="i=61")


def _build(*nodes: Node) -> tuple[AddressSpace, AddressSpaceBuilder]:
    space = AddressSpace()
    builder = AddressSpaceBuilder(space, ["http://opcfoundation.org/UA/", "urn:a", X])
    builder.add([OBJECTS])
    builder.add(nodes)
    return space, builder


def _value(space: AddressSpace, node: ua.NodeId, attribute: ua.AttributeIds = ua.AttributeIds.Value) -> Any:
    return space.read_attribute_value(node, attribute).Value.Value


def _references(space: AddressSpace, node: ua.NodeId) -> list[tuple[int, bool, Any]]:
    return [
        (each.ReferenceTypeId.Identifier, each.IsForward, each.NodeId.Identifier) for each in space[node].references
    ]


@pytest.mark.parametrize(
    ("text", "node_id"),
    [
        ("i=2258", ua.NodeId(2258)),
        ("nsu=urn:x;s=a;b=c", ua.NodeId("a;b=c", 2)),
        ("nsu=urn:x;b=AAE=", ua.NodeId(b"\x00\x01", 2, ua.NodeIdType.ByteString)),
        ("nsu=urn:new;i=7", ua.NodeId(7, 3)),
    ],
)
def test_node_ids_take_the_index_of_their_namespace(text: str, node_id: ua.NodeId) -> None:
    assert _build()[1].to_ua(text) == node_id


def test_references_follow_from_what_nodes_are() -> None:
    space, _ = _build(
        Node("nsu=urn:x;s=F", "F", "nsu=urn:x;F", node_class="Object", type_definition="i=61", parents=("i=85",)),
        Node("nsu=urn:x;s=O", "F/O", "nsu=urn:x;O", node_class="Object", type_definition="nsu=urn:x;s=T",
             parents=("nsu=urn:x;s=F", "nsu=urn:x;s=gone")),
        Node("nsu=urn:x;s=V", "F/O/V", "nsu=urn:x;V", data_type="Double", parents=("nsu=urn:x;s=O",)),
        Node("nsu=urn:x;s=P", "F/O/P", "P", data_type="String", parents=("nsu=urn:x;s=O",), is_property=True),
    )  # fmt: skip
    organizes, component, has_property, has_type, subtype = 35, 47, 46, 40, 45
    assert _references(space, ua.NodeId("F", 2)) == [
        (organizes, False, 85), (has_type, True, 61), (organizes, True, "O"),
    ]  # fmt: skip
    assert _references(space, ua.NodeId("O", 2)) == [
        (organizes, False, "F"), (has_type, True, "T"), (component, True, "V"), (has_property, True, "P"),
    ]  # fmt: skip
    assert _value(space, ua.NodeId("T", 2), ua.AttributeIds.BrowseName) == ua.QualifiedName("ObjectType_T", 2)
    assert subtype not in [kind for kind, _, _ in _references(space, ua.NodeId("O", 2))]


def test_a_variable_says_all_that_the_table_knows() -> None:
    space, builder = _build(
        Node("nsu=urn:x;s=V", "V", "nsu=urn:x;V", "Shown", "About it", data_type="Double", data_type_id="i=11",
             value_rank=1, array_dimensions=(4,), access_level=5, unit="°C", unit_id=4408652, eu_low=0, eu_high=9,
             parents=("i=85",)),
    )  # fmt: skip
    ids, node = ua.AttributeIds, ua.NodeId("V", 2)
    said = [_value(space, node, each) for each in (ids.DisplayName, ids.Description, ids.DataType, ids.ValueRank,
                                                   ids.ArrayDimensions, ids.AccessLevel)]  # fmt: skip
    assert said == [ua.LocalizedText("Shown"), ua.LocalizedText("About it"), ua.NodeId(11), 1, [4], 5]
    unit, limits = (_value(space, ua.NodeId(f"V.{name}", 2)) for name in ("EngineeringUnits", "EURange"))
    assert (unit.UnitId, unit.DisplayName.Text, limits.Low, limits.High) == (4408652, "°C", 0, 9)
    assert list(builder.slots) == ["nsu=urn:x;s=V"]
    waiting = space.read_attribute_value(node, ids.Value)
    assert waiting.StatusCode.value == ua.StatusCodes.BadWaitingForInitialData


def test_properties_of_the_table_keep_their_ids() -> None:
    space, builder = _build(
        Node("nsu=urn:x;i=1", "V", "nsu=urn:x;V", data_type="Double", unit="s", parents=("i=85",)),
        Node("nsu=urn:x;i=2", "V/EngineeringUnits", "EngineeringUnits", data_type_id="i=887",
             parents=("nsu=urn:x;i=1",), is_property=True),
    )  # fmt: skip
    assert _value(space, ua.NodeId(2, 2)).DisplayName.Text == "s"
    assert _value(space, ua.NodeId(2, 2)).UnitId == -1
    assert list(builder.slots) == ["nsu=urn:x;i=1"]


def test_enumerations_are_rebuilt_from_their_variables() -> None:
    dense, sparse = {0: "Off", 1: "On"}, {2: "Low", 8: "High"}
    space, _ = _build(
        *(
            Node(f"nsu=urn:x;s=V{number}", "V", "nsu=urn:x;V", data_type=f"E{number}",
                 data_type_id=f"nsu=urn:x;i={number}", enum_names=names, parents=("i=85",))
            for number, names in ((1, dense), (2, sparse))
        ),
        Node("nsu=urn:x;s=W", "W", "nsu=urn:x;W", data_type="E1", data_type_id="nsu=urn:x;i=1", enum_names=dense),
    )  # fmt: skip
    assert _value(space, ua.NodeId(1, 2), ua.AttributeIds.BrowseName) == ua.QualifiedName("E1", 2)
    assert [text.Text for text in _value(space, ua.NodeId("1.EnumStrings", 2))] == ["Off", "On"]
    values = _value(space, ua.NodeId("2.EnumValues", 2))
    assert [(each.Value, each.DisplayName.Text) for each in values] == [(2, "Low"), (8, "High")]


def test_standard_nodes_stay_as_they_are() -> None:
    space, builder = _build(Node("i=85", "", "Changed", node_class="Object"))
    assert _value(space, ua.NodeId(85), ua.AttributeIds.BrowseName) == ua.QualifiedName("Objects", 0)
    assert builder.slots == {}


def test_a_name_is_enough() -> None:
    space, _ = _build(Node("nsu=urn:x;s=V", "V", "nsu=urn:x;V"), Node("nsu=urn:x;s=M", "M", "M", node_class="Method"))
    assert _value(space, ua.NodeId("V", 2), ua.AttributeIds.DataType) == ua.NodeId(24)
    assert _value(space, ua.NodeId("V", 2), ua.AttributeIds.DisplayName) == ua.LocalizedText("V")
    assert _value(space, ua.NodeId("M", 2), ua.AttributeIds.NodeClass) == ua.NodeClass.Method
