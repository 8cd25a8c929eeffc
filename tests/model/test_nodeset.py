"""NodeSet2 files: whatever names a server has, the file is XML, and read again it is what was written."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.model import path as paths
from omptool.model.datatypes import DataType, Field, Kind, Member
from omptool.model.nodeid import NodeId, QualifiedName
from omptool.model.nodes import Node
from omptool.model.nodeset import Beyond, nodeset, visible
from omptool.model.nodeset_read import parse
from omptool.model.rooted import rooted
from omptool.opcua.exploring.survey import in_tree_order

SAVED = 1_700_000_000 * 10**9
_text = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
_hard = _text | st.sampled_from(
    ["", " ", "\x00", "\x1b[31m", "]]>", "<b>&amp;", "1:x", "\r\n\t", "\ufffe", "\u2028", "a\x85"]
)
_uri = st.sampled_from(["urn:a", "urn:b;c%", "urn:\x01", "http://opcfoundation.org/UA/DI/"])


@st.composite
def trees(draw: st.DrawFn) -> list[Node]:
    """Nodes with distinct NodeIds, each below Objects or below an earlier one."""
    ids = draw(st.lists(st.tuples(_uri, _hard | st.integers(1, 9)), min_size=1, max_size=6, unique=True))
    nodes: list[Node] = []
    ways: dict[str, tuple[str, ...]] = {"i=85": ()}
    for uri, identifier in ids:
        kind = "i" if isinstance(identifier, int) else "s"
        above = draw(st.sampled_from([None, *nodes]))
        name = draw(_hard)
        is_variable = draw(st.booleans())
        node = Node(
            node_id=str(NodeId(uri, kind, identifier)),  # type: ignore[arg-type]
            path=paths.join((*ways[above.node_id if above else "i=85"], name)),
            browse_name=str(QualifiedName(draw(_uri | st.just("")), name)),
            display_name=draw(_hard),
            description=draw(st.none() | _hard.filter(bool)),
            node_class="Variable" if is_variable else "Object",
            type_definition="i=2368" if is_variable else "i=61",
            parents=(above.node_id if above else "i=85",),
        )
        if is_variable:
            node = replace(
                node, data_type="Double", data_type_id="i=11", value_rank=draw(st.integers(-3, 2)),
                access_level=draw(st.integers(0, 255)), array_dimensions=draw(st.none() | st.just((2, 3))),
                enum_names=draw(st.none() | st.dictionaries(st.integers(0, 3), _hard, min_size=1, max_size=3)),
            )  # fmt: skip
        ways[node.node_id] = (*ways[node.parents[0]], name)
        nodes.append(node)
    return nodes


def _places(nodes: list[Node]) -> dict[str, Node]:
    return {node.node_id: node for node in nodes}


@given(nodes=trees())
def test_what_is_written_is_what_is_read(nodes: list[Node]) -> None:
    types = [Node("i=11", "", "Double", display_name="Double", node_class="DataType", parents=("i=26",))]
    found = parse(nodeset(nodes, types, server="urn:\x00server", saved_ns=SAVED).encode())
    assert _places(found.nodes) == _places(nodes)
    assert (found.server, found.types) == ("urn:\x00server", types)


@given(text=st.text(max_size=20))
def test_visible_text_is_what_xml_can_hold(text: str) -> None:
    shown = visible(text)
    assert ET.fromstring(f"<a>{''.join('x' if c in '<&' else c for c in shown)}</a>").tag == "a"
    assert len(shown) == len(text)


def test_units_and_ranges_stand_in_their_properties() -> None:
    uri = "nsu=urn:a;"
    temp = Node(
        f"{uri}i=1", "T", f"{uri}T", display_name="T", data_type="Double", data_type_id="i=11", value_rank=-1,
        access_level=1, type_definition="i=2368", unit="°C", unit_id=4408652, eu_low=-1.5, eu_high=float("inf"),
        parents=("i=85",),
    )  # fmt: skip
    properties = [
        Node(f"{uri}i={number}", f"T/{name}", name, display_name=name, data_type=kind, data_type_id=kind, value_rank=-1,
             access_level=1, type_definition="i=68", parents=(temp.node_id,), is_property=True)
        for number, name, kind in ((2, "EURange", "i=884"), (3, "EngineeringUnits", "i=887"))
    ]  # fmt: skip
    found = parse(nodeset([temp, *properties], [], server="urn:s", saved_ns=SAVED).encode())
    assert found.nodes == [temp, *properties]


def test_two_ids_that_differ_in_a_control_character_stay_two() -> None:
    nodes = [
        Node(f"nsu=urn:a;s={name}", name, "x", node_class="Object", type_definition="i=58", parents=("i=85",))
        for name in ("a\x00", "a␀")
    ]
    root = ET.fromstring(nodeset(nodes, [], server="urn:s", saved_ns=SAVED))
    assert len({element.get("NodeId") for element in root} - {None}) == 2


def test_a_node_whose_parent_is_elsewhere_stands_below_objects_and_keeps_its_path() -> None:
    node = Node("nsu=urn:a;i=1", "far/x", "x", node_class="Object", parents=("nsu=urn:a;i=99",))
    (found,) = parse(nodeset([node], [], server="urn:s", saved_ns=SAVED).encode()).nodes
    assert (found.path, found.parents) == ("far/x", ("i=85",))


FOREIGN = """<UANodeSet xmlns="http://opcfoundation.org/UA/2011/03/UANodeSet.xsd">
<NamespaceUris><Uri>urn:maker</Uri></NamespaceUris>
<Aliases><Alias Alias="Organizes">i=35</Alias><Alias Alias="Feeds">ns=1;i=9</Alias>
  <Alias Alias="Double">i=11</Alias></Aliases>
<UAReferenceType NodeId="ns=1;i=9" BrowseName="1:Feeds"><DisplayName>Feeds</DisplayName>
  <References><Reference ReferenceType="i=45" IsForward="false">i=35</Reference></References></UAReferenceType>
<UAObject NodeId="ns=1;i=1" BrowseName="1:Plant"><DisplayName>Plant</DisplayName>
  <References><Reference ReferenceType="Organizes" IsForward="false">i=85</Reference>
  <Reference ReferenceType="Feeds">ns=1;i=2</Reference></References></UAObject>
<UAVariable NodeId="ns=1;i=2" BrowseName="1:Temp" DataType="Double"><DisplayName>Temp</DisplayName></UAVariable>
<UAObject NodeId="ns=1;i=3" BrowseName="1:Nowhere"><DisplayName>Nowhere</DisplayName></UAObject>
</UANodeSet>"""


def test_a_file_of_others_with_aliases_and_own_references() -> None:
    found = parse(FOREIGN.encode())
    assert [(node.path, node.data_type) for node in found.nodes] == [("Plant", None), ("Plant/Temp", "Double")]
    assert found.server == "urn:maker"


def test_an_enumeration_that_the_file_defines_names_the_values_of_its_variables() -> None:
    text = FOREIGN.replace('DataType="Double"', 'DataType="ns=1;i=77"').replace(
        "</UANodeSet>",
        """<UADataType NodeId="ns=1;i=77" BrowseName="1:Mode"><Definition Name="1:Mode"><Field Name="Off" Value="0"/>
        <Field Name="On" Value="3"><DisplayName>Running</DisplayName></Field></Definition></UADataType>
        <UADataType NodeId="ns=1;i=78" BrowseName="1:Bits"><Definition Name="1:Bits" IsOptionSet="true">
        <Field Name="Ready" Value="0"/></Definition></UADataType></UANodeSet>""",
    )
    [_, temp] = parse(text.encode()).nodes
    assert (temp.data_type, temp.enum_names) == ("Mode", {0: "Off", 3: "Running"})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<a/>",
        "<UANodeSet/>",
        '<!DOCTYPE a [<!ENTITY x "y">]><UANodeSet xmlns="http://opcfoundation.org/UA/2011/03/UANodeSet.xsd"/>',
        FOREIGN.replace('NodeId="ns=1;i=1"', 'NodeId="ns=7;i=1"'),
        FOREIGN.replace('BrowseName="1:Plant"', 'BrowseName="7:Plant"'),
        FOREIGN.replace('NodeId="ns=1;i=1"', 'NodeId="pump"'),
    ],
)
def test_what_is_no_nodeset_is_refused(text: str) -> None:
    from omptool.errors import UsageError

    with pytest.raises((ValueError, UsageError)):
        parse(text.encode())


def test_definitions_of_every_kind() -> None:
    uri = "nsu=urn:a;"
    base = DataType(f"{uri}i=1", f"{uri}Base", Kind.STRUCTURE, "i=22", f"{uri}i=11", fields=(Field("x", "i=11"),))
    kinds = [
        base,
        DataType(f"{uri}i=2", f"{uri}More", Kind.SUBTYPED_VALUES, base.node_id, fields=(
            *base.fields, Field('a "quoted" <name>', "i=24", 2, True, (2, 3)), Field("of", f"{uri}i=1", 1))),
        DataType(f"{uri}i=3", f"{uri}Either", Kind.UNION, "i=12756", fields=(Field("text", "i=12"),)),
        DataType(f"{uri}i=4", f"{uri}Bits", Kind.OPTION_SET, "i=5", members=(Member(0, "Ready"), Member(15, "Fault"))),
        DataType(f"{uri}i=5", f"{uri}Mode", Kind.ENUMERATION, "i=29", members=(Member(-1, "Unknown"),)),
        DataType(f"{uri}i=6", f"{uri}Nobody", Kind.UNKNOWN, "i=22", problem="the server does not say"),
    ]  # fmt: skip
    node = Node(f"{uri}i=9", "A", f"{uri}A", node_class="Object", type_definition="i=58", parents=("i=85",))
    links = {node.node_id: {"i=85": "i=35"}}
    text = nodeset([node], [], server="urn:s", saved_ns=SAVED, beyond=Beyond(links, kinds))
    space = {"n": "http://opcfoundation.org/UA/2011/03/UANodeSet.xsd"}
    found = {
        str(one.get("BrowseName")): [
            (shown.get("Name"), shown.get("DataType"), shown.get("Value"), shown.get("ValueRank"))
            for shown in one.iterfind("n:Definition/n:Field", space)
        ]
        for one in ET.fromstring(text).iterfind("n:UADataType", space)
    }
    assert found == {
        "1:Base": [("x", "i=11", None, None)],
        "1:More": [('a "quoted" <name>', "i=24", None, "2"), ("of", "ns=1;i=1", None, "1")],
        "1:Either": [("text", "i=12", None, None)],
        "1:Bits": [("Ready", None, "0", None), ("Fault", None, "15", None)],
        "1:Mode": [("Unknown", None, "-1", None)],
        "1:Nobody": [],
    }
    assert text.count('AllowSubTypes="true"') == text.count('IsUnion="true"') == text.count('IsOptionSet="true"') == 1
    assert '<Reference ReferenceType="i=38">ns=1;i=11</Reference>' in text
    assert '<Reference ReferenceType="i=35" IsForward="false">i=85</Reference>' in text
    assert [one.node_id for one in parse(text.encode()).nodes] == [node.node_id]


def _file(*nodes: str) -> str:
    head = FOREIGN.partition("<UAReferenceType")[0]
    return head + "".join(nodes) + "</UANodeSet>"


def _object(number: int, *above: str) -> str:
    references = "".join(f'<Reference ReferenceType="i=35" IsForward="false">{one}</Reference>' for one in above)
    return (
        f'<UAObject NodeId="ns=1;i={number}" BrowseName="1:{number}"><References>{references}</References></UAObject>'
    )


def test_a_ring_of_first_parents_stands_where_another_parent_has_it() -> None:
    text = _file(_object(1, "ns=1;i=2", "i=85"), _object(2, "ns=1;i=1"), _object(3, "ns=1;i=2"), _object(4, "i=85"))
    found = parse(text.encode()).nodes
    assert {node.path for node in found} == {"1", "1/2", "1/2/3", "4"}
    assert [node.path for node in in_tree_order(found)] == [node.path for node in rooted(in_tree_order(found))]
    assert len(in_tree_order(found)) == 4
    assert _places(found)["nsu=urn:maker;i=1"].parents == ("i=85", "nsu=urn:maker;i=2")


def test_a_chain_without_end_is_refused_before_its_paths_fill_the_memory() -> None:
    chain = [_object(1, "i=85"), *(_object(number, f"ns=1;i={number - 1}") for number in range(2, 2000))]
    with pytest.raises(ValueError, match="levels deep"):
        parse(_file(*chain).encode())
    assert len(parse(_file(*chain[:150]).encode()).nodes) == 150


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_document_type_is_refused_in_any_encoding(encoding: str) -> None:
    text = f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "hello">]>{_file(_object(1, "i=85"))}'
    with pytest.raises(ValueError, match=r"document type|UTF-8"):
        parse(text.encode(encoding))
