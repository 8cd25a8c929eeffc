"""Opens a session without security and for nobody in particular: what nearly all of thousands of connections need.

Requests are packed and answers read here, for asyncua takes milliseconds over them; it is told what came of it, so that
closing, resuming and the renewal of the channel are the same as for sessions that it opens itself.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from omptool.opcua import hooks_session, requests_opening
from omptool.protocol.opening import Description, TokenPolicy, parse_activate_session, parse_create_session

if TYPE_CHECKING:
    from omptool.opcua.channel import Line

_NONCE = 32
"""Bytes (Part 4, 5.7.2)."""


async def create(line: Line, policy_id: str) -> tuple[Sequence[Description], bytes]:
    """CreateSession; the endpoints and the certificate of the answer.

    Raises:
        UaStatusCodeError: the server refuses it.
        MalformedMessage: it answers something else.
    """
    client = line.client
    who = requests_opening.Client(client.application_uri, client.product_uri, client.name)
    url, nonce = client.server_url.geturl(), os.urandom(_NONCE)
    opened = parse_create_session(
        await line.ask(requests_opening.create_session(url, who, nonce, client.session_timeout))
    )
    hooks_session.session_created(client, opened.token, opened.nonce, policy_id)
    return opened.endpoints, opened.certificate


async def activate(line: Line, policy_id: str) -> None:
    """ActivateSession.

    Raises:
        UaStatusCodeError, MalformedMessage: as `create`.
    """
    answer = await line.ask(requests_opening.activate_anonymously(policy_id))
    hooks_session.session_activated(line.client, parse_activate_session(answer))


def description(entry: Any) -> Description:
    """One of asyncua's EndpointDescriptions."""
    tokens = tuple(
        TokenPolicy(token.PolicyId or "", int(token.TokenType), token.SecurityPolicyUri or "")
        for token in entry.UserIdentityTokens or ()
    )
    return Description(
        (entry.Server and entry.Server.ApplicationUri) or "",
        bytes(entry.ServerCertificate or b""),
        int(entry.SecurityMode),
        entry.SecurityPolicyUri or "",
        tokens,
        entry.TransportProfileUri or "",
    )
