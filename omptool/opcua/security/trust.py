"""Whether a server's certificate is good enough to talk to it; every "no" says why and what to do.

Trust comes first: without it nothing else in a certificate means anything. Then time, host and URI, each of which a
user may accept by name (`accept`), because plants have certificates that nobody can renew today.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import logging
from typing import TYPE_CHECKING

from omptool.errors import ServerRefused
from omptool.opcua.security import certificate
from omptool.opcua.security.authorities import Standing
from omptool.opcua.security.certificate import Certificate, spaced
from omptool.opcua.security.pki import Pki

if TYPE_CHECKING:
    from omptool.config import ServerConfig
    from omptool.opcua.security.endpoints import Endpoint

logger = logging.getLogger("omptool.security")
"""What a user should know although nothing is refused."""


def check(endpoint: Endpoint, server: ServerConfig, host: str, pki: Pki, *, or_none: bool) -> Certificate:
    """The certificate of `endpoint`, if it may be relied upon.

    Args:
        host: as the user typed it.
        or_none: whether the server also offers to go without.

    Raises:
        ServerRefused: it is not trusted, or wrong in time, host or URI.
    """
    shown = _parsed(endpoint, server.url)
    said = pki.standing(endpoint.certificate)
    if said.revoked_by:
        raise _revoked(shown, said, server.url)
    is_trusted = bool(said.authority) or pki.trusts(shown)
    if not is_trusted and not server.trust_first:
        raise _untrusted(shown, server.url, or_none)
    for authority in said.outdated:
        logger.warning("the list of revoked certificates of %s is outdated: put a new one among the issuers", authority)
    now = dt.datetime.now(dt.UTC)
    _check_time(shown, server, now)
    _check_host(shown, server, host)
    _check_uri(shown, server, endpoint.application_uri)
    if not is_trusted:
        file = pki.trust(shown)
        logger.warning("%s is trusted from now on: SHA-1 %s, %s", server.url, spaced(shown.sha1), file)
    if shown.state(now) == "expires soon":
        logger.warning("the certificate of %s ends in %d days", server.url, shown.days_left(now))
    return shown


def _parsed(endpoint: Endpoint, url: str) -> Certificate:
    try:
        if endpoint.certificate:
            return certificate.parse(endpoint.certificate)
    except ValueError:
        raise ServerRefused(f"the certificate of {url} cannot be read", "let the server make a new one") from None
    raise ServerRefused(f"{url} shows no certificate, so nothing can be encrypted for it", "")


def _untrusted(shown: Certificate, url: str, or_none: bool) -> ServerRefused:
    lines = [
        f"subject  {shown.subject}, valid until {shown.valid_to:%Y-%m-%d}",
        f"SHA-1    {spaced(shown.sha1)}",
        "compare the thumbprint with the one that the server itself shows, then:",
        f"  omptool pki trust {url} --thumbprint {shown.sha1}",
        *_signed(shown),
        *(["it also lets in without any security:  --security none"] if or_none else []),
    ]
    return ServerRefused(f"{url} is not trusted yet: its certificate is not among the trusted ones", "\n".join(lines))


def _signed(shown: Certificate) -> list[str]:
    """What else could be trusted: whoever signed it."""
    if shown.issuer == shown.subject:
        return []
    return [f"or trust all that {shown.issuer} signs:", "  omptool pki trust AUTHORITY.der"]


def _revoked(shown: Certificate, said: Standing, url: str) -> ServerRefused:
    return ServerRefused(
        f"the certificate of {url} was revoked by {said.revoked_by}",
        f"subject  {shown.subject}\nSHA-1    {spaced(shown.sha1)}\nlet the server get a new one",
    )


def _check_time(shown: Certificate, server: ServerConfig, now: dt.datetime) -> None:
    state = shown.state(now)
    if "time" in server.accept or state in ("valid", "expires soon"):
        return
    accept = "accept it until then:  --accept time"
    if state == "expired":
        raise ServerRefused(
            f"the certificate of {server.url} ended on {shown.valid_to:%Y-%m-%d}",
            f"let the server make a new one, and trust that\n{accept}",
        )
    raise ServerRefused(
        f"the certificate of {server.url} is not valid before {shown.valid_from:%Y-%m-%d %H:%M} UTC",
        f"is the clock of this computer right? it says {now:%Y-%m-%d %H:%M} UTC\n{accept}",
    )


def _check_host(shown: Certificate, server: ServerConfig, host: str) -> None:
    if "host" in server.accept or _spelling(host) in {_spelling(name) for name in shown.hosts}:
        return
    names = ", ".join(shown.hosts)
    if not names:
        raise ServerRefused(f"the certificate of {server.url} names no host", "accept it:  --accept host")
    raise ServerRefused(
        f"the certificate of {server.url} is for {names}, not for {host}",
        "use one of its names in the address, or accept it:  --accept host",
    )


def _check_uri(shown: Certificate, server: ServerConfig, application_uri: str) -> None:
    if "uri" in server.accept or application_uri in shown.application_uris:
        return
    raise ServerRefused(
        f"{server.url} calls itself {application_uri or 'nothing'}, "
        f"its certificate {shown.application_uri or 'nothing'}",
        "let the server make a certificate with its own ApplicationUri, or accept it:  --accept uri",
    )


def _spelling(host: str) -> str:
    """One spelling of a name or an address; this computer has several."""
    bare = host.strip("[]").rstrip(".").casefold()
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return bare
    return "localhost" if address.is_loopback else str(address)
