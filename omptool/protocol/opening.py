"""What a server answers while a session is opened: its endpoints, the session's ids, its nonces.

asyncua's decoder takes a millisecond for one endpoint, which for thousands of servers is seconds. Everything that is
not looked at afterwards is stepped over.
"""

from __future__ import annotations

from typing import NamedTuple

from omptool.protocol.wire import Reader

_GET_ENDPOINTS_RESPONSE, _CREATE_SESSION_RESPONSE, _ACTIVATE_SESSION_RESPONSE = 431, 464, 470
_SMALLEST_ENDPOINT, _SMALLEST_TOKEN, _SMALLEST_STRING = 50, 20, 4


class TokenPolicy(NamedTuple):
    """UserTokenPolicy: `kind` is a UserTokenType."""

    policy_id: str
    kind: int
    policy_uri: str


class Description(NamedTuple):
    """EndpointDescription; `mode` is a MessageSecurityMode, `certificate` may be a chain."""

    application_uri: str
    certificate: bytes
    mode: int
    policy_uri: str
    tokens: tuple[TokenPolicy, ...]
    transport_uri: str


class Opened(NamedTuple):
    """CreateSessionResponse.

    Attributes:
        token: the AuthenticationToken as it was sent.
    """

    token: bytes
    timeout_ms: float
    nonce: bytes | None
    certificate: bytes
    endpoints: tuple[Description, ...]


def parse_endpoints(body: bytes) -> tuple[Description, ...]:
    """The endpoints of a GetEndpointsResponse.

    Raises:
        ServerRefused, MalformedMessage: it is a refusal, or no such answer.
    """
    reader = Reader(body)
    reader.expect((_GET_ENDPOINTS_RESPONSE,), "GetEndpoints")
    return _descriptions(reader)


def parse_create_session(body: bytes) -> Opened:
    """A CreateSessionResponse, up to the endpoints; signatures belong to secure channels, which asyncua opens.

    Raises:
        ServerRefused, MalformedMessage: it is a refusal, or no such answer.
    """
    reader = Reader(body)
    reader.expect((_CREATE_SESSION_RESPONSE,), "CreateSession")
    reader.skip_node_id()
    start = reader.pos
    reader.skip_node_id()
    token = body[start : reader.pos]
    timeout_ms = reader.f64()
    return Opened(token, timeout_ms, reader.byte_string(), reader.byte_string() or b"", _descriptions(reader))


def parse_activate_session(body: bytes) -> bytes | None:
    """ServerNonce of an ActivateSessionResponse.

    Raises:
        ServerRefused, MalformedMessage: it is a refusal, or no such answer.
    """
    reader = Reader(body)
    reader.expect((_ACTIVATE_SESSION_RESPONSE,), "ActivateSession")
    return reader.byte_string()


def _descriptions(reader: Reader) -> tuple[Description, ...]:
    return tuple([_description(reader) for _ in range(reader.length(_SMALLEST_ENDPOINT))])


def _description(reader: Reader) -> Description:
    reader.skip_string()  # EndpointUrl
    application_uri = reader.string() or ""
    reader.skip_string()  # ProductUri
    reader.skip_localized_text()
    reader.skip(4)  # ApplicationType
    reader.skip_string()  # GatewayServerUri
    reader.skip_string()  # DiscoveryProfileUri
    for _ in range(reader.length(_SMALLEST_STRING)):
        reader.skip_string()
    certificate, mode, policy_uri = reader.byte_string() or b"", reader.i32(), reader.string() or ""
    tokens = tuple([_token(reader) for _ in range(reader.length(_SMALLEST_TOKEN))])
    transport_uri = reader.string() or ""
    reader.skip(1)  # SecurityLevel
    return Description(application_uri, certificate, mode, policy_uri, tokens, transport_uri)


def _token(reader: Reader) -> TokenPolicy:
    policy_id, kind = reader.string() or "", reader.i32()
    reader.skip_string()  # IssuedTokenType
    reader.skip_string()  # IssuerEndpointUrl
    return TokenPolicy(policy_id, kind, reader.string() or "")
