"""Names and ids as sent, and the header that all answers share."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.errors import MalformedMessage
from omptool.model.nodeid import OPC_UA, NodeId
from omptool.protocol.wire import Reader, WireName, WireNodeId, service_result
from tests.protocol.messages import NAMESPACES, fault, node_ids, node_text, response, ua


@given(node_ids)
def test_node_ids_compare_by_value_and_name_their_kind(node: ua.NodeId) -> None:
    data = ua.ua_binary.nodeid_to_binary(node)
    reader = Reader(data)
    found = reader.node_id()
    assert reader.pos == len(data)
    assert found == Reader(data).node_id()
    assert hash(found) == hash(Reader(data).node_id())
    assert found.to_text(NAMESPACES) == node_text(node)
    assert NodeId.parse(found.to_text(NAMESPACES)).kind == found.kind


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (WireNodeId(0, 2258), "i=2258"),
        (WireNodeId(1, "a;b=c"), "nsu=urn:server;s=a;b=c"),
        (WireNodeId(2, UUID(int=1)), "nsu=http://example.org/a%3Bb%25;g=00000000-0000-0000-0000-000000000001"),
        (WireNodeId(3, b"\xff"), "nsu=urn:machine;b=/w=="),
        (WireNodeId(9, 5), "ns=9;i=5"),
        (WireNodeId(0, 5, "urn:elsewhere", 2), "svr=2;nsu=urn:elsewhere;i=5"),
        (WireNodeId(7, 5, OPC_UA), "i=5"),
        (WireNodeId(1, 5, ""), "nsu=urn:server;i=5"),
    ],
)
def test_text_of_node_ids(node: WireNodeId, text: str) -> None:
    assert node.to_text(NAMESPACES) == text


def test_a_namespace_without_uri_is_not_namespace_0() -> None:
    assert WireNodeId(1, 5).to_text(["", "", "urn:x"]) == "ns=1;i=5"


def test_text_of_names() -> None:
    assert WireName(0, "Server").to_text(NAMESPACES) == "Server"
    assert WireName(1, "a/b").to_text(NAMESPACES) == "nsu=urn:server;a/b"
    assert WireName(9, "x").to_text(NAMESPACES) == "9:x"


@pytest.mark.parametrize("code", [0, 0x80340000])
def test_service_result_of_any_answer(code: int) -> None:
    body = response(ua.ReadResponse(), ua.ObjectIds.ReadResponse_Encoding_DefaultBinary, service_result=code)
    assert service_result(body) == code
    assert service_result(fault(code)) == code


def test_type_of_another_namespace_is_minus_one() -> None:
    body = fault(0x80340000)
    assert Reader(body).response_header().type_id == ua.ObjectIds.ServiceFault_Encoding_DefaultBinary
    assert Reader(b"\x01\x02" + body[2:]).response_header().type_id == -1


@given(
    st.binary(max_size=40),
    st.sampled_from(["node_id", "localized_text", "skip_structure", "skip_diagnostic_infos", "response_header"]),
)
def test_noise_never_raises_anything_else(noise: bytes, method: str) -> None:
    reader = Reader(noise)
    try:
        getattr(reader, method)()
    except MalformedMessage as error:
        assert "does not decode" in error.message
    assert reader.pos <= len(noise)


def test_errors_say_where() -> None:
    with pytest.raises(MalformedMessage, match=r"at byte 2$"):
        reader = Reader(b"\1\2\3")
        reader.u16()
        reader.u32()


def test_a_namespace_named_twice_gives_no_two_nodes_one_name() -> None:
    namespaces = [OPC_UA, "urn:a", "urn:a", OPC_UA]
    names = [WireNodeId(index, "x").to_text(namespaces) for index in range(4)]
    assert names == ["s=x", "nsu=urn:a;s=x", "ns=2;s=x", "ns=3;s=x"]
