"""Putting crawled nodes in order and narrowing them down, and the tree that comes of it. No server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from omptool.cli import shortvalue, tree
from omptool.errors import NotFound, UsageError
from omptool.model.nodes import Node
from omptool.opcua.exploring.survey import Wanted, in_tree_order, narrow


def make(path: str, node_class: str = "Object", **fields: object) -> Node:
    above, _, name = path.rpartition("/")
    parents = (above or "i=85",)
    return Node(path, path, name, display_name=name, node_class=node_class, parents=parents, **fields)  # type: ignore[arg-type]


NODES = [
    make("Plant"),
    make("Server"),
    make("Plant/Line"),
    make("Plant/Line/Press"),
    make("Plant/Line/Oven", equipment="machine"),
    make(
        "Plant/Line/Press/Temp",
        "Variable",
        data_type="Double",
        data_type_id="i=11",
        unit="°C",
        eu_low=0.0,
        eu_high=120.0,
    ),
    make("Plant/Line/Press/Reset", "Method"),
    make("Plant/Line/Press/Temp/EURange", "Variable", is_property=True),
    make("Plant/Line/Oven/Temp", "Variable", data_type="Int32", data_type_id="i=6", type_definition="i=63"),
]

TYPES = {
    "i=11": ("Double", "i=11", "Number", "i=26"),
    "i=6": ("Int32", "i=6", "Integer", "i=27", "Number", "i=26"),
    "i=63": ("BaseDataVariableType", "i=63"),
}


def test_children_follow_their_parent() -> None:
    assert [node.path for node in in_tree_order(NODES)] == [
        "Plant",
        "Plant/Line",
        "Plant/Line/Press",
        "Plant/Line/Press/Temp",
        "Plant/Line/Press/Temp/EURange",
        "Plant/Line/Press/Reset",
        "Plant/Line/Oven",
        "Plant/Line/Oven/Temp",
        "Server",
    ]


def test_order_loses_no_node_of_a_cycle_with_the_start_above() -> None:
    deep = [make("a"), Node("b", "a/b", "b", parents=("a",)), Node("c", "a/b/c", "c", parents=("b", "a"))]
    assert len(in_tree_order(deep)) == 3


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(globs=("**/Temp",)), 2),
        (Wanted(globs=("Plant/*", "Server")), 2),
        (Wanted(classes=("variable",)), 3),
        (Wanted(globs=("**/Press/**",), classes=("Method", "Variable")), 3),
        (Wanted(types=("double",)), 1),
        (Wanted(types=("i=63",)), 1),
        (Wanted(types=("number",)), 2),
        (Wanted(types=("i=27",)), 1),
        (Wanted(regexes=("Press/T",)), 2),
        (Wanted(regexes=("^Serv", "Oven$")), 2),
        (Wanted(units=("°C", "bar")), 1),
        (Wanted(types=("BaseDataVariableType",)), 1),
        (Wanted(), len(NODES)),
    ],
)
def test_narrowing(wanted: Wanted, found: int) -> None:
    assert len(narrow(NODES, wanted, TYPES)) == found


@pytest.mark.parametrize("name", ["http://opcfoundation.org/UA/Machinery/", "machinery", "urn:Maker:press"])
def test_a_namespace_by_uri_or_by_the_name_people_use(name: str) -> None:
    nodes = [Node(f"nsu={uri};i=1", "a", "a") for uri in ("http://opcfoundation.org/UA/Machinery/", "urn:maker:press")]
    assert len(narrow(nodes, Wanted(namespaces=(name,)), {})) == 1


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Wanted(regexes=("press/t",)), "(?i)"),
        (Wanted(regexes=("nothing",)), "whole path"),
        (Wanted(namespaces=("machinry",)), "http://opcfoundation.org/UA/"),
        (Wanted(units=("°F",)), "°C"),
    ],
)
def test_no_match_says_what_there_is(wanted: Wanted, words: str) -> None:
    with pytest.raises(NotFound) as caught:
        narrow(NODES, wanted, {})
    assert words in caught.value.hint


def test_a_broken_regular_expression_is_found_before_anyone_connects() -> None:
    with pytest.raises(UsageError, match="unterminated"):
        Wanted(regexes=("a[",)).check()


def test_no_match_says_what_would_match_deeper() -> None:
    with pytest.raises(NotFound) as caught:
        narrow(NODES, Wanted(globs=("Press/Temp",)), {})
    assert "--select '**/Press/Temp'" in caught.value.hint


def test_no_match_names_the_nearest_paths() -> None:
    with pytest.raises(NotFound) as caught:
        narrow(NODES, Wanted(globs=("Plant/Line/Pres/*",)), {})
    assert "Plant/Line/Press" in caught.value.hint


def test_no_match_of_a_type_names_the_types_there_are() -> None:
    with pytest.raises(NotFound) as caught:
        narrow(NODES, Wanted(types=("Dobule",)), TYPES)
    assert "Double" in caught.value.hint


def test_a_class_that_does_not_exist_is_a_wrong_argument() -> None:
    with pytest.raises(UsageError, match="Tag"):
        narrow(NODES, Wanted(classes=("Tag",)), {})


def test_a_class_without_nodes_is_not_found() -> None:
    with pytest.raises(NotFound, match="View"):
        narrow(NODES, Wanted(classes=("View",)), {})


def test_the_tree_folds_what_is_said_elsewhere() -> None:
    lines = tree.lines(in_tree_order(NODES), NODES, tree.cells_of(None))
    assert lines == [
        "Objects",
        "├─ Plant / Line",
        "│  ├─ Press",
        "│  │  ├─ Temp  Double   °C  0…120",
        "│  │  └─ Reset()",
        "│  └─ Oven     machine",
        "│     └─ Temp  Int32",
        "└─ Server",
    ]


def test_the_tree_of_a_selection_keeps_the_way_to_it() -> None:
    chosen = [node for node in NODES if node.path.endswith("Temp/EURange")]
    lines = tree.lines(chosen, NODES, tree.cells_of(None), is_narrowed=True)
    assert [line.split()[-1] for line in lines] == ["Objects", "Press", "Temp", "EURange"]


def test_a_selection_hides_what_stands_beside_a_node_it_shows() -> None:
    chosen = [node for node in NODES if node.path.startswith("Plant/Line/Press/Temp")]
    lines = tree.lines(chosen, NODES, tree.cells_of(None), is_narrowed=True)
    assert [line.split()[1] for line in lines[1:]] == ["Plant", "Temp"]


def test_a_description_without_room_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    node = make("Temp", node_class="Variable", data_type="Double", description="Hydraulic oil, at the return")
    for columns, shown in (("80", "Hydraulic"), ("28", "Double")):
        monkeypatch.setenv("COLUMNS", columns)
        (_, line) = tree.lines([node], [], tree.cells_of(None))
        assert shown in line
        assert ("Hydr" in line) == (columns == "80")


def test_names_from_the_server_cannot_steer_the_terminal() -> None:
    lines = tree.lines([make("\x1b[2J\u202egnp")], [], tree.cells_of(None))
    assert lines[1] == "└─ \\x1b[2J\\u202egnp"


def test_a_node_without_a_name_is_seen() -> None:
    nameless = replace(make("x", node_class="Method"), browse_name="")
    assert tree.lines([nameless], [], tree.cells_of(None))[1:] == ['└─ ""()']


def test_a_tree_has_an_end() -> None:
    many = [make(f"N{number}") for number in range(3000)]
    lines = tree.lines(many, many, tree.cells_of(None))
    assert len(lines) == tree.MAX_LINES + 1
    assert "--select" in lines[-1]


def test_a_deep_tree_is_no_recursion() -> None:
    names = [f"n{number}" for number in range(3000)]
    deep = [
        Node(name, name, name, node_class="Method", parents=(names[i - 1] if i else "i=85",))
        for i, name in enumerate(names)
    ]
    assert len(tree.lines(in_tree_order(deep), deep, tree.cells_of(None))) == tree.MAX_LINES + 1


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (("Double", 61.5, None, None, None, "°C"), "61.5 °C"),
        (("Double", float("nan"), None, None, None), "NaN"),
        (("Double", float("-inf"), None, None, None), "-Infinity"),
        (("Int32", 3.0, None, None, None), "3"),
        (("UInt64", 1.8e19, 2**64 - 1, None, None), "18446744073709551615"),
        (("Boolean", 1.0, None, None, None), "true"),
        (("Mode", 10.0, None, "Auto", None, "°C"), "Auto"),
        (("Double[]", None, None, None, [1.0, None, 2.5, 4.0, 5.0, 6.0]), "[1, null, 2.5, 4, 5, …]"),
        (("Null", None, None, None, None, "°C"), ""),
    ],
)
def test_short_values(columns: tuple[object, ...], shown: str) -> None:
    assert shortvalue.short_value(*columns) == shown  # type: ignore[arg-type]
