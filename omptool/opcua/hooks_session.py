"""Of asyncua's client what belongs to a session: its key, and by which token policy a user logs in.

`hooks` lists the attributes of asyncua that are touched here. Like that module this one decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.client.ua_session import SessionState
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import nodeid_from_binary


@dataclass(frozen=True, slots=True)
class SessionKey:
    """What it takes to activate a session again on another secure channel (Part 4, 5.7.3), and whose it is."""

    authentication_token: Any = field(repr=False)
    server_nonce: bytes | None = field(repr=False)
    policy_ids: tuple[Any, ...] = field(repr=False)
    application_uri: str = field(repr=False)
    security: tuple[str, str] = field(default=("None", "None"), repr=False)


def session_key(client: Client, application_uri: str, security: tuple[str, str]) -> SessionKey:
    """The key of the client's session, which has SecurityPolicy and mode `security`."""
    token = client.uaclient.session.authentication_token
    return SessionKey(token, client._server_nonce, tuple(client._policy_ids), application_uri, security)


def keep_token_policy(client: Client, policy_id: str) -> None:
    """Leave asyncua, which takes the first of a kind, only the token policy that was chosen."""
    kept = [policy for policy in client._policy_ids or () if (policy.PolicyId or "") == policy_id]
    client._policy_ids = kept or client._policy_ids


def adopt_session(client: Client, key: SessionKey) -> None:
    """Make the client's next ActivateSession concern the session of `key`."""
    client.uaclient.session.restore_authentication_token(key.authentication_token)
    client._server_nonce = key.server_nonce  # type: ignore[assignment]  # asyncua infers None from its start
    client._policy_ids = list(key.policy_ids)


def forget_session(client: Client) -> None:
    """Undo `adopt_session`."""
    client.uaclient.session.reset_authentication_token()
    client._server_nonce = None


def session_created(client: Client, token: bytes, nonce: bytes | None, policy_id: str) -> None:
    """The server made a session that we asked for ourselves.

    Args:
        token: its AuthenticationToken, encoded.
        policy_id: of the anonymous token policy that was chosen.
    """
    client.uaclient.session.restore_authentication_token(nodeid_from_binary(Buffer(token)))
    client.uaclient.session._set_state(SessionState.CREATED)
    client._server_nonce = nonce  # type: ignore[assignment]  # asyncua infers None from its start
    client._policy_ids = [ua.UserTokenPolicy(PolicyId=policy_id, TokenType=ua.UserTokenType.Anonymous)]


def session_activated(client: Client, nonce: bytes | None) -> None:
    """It is ours."""
    client.uaclient.session._set_state(SessionState.ACTIVATED)
    client._server_nonce = nonce  # type: ignore[assignment]  # asyncua infers None from its start


def leave_session(client: Client) -> None:
    """Make `close_session` end asyncua's tasks without telling the server, which keeps the session."""
    client.uaclient.session._set_state(SessionState.CLOSED)
