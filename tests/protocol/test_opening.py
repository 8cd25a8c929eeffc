"""What a server answers while a session is opened and items are created, against asyncua's encoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asyncua.ua.ua_binary import nodeid_to_binary
from hypothesis import given
from hypothesis import strategies as st

from omptool.errors import MalformedMessage, ServerRefused
from omptool.protocol import granting, opening
from tests.protocol.messages import fault, response, ua

IDS = ua.ObjectIds
texts = st.one_of(st.none(), st.text(max_size=20))
codes = st.sampled_from((0, 0x80340000, 0x002D0000))
doubles = st.floats(allow_nan=False)
u32 = st.integers(0, 2**32 - 1)
users = st.builds(
    ua.UserTokenPolicy,
    PolicyId=texts,
    TokenType=st.sampled_from(ua.UserTokenType),
    IssuedTokenType=texts,
    SecurityPolicyUri=texts,
)
applications = st.builds(
    ua.ApplicationDescription,
    ApplicationUri=texts,
    ProductUri=texts,
    ApplicationName=st.builds(ua.LocalizedText, texts, texts),
    DiscoveryUrls=st.lists(texts, max_size=3),
)
endpoints = st.builds(
    ua.EndpointDescription,
    EndpointUrl=texts,
    Server=applications,
    ServerCertificate=st.one_of(st.none(), st.binary(max_size=20)),
    SecurityMode=st.sampled_from(ua.MessageSecurityMode),
    SecurityPolicyUri=texts,
    UserIdentityTokens=st.lists(users, max_size=3),
    TransportProfileUri=texts,
)
tokens = st.one_of(
    st.integers(0, 2**32 - 1).map(lambda number: ua.NodeId(ua.Int32(number), 1)),
    st.binary(min_size=1, max_size=32).map(lambda data: ua.NodeId(data, 0)),
    st.text(min_size=1, max_size=9).map(lambda text: ua.NodeId(text, 3)),
)


def as_read(sent: list[Any]) -> tuple[opening.Description, ...]:
    return tuple(
        opening.Description(
            one.Server.ApplicationUri or "",
            one.ServerCertificate or b"",
            int(one.SecurityMode),
            one.SecurityPolicyUri or "",
            tuple(
                opening.TokenPolicy(user.PolicyId or "", int(user.TokenType), user.SecurityPolicyUri or "")
                for user in one.UserIdentityTokens
            ),
            one.TransportProfileUri or "",
        )
        for one in sent
    )


@given(st.lists(endpoints, max_size=3))
def test_endpoints(sent: list[Any]) -> None:
    body = response(ua.GetEndpointsResponse(Endpoints=sent), IDS.GetEndpointsResponse_Encoding_DefaultBinary)
    assert opening.parse_endpoints(body) == as_read(sent)


@given(st.lists(endpoints, max_size=2), tokens, doubles, st.one_of(st.none(), st.binary(max_size=40)))
def test_a_session(sent: list[Any], token: Any, timeout_ms: float, nonce: bytes | None) -> None:
    result = ua.CreateSessionResult(
        SessionId=token,
        AuthenticationToken=token,
        RevisedSessionTimeout=timeout_ms,
        ServerNonce=nonce,
        ServerCertificate=b"shown",
        ServerEndpoints=sent,
    )
    body = response(ua.CreateSessionResponse(Parameters=result), IDS.CreateSessionResponse_Encoding_DefaultBinary)
    opened = opening.parse_create_session(body)
    assert opened == (nodeid_to_binary(token), timeout_ms, nonce, b"shown", as_read(sent))


@given(st.one_of(st.none(), st.binary(max_size=40)))
def test_an_activated_session(nonce: bytes | None) -> None:
    answer = ua.ActivateSessionResponse(Parameters=ua.ActivateSessionResult(ServerNonce=nonce))
    assert opening.parse_activate_session(response(answer, IDS.ActivateSessionResponse_Encoding_DefaultBinary)) == nonce


@given(u32, doubles, u32, u32)
def test_a_subscription(sub: int, publishing_ms: float, lifetime: int, keep_alive: int) -> None:
    granted = ua.CreateSubscriptionResult(sub, publishing_ms, lifetime, keep_alive)
    answer = ua.CreateSubscriptionResponse(Parameters=granted)
    body = response(answer, IDS.CreateSubscriptionResponse_Encoding_DefaultBinary)
    assert granting.parse_subscription(body) == (sub, publishing_ms, lifetime, keep_alive)


@given(st.lists(st.tuples(codes, u32, doubles, u32, st.booleans()), max_size=5))
def test_items(sent: list[tuple[int, int, float, int, bool]]) -> None:
    results = [
        ua.MonitoredItemCreateResult(
            ua.StatusCode(code), item_id, sampling_ms, depth, ua.EventFilterResult() if is_filtered else None
        )
        for code, item_id, sampling_ms, depth, is_filtered in sent
    ]
    answer = ua.CreateMonitoredItemsResponse(Results=results)
    _, found = granting.parse_items(response(answer, IDS.CreateMonitoredItemsResponse_Encoding_DefaultBinary))
    assert found == [one[:4] for one in sent]


PARSERS: tuple[Callable[[bytes], object], ...] = (
    opening.parse_endpoints,
    opening.parse_create_session,
    opening.parse_activate_session,
    granting.parse_subscription,
    granting.parse_items,
)


@pytest.mark.parametrize("parse", PARSERS)
def test_a_refusal_names_the_status(parse: Callable[[bytes], object]) -> None:
    with pytest.raises(ServerRefused, match="BadTooManyOperations"):
        parse(fault(0x80100000))


@pytest.mark.parametrize("parse", PARSERS)
@given(st.lists(endpoints, max_size=2), st.data())
def test_bad_bytes_never_raise_anything_else(
    parse: Callable[[bytes], object], sent: list[Any], data: st.DataObject
) -> None:
    answer = ua.CreateSessionResponse(Parameters=ua.CreateSessionResult(ServerEndpoints=sent))
    body = response(answer, IDS.CreateSessionResponse_Encoding_DefaultBinary)
    for place in data.draw(st.lists(st.integers(0, 8 * len(body) - 1), min_size=1, max_size=20)):
        flipped = bytearray(body)
        flipped[place // 8] ^= 1 << place % 8
        for bad in (bytes(flipped), body[: place // 8]):
            try:
                parse(bad)
            except (MalformedMessage, ServerRefused):
                continue
