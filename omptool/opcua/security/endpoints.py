"""Which endpoint of a server is used, and by which of its user tokens. Pure: what a server offers in, one choice out.

What a server offers is told by anybody who stands in between, so a choice is no more than a plan: the certificate must
be trusted (`trust`), and CreateSession must confirm what GetEndpoints said (`confirmed`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from omptool.config.schema import MODE_NAMES as MODES
from omptool.config.schema import POLICY_NAMES as POLICIES
from omptool.errors import ServerRefused

if TYPE_CHECKING:
    from omptool.config import ServerConfig
    from omptool.protocol.opening import Description

NONE, *_ = POLICIES
BROKEN = frozenset({"Basic128Rsa15", "Basic256"})
"""Deprecated for SHA-1, and still better than nothing."""
BINARY = "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary"
MODE_OF = {0: "Invalid", 1: NONE, 2: "Sign", 3: "SignAndEncrypt"}
TOKENS = {0: "Anonymous", 1: "UserName", 2: "Certificate", 3: "IssuedToken"}


@dataclass(frozen=True, slots=True)
class Token:
    """A way to log in.

    Attributes:
        kind: Anonymous, UserName, Certificate, IssuedToken.
        policy: SecurityPolicy that protects a secret in it; that of the endpoint where the server states none.
    """

    kind: str
    policy_id: str
    policy: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint; `certificate` may be a chain, and is empty where the server shows none."""

    policy: str
    mode: str
    tokens: tuple[Token, ...]
    certificate: bytes
    application_uri: str

    @property
    def is_secure(self) -> bool:
        return self.policy != NONE and self.mode != NONE

    @property
    def is_known(self) -> bool:
        """Whether omptool speaks it."""
        return self.policy in POLICIES and self.mode in MODES and (self.policy == NONE) == (self.mode == NONE)

    @property
    def strength(self) -> tuple[int, int]:
        """Greater is safer: first encryption, then the policy. The server's own ranking is anybody's word."""
        return strength(self.policy, self.mode)

    def __str__(self) -> str:
        return "no security" if not self.is_secure else f"{self.policy} {self.mode}"


def strength(policy: str | None, mode: str | None) -> tuple[int, int]:
    """Greater is safer. Policies that omptool does not speak are newer ones; a mode that is none is worth nothing."""
    known_mode = MODES.index(mode) if mode in MODES else -1
    return known_mode, POLICIES.index(policy) if policy in POLICIES else len(POLICIES)


def read(entries: Iterable[Description]) -> list[Endpoint]:
    """What a server described, of opc.tcp only."""
    return [_endpoint(entry) for entry in entries if (entry.transport_uri or BINARY) == BINARY]


def choose(endpoints: Sequence[Endpoint], server: ServerConfig) -> Endpoint:
    """The strongest endpoint that omptool speaks and the user wants.

    Raises:
        ServerRefused: there is none; what there is stands in the hint.
    """
    known = [endpoint for endpoint in endpoints if endpoint.is_known]
    wanted = [
        endpoint
        for endpoint in known
        if server.security_policy in (None, endpoint.policy) and server.security_mode in (None, endpoint.mode)
    ]
    if wanted:
        return max(wanted, key=lambda endpoint: endpoint.strength)
    look = f"see what it offers:  omptool discover {server.url}"
    if not endpoints:
        raise ServerRefused(f"{server.url} offers no endpoint for opc.tcp", look)
    offered = _listed(endpoints)
    if not known:
        policies = ", ".join(dict.fromkeys(endpoint.policy for endpoint in endpoints))
        curves = " (elliptic curves)" if all("ECC" in endpoint.policy for endpoint in endpoints) else ""
        raise ServerRefused(
            f"{server.url} offers only SecurityPolicies that omptool does not speak: {policies}{curves}",
            f"let it offer one of {', '.join(POLICIES[3:])} besides",
        )
    if server.security_policy == NONE:
        raise ServerRefused(f"{server.url} has no endpoint without security", f"it offers:  {offered}\n{look}")
    asked = " ".join(filter(None, (server.security_policy, server.security_mode)))
    raise ServerRefused(f"{server.url} does not offer {asked}", f"it offers:  {offered}\n{look}")


def token_for(kind: str, endpoint: Endpoint, url: str) -> Token:
    """The safest token policy of the endpoint by which a user of this kind can log in.

    Raises:
        ServerRefused: the endpoint takes no such users, or would have the password sent in clear.
    """
    offered = [token for token in endpoint.tokens if token.kind == kind]
    if not offered:
        takes = ", ".join(dict.fromkeys(token.kind for token in endpoint.tokens)) or "nobody"
        raise ServerRefused(f"{url} takes no {_USERS[kind]} at this endpoint ({endpoint})", _instead(kind, takes))
    if kind == "Anonymous":
        return offered[0]
    known = [token for token in offered if token.policy in POLICIES]
    safe = [token for token in known if token.policy != NONE or (kind == "UserName" and endpoint.mode == MODES[-1])]
    if not safe:
        if kind == "UserName" and known:
            raise ServerRefused(
                f"{url} would have the password sent in clear ({endpoint})",
                f"use an encrypted endpoint:  --security SignAndEncrypt\nsee:  omptool discover {url}",
            )
        policies = ", ".join(token.policy for token in offered)
        raise ServerRefused(f"{url} wants the {_USERS[kind]} protected by {policies}, which omptool does not speak", "")
    return max(safe, key=lambda token: POLICIES.index(token.policy))


def confirmed(announced: Sequence[Endpoint], confirmed_by_session: Sequence[Endpoint]) -> bool:
    """Whether CreateSession answers with the endpoints that GetEndpoints had (Part 4, 5.7.2.2).

    Compared are security and token policies; addresses may be written in several ways.
    """
    return _shape(announced) == _shape(confirmed_by_session)


def _shape(endpoints: Sequence[Endpoint]) -> set[tuple[str, str, frozenset[tuple[str, str]]]]:
    return {(one.policy, one.mode, frozenset((token.kind, token.policy) for token in one.tokens)) for one in endpoints}


_USERS = {"Anonymous": "anonymous user", "UserName": "user with a password", "Certificate": "user certificate"}


def _instead(kind: str, takes: str) -> str:
    if kind == "Anonymous":
        return (
            f"it takes: {takes}\nlog in:  --user NAME --password-file FILE, or --user-certificate FILE --user-key FILE"
        )
    return f"it takes: {takes}"


def _listed(endpoints: Sequence[Endpoint]) -> str:
    return ", ".join(dict.fromkeys("None" if one.policy == NONE else f"{one.policy}:{one.mode}" for one in endpoints))


def _endpoint(entry: Description) -> Endpoint:
    policy = short(entry.policy_uri)
    tokens = tuple(
        Token(TOKENS.get(token.kind, ""), token.policy_id, short(token.policy_uri) or policy) for token in entry.tokens
    )
    mode = MODE_OF.get(entry.mode, str(entry.mode))
    return Endpoint(policy, mode, tokens, entry.certificate, entry.application_uri)


def short(uri: str | None) -> str:
    """A SecurityPolicy without the URI in front."""
    return (uri or "").rpartition("#")[2]
