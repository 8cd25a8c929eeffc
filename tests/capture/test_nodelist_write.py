"""Configurations of other tools: what is written for a selection reads back as that selection, whatever its names."""

from __future__ import annotations

import json
import string
import tomllib
from collections.abc import Sequence
from uuid import UUID

import yaml
from hypothesis import given
from hypothesis import strategies as st

from omptool.capture.selecting.nodelist import Listed
from omptool.capture.selecting.nodelist_published import of_published
from omptool.capture.selecting.nodelist_telegraf import looks_telegraf, of_telegraf
from omptool.capture.selecting.nodelist_umh import looks_umh, of_umh
from omptool.capture.selecting.nodelist_write import Chosen, Endpoint, ListFormat, write
from omptool.model import path as paths
from omptool.model.nodeid import NodeId

URL = "opc.tcp://10.1.4.7:4840/plant"
URIS = ["urn:plant", "http://vendor.example/UA/?a=1&b=%20;c", 'urn:"quoted"\\\n']
ENDPOINT = Endpoint(URL, {uri: index for index, uri in enumerate(URIS, 2)}, is_secured=False)

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
node_ids = st.one_of(
    st.builds(NodeId, st.sampled_from(["", *URIS]), st.just("i"), st.integers(0, 2**32 - 1)),
    st.builds(NodeId, st.sampled_from(["", *URIS]), st.just("s"), texts),
    st.builds(
        NodeId, st.sampled_from(["", *URIS]), st.just("g"), st.integers(0, 2**128 - 1).map(lambda n: UUID(int=n))
    ),
    st.builds(NodeId, st.sampled_from(["", *URIS]), st.just("b"), st.binary(min_size=1, max_size=9)),
)
selections = st.lists(
    st.builds(Chosen, node_ids.map(str), st.lists(texts, max_size=3).map(paths.join)),
    min_size=1,
    max_size=8,
    unique_by=lambda chosen: chosen.node_id,
)


@given(selections)
def test_published_nodes_read_back(nodes: list[Chosen]) -> None:
    written = write(ListFormat.PUBLISHEDNODES, ENDPOINT, nodes)
    found = of_published(json.loads(written.text), "pn.json")
    assert [one.text for one in found.endpoints[URL].nodes] == [one.node_id for one in nodes]
    assert (found.notes, written.left_out) == ((), {})


def with_uris(listed: Sequence[Listed]) -> list[str]:
    """NodeIds as a server with these namespaces understands them."""
    uris = ["http://opcfoundation.org/UA/", "urn:server", *URIS]
    return [str(NodeId.parse(one.text, uris)) for one in listed]


@given(selections)
def test_telegraf_reads_back(nodes: list[Chosen]) -> None:
    written = write(ListFormat.TELEGRAF, ENDPOINT, nodes)
    assert looks_telegraf(written.text) and not looks_umh(written.text)
    found = of_telegraf(written.text, "telegraf.conf")
    assert with_uris(found.endpoints[URL].nodes) == [one.node_id for one in nodes]
    assert all(one.monitoring.said() == {} for one in found.endpoints[URL].nodes)
    assert written.left_out == {}
    (listener,) = tomllib.loads(written.text)["inputs"]["opcua_listener"]
    names = [(node["name"], tuple(sorted(node.get("default_tags", {}).items()))) for node in listener["nodes"]]
    assert len(set(names)) == len(names), "Telegraf takes no two nodes of one name with equal tags"


@given(selections)
def test_umh_reads_back(nodes: list[Chosen]) -> None:
    written = write(ListFormat.UMH, ENDPOINT, nodes)
    assert looks_umh(written.text) and not looks_telegraf(written.text)
    found = of_umh(yaml.safe_load(written.text), "benthos.yaml")
    assert with_uris(found.endpoints[URL].nodes) == [one.node_id for one in nodes]
    assert (found.notes, written.left_out) == ((), {})


def test_what_has_no_place_is_left_out_and_told() -> None:
    nodes = [Chosen("nsu=urn:else;s=Speed", "Speed"), Chosen("nsu=urn:plant;s=", "Nothing"), Chosen("i=2258", "Time")]
    telegraf = write(ListFormat.TELEGRAF, ENDPOINT, nodes)
    assert telegraf.left_out == {
        "the index of their namespace is not known": ["nsu=urn:else;s=Speed"],
        "Telegraf takes no empty identifier": ["nsu=urn:plant;s="],
    }
    umh = write(ListFormat.UMH, Endpoint(URL), nodes)
    assert list(umh.left_out.values()) == [["nsu=urn:else;s=Speed", "nsu=urn:plant;s="]]
    assert '"ns=0;i=2258"' in umh.text


def test_indexes_are_explained() -> None:
    text = write(ListFormat.TELEGRAF, ENDPOINT, [Chosen("nsu=urn:plant;s=Speed", "Speed")]).text
    assert text.startswith('# namespace 2 is "urn:plant"\n[[')


def test_two_nodes_of_one_path_have_names_of_their_own() -> None:
    twins = [Chosen("nsu=urn:plant;i=1", "Odd/Twin"), Chosen("nsu=urn:plant;i=2", "Odd/Twin")]
    (listener,) = tomllib.loads(write(ListFormat.TELEGRAF, ENDPOINT, twins).text)["inputs"]["opcua_listener"]
    assert [node["default_tags"]["node_id"] for node in listener["nodes"]] == [one.node_id for one in twins]


def test_every_printable_character_survives() -> None:
    node = Chosen(str(NodeId("urn:plant", "s", string.printable)), paths.join([string.printable]))
    for form in ListFormat:
        assert write(form, ENDPOINT, [node]).text.isprintable() is False  # it has lines
        assert write(form, ENDPOINT, [node]).left_out == {}
