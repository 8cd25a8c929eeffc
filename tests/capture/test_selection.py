"""Selections take exactly what was asked for, or say what is not there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.capture.selecting.nodelist import Listed, of_text
from omptool.capture.selecting.selection import choose, select
from omptool.errors import NotFound, UsageError
from omptool.model import path as paths
from omptool.model.nodes import Node

NAMESPACES = ["http://opcfoundation.org/UA/", "urn:plant"]


def variable(name: str, path: str, **options: object) -> Node:
    return Node(f"nsu=urn:plant;s={name}", path, f"nsu=urn:plant;{name}", access_level=1, **options)  # type: ignore[arg-type]


NODES = [
    Node("nsu=urn:plant;s=Line1", "Line1", "Line1", node_class="Object"),
    variable("T", "Line1/Press7/Temperature"),
    variable("TU", "Line1/Press7/Temperature/EngineeringUnits", is_property=True),
    variable("S", "Line1/Press7/Speed"),
    Node("nsu=urn:plant;s=Setpoint", "Line1/Press7/Setpoint", "Setpoint", access_level=2),
    Node("nsu=urn:plant;s=Start", "Line1/Press7/Start", "Start", node_class="Method"),
    variable("P", "Line2/Oven/Power"),
    Node("i=2253", "Server", "Server", node_class="Object"),
    Node("i=2258", "Server/ServerStatus/CurrentTime", "CurrentTime", access_level=1),
    variable("Servers", "Servers/Count"),
]


def chosen(**options: object) -> list[str]:
    return [node.path for node in select(NODES, namespaces=NAMESPACES, **options)]  # type: ignore[arg-type]


def test_the_default_is_every_readable_variable_except_server_and_properties() -> None:
    assert chosen() == ["Line1/Press7/Temperature", "Line1/Press7/Speed", "Line2/Oven/Power", "Servers/Count"]


def test_globs_add_up_in_the_order_of_the_server() -> None:
    assert chosen(globs=["Line2/**", "**/Temperature"]) == ["Line1/Press7/Temperature", "Line2/Oven/Power"]
    assert chosen(globs=["Line1/**"]) == ["Line1/Press7/Temperature", "Line1/Press7/Speed"]


def test_the_server_object_and_properties_can_be_had_by_asking() -> None:
    assert chosen(globs=["Server/**"]) == ["Server/ServerStatus/CurrentTime"]
    assert chosen(globs=["**/EngineeringUnits"]) == ["Line1/Press7/Temperature/EngineeringUnits"]


def test_a_glob_without_a_match_names_the_nearest() -> None:
    with pytest.raises(NotFound) as error:
        chosen(globs=["Line1/**", "Line1/Press7/Temprature*"])
    assert "Temprature" in error.value.message
    assert "Line1/Press7/Temperature" in error.value.hint


def test_a_list_holds_node_ids_and_paths() -> None:
    text = "# shift\n\n ns=1;s=P \nLine1/Press7/Speed\nnsu=urn:plant;s=T\ni=2258\ni=2258"
    listed = of_text(text, "list").nodes
    assert chosen(listed=listed) == [
        "Line1/Press7/Temperature", "Line1/Press7/Speed", "Line2/Oven/Power", "Server/ServerStatus/CurrentTime",
    ]  # fmt: skip


def test_unknown_listed_nodes_are_all_named_with_their_nearest() -> None:
    with pytest.raises(NotFound) as error:
        chosen(listed=[Listed(text) for text in ("nsu=urn:plant;s=TT", "Line1/Press7/Sped", "Line2/Oven/Power")])
    assert error.value.message == "2 listed nodes are not on this server"
    assert "nearest: nsu=urn:plant;s=T" in error.value.hint
    assert "nearest: Line1/Press7/Speed" in error.value.hint


@pytest.mark.parametrize("line", ["Line1", "Line1/Press7/Setpoint", "Line1/Press7/Start"])
def test_a_listed_node_must_have_a_readable_value(line: str) -> None:
    with pytest.raises(UsageError) as error:
        chosen(listed=[Listed(line)])
    assert line in error.value.hint


def test_a_node_that_has_another_id_now_is_what_stands_where_it_stood() -> None:
    moved = [Listed("nsu=urn:plant;s=4711", path="Line2/Oven/Power"), Listed("i=2258", path="Line2/Oven/Power")]
    assert chosen(listed=moved) == ["Line2/Oven/Power", "Server/ServerStatus/CurrentTime"]


def test_of_several_servers_each_gives_what_it_has() -> None:
    listed = [Listed("Line2/Oven/Power"), *(Listed(f"Line9/Oven/Power{number}") for number in range(30))]
    choice = choose(NODES, globs=["Line1/**", "Line9/**"], listed=listed, namespaces=NAMESPACES)
    assert [node.path for node in choice.nodes][-1] == "Line2/Oven/Power" and len(choice.nodes) == 3
    assert len(choice.missing) == 31 and "nearest: Line2/Oven/Power" in choice.missing["Line9/Oven/Power0"].hint
    with pytest.raises(UsageError, match="another node on each server"):
        choose(NODES, listed=[Listed("ns=1;s=P")], namespaces=NAMESPACES)
    alone = choose(NODES, listed=[Listed("ns=1;s=P")], namespaces=NAMESPACES, is_shared=False)
    assert [node.path for node in alone.nodes] == ["Line2/Oven/Power"]


def test_an_empty_list_or_server_is_an_error() -> None:
    with pytest.raises(NotFound):
        chosen(listed=[])
    with pytest.raises(NotFound):
        select([])


@pytest.mark.parametrize("line", ["ns=9;i=1", "i=word", "g=no-guid"])
def test_what_looks_like_a_node_id_must_be_one(line: str) -> None:
    with pytest.raises(UsageError):
        chosen(listed=[Listed(line)])


NAMES = st.text(min_size=1, max_size=8)


@given(st.lists(st.lists(NAMES, min_size=1, max_size=4), min_size=1, max_size=15, unique_by=tuple), st.data())
def test_the_glob_of_a_path_selects_exactly_its_node(names: list[list[str]], data: st.DataObject) -> None:
    nodes = [Node(f"i={index}", paths.join(each), each[-1], access_level=1) for index, each in enumerate(names)]
    wanted = data.draw(st.sampled_from(nodes))
    assert select(nodes, globs=[paths.glob_of(wanted.path)]) == [node for node in nodes if node.path == wanted.path]
