"""Browse answers against asyncua's encoder and decoder."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.errors import MalformedMessage, ServerRefused
from omptool.protocol.browse import BrowseResult, parse_browse_response
from tests.protocol.messages import (
    NAMESPACES,
    blobs,
    by_asyncua,
    expanded_node_ids,
    expanded_text,
    fault,
    names,
    node_ids,
    node_text,
    plain,
    response,
    texts,
    u32,
    ua,
)

BROWSE = ua.ObjectIds.BrowseResponse_Encoding_DefaultBinary
BROWSE_NEXT = ua.ObjectIds.BrowseNextResponse_Encoding_DefaultBinary

references = st.builds(
    ua.ReferenceDescription,
    ReferenceTypeId=node_ids,
    IsForward=st.booleans(),
    NodeId=expanded_node_ids(),
    BrowseName=names,
    DisplayName=st.builds(ua.LocalizedText, st.one_of(st.none(), texts), st.one_of(st.none(), texts)),
    NodeClass=st.sampled_from(ua.NodeClass),
    TypeDefinition=expanded_node_ids(),
)
results = st.lists(
    st.builds(
        ua.BrowseResult,
        u32.map(ua.StatusCode),
        st.one_of(st.none(), blobs),
        st.one_of(st.none(), st.lists(references, max_size=4)),
    ),
    max_size=3,
)


@given(results, st.sampled_from([BROWSE, BROWSE_NEXT]))
def test_every_field(sent: list[ua.BrowseResult], type_id: int) -> None:
    """Both answers have the same fields."""
    body = response(ua.BrowseResponse(Results=sent), type_id)
    found = parse_browse_response(memoryview(body))
    check(found, sent)
    check(found, by_asyncua(ua.BrowseResponse, body).Results)


def check(found: list[BrowseResult], sent: list[ua.BrowseResult]) -> None:
    assert len(found) == len(sent)
    for result, original in zip(found, sent, strict=True):
        assert result.status == original.StatusCode.value
        assert result.continuation == (original.ContinuationPoint or b"")
        assert len(result.references) == len(original.References or [])
        for reference, described in zip(result.references, original.References or [], strict=True):
            assert reference.reference_type.to_text(NAMESPACES) == node_text(described.ReferenceTypeId)
            assert reference.is_forward == described.IsForward
            assert reference.node_id.to_text(NAMESPACES) == expanded_text(described.NodeId)
            assert reference.browse_name.to_text(NAMESPACES) == plain(described.BrowseName)
            assert reference.display_name == plain(described.DisplayName)
            assert reference.node_class == described.NodeClass
            assert reference.type_definition.to_text(NAMESPACES) == expanded_text(described.TypeDefinition)


@pytest.mark.parametrize(
    "node",
    [
        ua.TwoByteNodeId(85),
        ua.FourByteNodeId(1001, 3),
        ua.NumericNodeId(70000, 2),
        ua.StringNodeId("Line1/Maß", 1),
        ua.StringNodeId("", 1),
        ua.GuidNodeId(UUID(int=7), 3),
        ua.ByteStringNodeId(b"\xff", 2),
    ],
)
def test_every_form_of_node_id(node: ua.NodeId) -> None:
    described = ua.ReferenceDescription(node, False, node, ua.QualifiedName("x", 2), TypeDefinition=node)
    body = response(ua.BrowseResponse(Results=[ua.BrowseResult(References=[described, described])]), BROWSE)
    (result,) = parse_browse_response(body)
    for reference in result.references:
        for found in (reference.reference_type, reference.node_id, reference.type_definition):
            assert found.to_text(NAMESPACES) == node_text(node)


@pytest.mark.parametrize("place", [b"Node", b"Name", b"Shown"])
def test_a_text_longer_than_the_message_is_refused(place: bytes) -> None:
    described = ua.ReferenceDescription(
        NodeId=ua.StringNodeId("Node", 1), BrowseName=ua.QualifiedName("Name"), DisplayName=ua.LocalizedText("Shown")
    )
    body = response(ua.BrowseResponse(Results=[ua.BrowseResult(References=[described])]), BROWSE)
    length = len(place).to_bytes(4, "little")
    for wrong in (b"\xff\0\0\0", b"\xff\xff\xff\x7f", b"\xfe\xff\xff\xff"):
        with pytest.raises(MalformedMessage):
            parse_browse_response(body.replace(length + place, wrong + place))


def test_a_null_browse_name_and_bytes_that_are_no_utf8() -> None:
    described = ua.ReferenceDescription(BrowseName=ua.QualifiedName(None), DisplayName=ua.LocalizedText("\udce9"))
    body = response(ua.BrowseResponse(Results=[ua.BrowseResult(References=[described])]), BROWSE)
    ((reference,),) = [result.references for result in parse_browse_response(body)]
    assert reference.browse_name == (0, "")
    assert reference.display_name.text == "\\xe9"


def test_many_reference_types() -> None:
    """More of them than are kept."""
    described = [ua.ReferenceDescription(ReferenceTypeId=ua.NumericNodeId(70000 + index)) for index in range(5000)]
    body = response(ua.BrowseResponse(Results=[ua.BrowseResult(References=described)]), BROWSE)
    (result,) = parse_browse_response(body)
    assert [reference.reference_type.identifier for reference in result.references] == list(range(70000, 75000))


def test_a_refusal_names_the_status() -> None:
    with pytest.raises(ServerRefused, match="BadNothingToDo"):
        parse_browse_response(fault(0x800F0000))


def test_another_answer_is_refused() -> None:
    with pytest.raises(MalformedMessage):
        parse_browse_response(response(ua.ReadResponse(), ua.ObjectIds.ReadResponse_Encoding_DefaultBinary))


@given(results)
def test_truncation_is_refused_or_only_lacks_the_unread_end(sent: list[ua.BrowseResult]) -> None:
    body = response(ua.BrowseResponse(Results=sent), BROWSE)
    whole = parse_browse_response(body)
    assert parse_browse_response(body[:-4]) == whole
    for end in range(0, len(body) - 4, 1 + len(body) // 200):
        with pytest.raises(MalformedMessage):
            parse_browse_response(body[:end])


@given(results, st.data())
def test_flipped_bits_never_raise_anything_else(sent: list[ua.BrowseResult], data: st.DataObject) -> None:
    body = response(ua.BrowseResponse(Results=sent), BROWSE)
    for place in data.draw(st.lists(st.integers(0, 8 * len(body) - 1), min_size=1, max_size=30)):
        bad = bytearray(body)
        bad[place // 8] ^= 1 << place % 8
        try:
            found = parse_browse_response(bytes(bad))
        except (MalformedMessage, ServerRefused):
            continue
        for result in found:
            for reference in result.references:
                assert reference.node_id.to_text(NAMESPACES)
