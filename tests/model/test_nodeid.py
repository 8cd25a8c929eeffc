"""NodeIds and QualifiedNames: text forms that read back exactly."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.errors import UsageError
from omptool.model.nodeid import OPC_UA, NodeId, QualifiedName

URIS = st.one_of(st.just(""), st.text(max_size=20).filter(lambda uri: uri != OPC_UA))
NODE_IDS = st.one_of(
    st.builds(NodeId, URIS, st.just("i"), st.integers(0, 2**32 - 1)),
    st.builds(NodeId, URIS, st.just("s"), st.text(max_size=30)),
    st.builds(NodeId, URIS, st.just("g"), st.uuids()),
    st.builds(NodeId, URIS, st.just("b"), st.binary(max_size=20)),
)


@given(NODE_IDS)
def test_the_text_of_a_node_id_reads_back(node_id: NodeId) -> None:
    assert NodeId.parse(str(node_id)) == node_id


@given(URIS, st.text(max_size=20))
def test_the_text_of_a_qualified_name_reads_back(uri: str, name: str) -> None:
    assert QualifiedName.parse(str(QualifiedName(uri, name))) == QualifiedName(uri, name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("i=2258", NodeId("", "i", 2258)),
        ("nsu=urn:a%3Bb%25;s=x;y=z", NodeId("urn:a;b%", "s", "x;y=z")),
        ("nsu=http://opcfoundation.org/UA/;i=85", NodeId("", "i", 85)),
        ("ns=1;s=[default]Oven", NodeId("urn:one", "s", "[default]Oven")),
        ("ns=0;i=85", NodeId("", "i", 85)),
        (
            "g=72962b91-fa75-4ae6-8d28-b404dc7daf63",
            NodeId("", "g", UUID("72962b91-fa75-4ae6-8d28-b404dc7daf63")),
        ),
        ("b=AAEC", NodeId("", "b", b"\x00\x01\x02")),
    ],
)
def test_parse(text: str, expected: NodeId) -> None:
    assert NodeId.parse(text, ["", "urn:one"]) == expected


@pytest.mark.parametrize(
    "text", ["", "x", "i=", "i=-1", "i=4294967296", "i=²", "g=1", "b=*", "nsu=urn:a", "ns=x;i=1", "ns=9;i=1", "q=1"]
)
def test_what_is_no_node_id_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        NodeId.parse(text, ["", "urn:one"])


def test_an_index_needs_a_session() -> None:
    with pytest.raises(UsageError, match="index") as caught:
        NodeId.parse("ns=2;s=x")
    assert "nsu=" in caught.value.hint
