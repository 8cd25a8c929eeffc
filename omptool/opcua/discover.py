"""What a server offers before anyone logs in: its endpoints, the servers it knows, and the servers on its network.

Needs a secure channel without security only, no session and no user. Many servers lack FindServersOnNetwork, some
FindServers; that leaves rows out and is said, it is no error.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from omptool.errors import OmptoolError, UsageError
from omptool.model import status
from omptool.opcua import channel, faults
from omptool.opcua.security import certificate, endpoints

if TYPE_CHECKING:
    from omptool.config import ServerConfig

_APPLICATIONS = {0: "Server", 1: "Client", 2: "ClientAndServer", 3: "DiscoveryServer"}


@dataclass(frozen=True, slots=True)
class Offer:
    """One endpoint, or one server known by another.

    Attributes:
        kind: `endpoint` of this server, `server` that it knows, or `network` for one announced on its network.
        url: as the server announces it, which need not be reachable from here.
        user_tokens: Anonymous, UserName, Certificate, IssuedToken.
        security_level: the server's own ranking of its endpoints, higher is safer.
        certificate_sha1: thumbprint, upper-case hexadecimal.
        capabilities: what a `network` server says it can (DA, HD, LDS, …).
    """

    kind: str
    url: str
    security_policy: str | None = None
    security_mode: str | None = None
    user_tokens: tuple[str, ...] = ()
    security_level: int | None = None
    application_name: str | None = None
    application_uri: str | None = None
    application_type: str | None = None
    product_uri: str | None = None
    certificate_subject: str | None = None
    certificate_sha1: str | None = None
    certificate_expires: datetime | None = None
    capabilities: tuple[str, ...] = ()


@dataclass(slots=True)
class Discovery:
    """What was found, endpoints from weak to strong, and which of the services were not answered (name → why)."""

    offers: list[Offer] = field(default_factory=list)
    unanswered: dict[str, str] = field(default_factory=dict)


async def discover(server: ServerConfig, *, timeout_s: float | None = None) -> Discovery:
    """Ask `server` for its endpoints and the servers it knows of.

    Raises:
        Unreachable: nobody there, or no OPC UA there.
        ServerRefused: it does not even answer GetEndpoints.
    """
    limit = server.timeout_s if timeout_s is None else timeout_s
    found = Discovery()
    async with channel.opened(server.url, limit) as line:
        line.stage = "GetEndpoints"
        async with line.translating():
            offered = [_endpoint(entry) for entry in await line.client.get_endpoints() or ()]
        found.offers += sorted(offered, key=lambda one: endpoints.strength(one.security_policy, one.security_mode))
        await _optional(line, found, "FindServers", line.client.find_servers, _servers)
        await _optional(line, found, "FindServersOnNetwork", line.client.find_servers_on_network, _network)
    return found


async def certificates(server: ServerConfig) -> list[certificate.Certificate]:
    """The certificates that the endpoints of `server` show, each once; usually one.

    Raises:
        Unreachable, ServerRefused: as `discover`.
    """
    async with channel.opened(server.url, server.timeout_s) as line:
        line.stage = "GetEndpoints"
        async with line.translating():
            entries = await line.client.get_endpoints() or ()
    found = [_certificate(entry.ServerCertificate) for entry in entries]
    return list({one.der: one for one in found if one is not None}.values())


async def _optional(
    line: channel.Line,
    found: Discovery,
    service: str,
    ask: Callable[[], Awaitable[Any]],
    offers: Callable[[Any], list[Offer]],
) -> None:
    line.stage = service
    try:
        async with line.translating():
            found.offers += offers(await ask())
    except OmptoolError as error:
        code = faults.fault_code(error)
        found.unanswered[service] = status.name(code) if code else error.message


def _endpoint(entry: Any) -> Offer:
    application = entry.Server
    shown = _certificate(entry.ServerCertificate)
    return Offer(
        kind="endpoint",
        url=str(entry.EndpointUrl or ""),
        security_policy=endpoints.short(entry.SecurityPolicyUri) or None,
        security_mode=endpoints.MODE_OF.get(int(entry.SecurityMode), str(entry.SecurityMode)),
        user_tokens=tuple(
            dict.fromkeys(endpoints.TOKENS.get(int(t.TokenType), "") for t in entry.UserIdentityTokens or ())
        ),
        security_level=int(entry.SecurityLevel),
        application_name=_text(application.ApplicationName),
        application_uri=application.ApplicationUri or None,
        application_type=_APPLICATIONS.get(int(application.ApplicationType)),
        product_uri=application.ProductUri or None,
        certificate_subject=shown.subject if shown else None,
        certificate_sha1=shown.sha1 if shown else None,
        certificate_expires=shown.valid_to if shown else None,
    )


def _servers(entries: Any) -> list[Offer]:
    return [
        Offer(
            kind="server",
            url=str(url),
            application_name=_text(entry.ApplicationName),
            application_uri=entry.ApplicationUri or None,
            application_type=_APPLICATIONS.get(int(entry.ApplicationType)),
            product_uri=entry.ProductUri or None,
        )
        for entry in entries or ()
        for url in entry.DiscoveryUrls or ("",)
    ]


def _network(answer: Any) -> list[Offer]:
    return [
        Offer(
            kind="network",
            url=str(entry.DiscoveryUrl or ""),
            application_name=entry.ServerName or None,
            capabilities=tuple(str(name) for name in entry.ServerCapabilities or ()),
        )
        for entry in answer.Servers or ()
    ]


def _text(localized: Any) -> str | None:
    return localized.Text or None if localized is not None else None


def _certificate(chain: bytes | None) -> certificate.Certificate | None:
    """None for a certificate that cannot be read, which is the server's business."""
    try:
        return certificate.parse(chain) if chain else None
    except ValueError:
        return None


def elsewhere(offers: Iterable[Offer], url: str) -> list[str]:
    """Endpoints of OPC UA TCP that are announced for another host than that of `url`."""
    here = channel.host_and_port(url)[0]
    announced = {offer.url for offer in offers if offer.kind == "endpoint" and offer.url.startswith("opc.tcp://")}
    return sorted(other for other in announced if _host(other) != here)


def _host(url: str) -> str:
    try:
        return channel.host_and_port(url)[0]
    except UsageError:
        return url
