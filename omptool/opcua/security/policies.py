"""From an address to a secure channel as the configuration wants it: ask for endpoints, choose, check, open.

    None channel → GetEndpoints → choose → is its certificate trusted? → channel with that policy

Where the choice is "no security", the first channel is used on. What CreateSession says later is held against what
GetEndpoints said (`confirm`). Sends no secret itself and writes no file but what `trust` does.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from asyncua import ua
from asyncua.crypto import security_policies

from omptool.config.files import pki_folder
from omptool.errors import NotFound, ServerRefused
from omptool.opcua import channel, hooks_session, opening
from omptool.opcua.security import endpoints, identity, trust
from omptool.opcua.security.certificate import Certificate, first, load, spaced
from omptool.opcua.security.endpoints import NONE, Endpoint, Token
from omptool.opcua.security.identity import Identity
from omptool.opcua.security.pki import Own, Pki
from omptool.protocol.opening import Description

if TYPE_CHECKING:
    from omptool.config import ServerConfig

_CLASSES: dict[str, Any] = {
    "Basic128Rsa15": security_policies.SecurityPolicyBasic128Rsa15,
    "Basic256": security_policies.SecurityPolicyBasic256,
    "Basic256Sha256": security_policies.SecurityPolicyBasic256Sha256,
    "Aes128_Sha256_RsaOaep": security_policies.SecurityPolicyAes128Sha256RsaOaep,
    "Aes256_Sha256_RsaPss": security_policies.SecurityPolicyAes256Sha256RsaPss,
}
_MODES = {"Sign": ua.MessageSecurityMode.Sign, "SignAndEncrypt": ua.MessageSecurityMode.SignAndEncrypt}


@dataclass(frozen=True, slots=True)
class Plan:
    """How one server is talked to.

    Attributes:
        announced: all endpoints that GetEndpoints had.
        token: by which of the endpoint's token policies the user logs in.
        own, peer: certificates of both sides; None without security.
    """

    endpoint: Endpoint
    announced: Sequence[Endpoint] = field(repr=False)
    identity: Identity
    token: Token
    own: Own | None = None
    peer: Certificate | None = None
    pki: Pki | None = field(default=None, repr=False)

    def secure(self, client: Any) -> None:
        """Make asyncua's unconnected client open its channel accordingly."""
        if self.own is None or self.peer is None:
            return
        ours, theirs = (load(one.der) for one in (self.own.certificate, self.peer))
        policy = _CLASSES[self.endpoint.policy](theirs, ours, self.own.key, _MODES[self.endpoint.mode])
        client.security_policy = policy
        client.uaclient.set_security(policy)
        client.application_uri = self.own.certificate.application_uri or client.application_uri


@contextlib.asynccontextmanager
async def opened(
    server: ServerConfig, timeout_s: float, held: tuple[str, str] | None = None
) -> AsyncIterator[channel.Line]:
    """A channel to `server` as it is configured, with the `plan` that was chosen; closed again on the way out.

    Args:
        timeout_s: for each of the two channels.
        held: policy and mode of a session that is taken up again, which must not become weaker.

    Raises:
        UsageError, ConfigError, NotFound: what is configured is not whole.
        Unreachable, ServerRefused: see `channel.opened`; the endpoint, the certificate or the user will not do.
    """
    who = identity.identity(server)
    if held is not None and held[0] != NONE:
        server = replace(server, security_policy=held[0], security_mode=held[1])
    async with channel.opened(server.url, timeout_s) as line:
        line.plan = await _planned(line, server, who)
        if line.plan.own is None:
            yield line
            return
        plan = line.plan
    async with channel.opened(server.url, timeout_s, plan) as line:
        yield line


async def _planned(line: channel.Line, server: ServerConfig, who: Identity) -> Plan:
    line.stage = "GetEndpoints"
    async with line.translating():
        announced = endpoints.read(await line.endpoints())
    return plan_for(announced, server, who, line.host)


def plan_for(announced: Sequence[Endpoint], server: ServerConfig, who: Identity, host: str) -> Plan:
    """Choose, and check everything that can be checked before the server is trusted with anything.

    Raises:
        NotFound: the endpoint needs a certificate of ours, and there is none.
        ServerRefused: see `endpoints.choose`, `endpoints.token_for` and `trust.check`.
    """
    chosen = endpoints.choose(announced, server)
    token = endpoints.token_for(who.kind, chosen, server.url)
    pki = Pki(server.pki or pki_folder(os.environ))
    or_none = any(one.is_known and not one.is_secure for one in announced) and chosen.is_secure
    if not chosen.is_secure:
        # the password is encrypted for whoever shows a certificate, so that must be the right one
        needs_peer = who.kind == "UserName" and token.policy != NONE
        peer = trust.check(chosen, server, host, pki, or_none=False) if needs_peer else None
        _say_unprotected(server, host)
        return Plan(chosen, announced, who, token, None, peer, pki)
    own = _own(pki, server.url, or_none)
    peer = trust.check(chosen, server, host, pki, or_none=or_none)
    if chosen.policy in endpoints.BROKEN:
        trust.logger.warning("%s offers nothing better than %s, which is broken", server.url, chosen.policy)
    return Plan(chosen, announced, who, token, own, peer, pki)


def confirm(plan: Plan, answered: Sequence[Endpoint], certificate: bytes, url: str) -> None:
    """Hold what CreateSession answered, endpoints and the server's certificate, against what was planned.

    Raises:
        ServerRefused: it names other endpoints or another certificate, as when somebody in between took the safe ones
            out of GetEndpoints.
    """
    if not endpoints.confirmed(plan.announced, answered):
        raise ServerRefused(
            f"{url} confirms other endpoints than it announced: somebody in between may have removed the safer ones",
            f"see what is announced:  omptool discover {url}\n"
            "if the server itself is at fault, it needs an update: OPC UA demands that both lists agree",
        )
    if plan.peer is not None and first(certificate) != plan.peer.der:
        raise ServerRefused(
            f"{url} shows another certificate when a session begins",
            f"see what it shows:  omptool pki show {url}\nsomebody may stand in between",
        )


async def create(line: channel.Line, plan: Plan) -> str:
    """CreateSession and ActivateSession; the ApplicationUri of the endpoint that answered."""
    line.stage = "CreateSession"
    is_plain = plan.own is None and plan.identity.kind == "Anonymous"
    described, certificate = await (opening.create(line, plan.token.policy_id) if is_plain else _created(line))
    confirm(plan, endpoints.read(described), certificate, line.url)
    line.stage = "ActivateSession"
    if is_plain:
        await opening.activate(line, plan.token.policy_id)
    else:
        await activate(line, plan)
    return next((one.application_uri for one in described if one.application_uri), "")


async def _created(line: channel.Line) -> tuple[Sequence[Description], bytes]:
    """As `opening.create`, by asyncua, which signs and checks signatures."""
    answer = await line.client.create_session()
    described = [opening.description(entry) for entry in answer.ServerEndpoints or ()]
    return described, bytes(answer.ServerCertificate or b"")


async def activate(line: channel.Line, plan: Plan) -> None:
    """ActivateSession as the planned user, by the planned token policy."""
    line.stage = "ActivateSession"
    client, who = line.client, plan.identity
    hooks_session.keep_token_policy(client, plan.token.policy_id)
    if who.own is not None:
        client.user_private_key = who.own.key
        await client.activate_session(certificate=load(who.own.certificate.der))
    else:
        await client.activate_session(who.user or None, who.password or None)


def _own(pki: Pki, url: str, or_none: bool) -> Own:
    own = pki.own()
    go_without = "\nor go without any security:  --security none" if or_none else ""
    if own is None:
        raise NotFound(
            f"{url} wants to know this computer by a certificate, and there is none yet",
            f"make one:  omptool pki init{go_without}",
        )
    now = dt.datetime.now(dt.UTC)
    state = own.certificate.state(now)
    if state in ("expired", "not yet valid"):
        window = f"{own.certificate.valid_from:%Y-%m-%d} to {own.certificate.valid_to:%Y-%m-%d}"
        raise ServerRefused(
            f"our own certificate is {state}: {window}",
            f"is the clock of this computer right? then make a new one, and let servers trust it:\n"
            f"  omptool pki init --force{go_without}",
        )
    if state == "expires soon":
        days = own.certificate.days_left(now)
        trust.logger.warning("our own certificate ends in %d days; SHA-1 %s", days, spaced(own.certificate.sha1))
    return own


def _say_unprotected(server: ServerConfig, host: str) -> None:
    from omptool.config.cloud import is_loopback

    if is_loopback(host):
        return  # nothing leaves this computer
    why = "as asked" if server.security_policy == NONE else "it offers nothing better"
    trust.logger.warning("no security with %s, %s: others on the network can read and change values", server.url, why)
