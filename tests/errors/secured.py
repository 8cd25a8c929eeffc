"""One secured server of the foreign stack under several names, each of which shows something else to the stranger.

All names are ports of one server, because what it takes to start one is its address space. What is shown before
anybody is let in depends on the port; sessions begin as at `secure`.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
from collections.abc import AsyncIterator, Callable
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.server.internal_server import InternalServer

from omptool.opcua.security import pki
from omptool.opcua.security.certificate import Certificate
from omptool.opcua.security.pki import Own, Pki
from omptool.opcua.serving.security import SecureServer, ServerSecurity
from tests.opcua.certificates import certificate_of, key_of, pair, revoked

URI = "urn:plant:press7"
POLICY = "http://opcfoundation.org/UA/SecurityPolicy#"
OFFERED = (ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt, ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt)
LATE = "2099-12-31"
AUTHORITY = "plant-authority"
USER, PASSWORD = "historian", "known-to-both"


def _from_now(day: str) -> dt.timedelta:
    """Until noon of `day`: dates that are printed must be the same tomorrow."""
    return dt.datetime.fromisoformat(f"{day}T12:00:00+00:00") - dt.datetime.now(dt.UTC)


@cache
def _shown(
    begins: str = "2026-01-01", ends: str = LATE, uri: str = URI, host: str = "127.0.0.1", signed_by: str = ""
) -> Certificate:
    """Of the server; always with the same key."""
    return certificate_of(
        "press7", uri=uri, hosts=(host,), begins=_from_now(begins), ends=_from_now(ends), signed_by=signed_by
    )


@cache
def _client(uri: str = "urn:gateway7:omptool", ends: str = LATE) -> Certificate:
    return certificate_of("omptool", uri=uri, hosts=("gateway7",), begins=_from_now("2026-01-01"), ends=_from_now(ends))


def _unprotected(endpoint: Any) -> None:
    """Signed only, and the password as it is."""
    endpoint.SecurityMode = ua.MessageSecurityMode.Sign
    token = ua.UserTokenPolicy(PolicyId="clear", TokenType=ua.UserTokenType.UserName, SecurityPolicyUri=POLICY + "None")
    endpoint.UserIdentityTokens = [token]


def _curves(endpoint: Any) -> None:
    endpoint.SecurityPolicyUri = POLICY + "ECC_nistP256"


def _showing(**what: str) -> Callable[[Any], None]:
    def change(endpoint: Any) -> None:
        endpoint.ServerCertificate = _shown(**what).der

    return change


FACES: dict[str, Callable[[Any], None]] = {
    "secure": lambda endpoint: None,
    "expired": _showing(begins="2024-06-30", ends="2025-06-30"),
    "early": _showing(begins="2099-01-01"),
    "moved": _showing(host="press7.plant"),
    "renamed": _showing(uri="urn:plant:press6"),
    "revoked": _showing(signed_by=AUTHORITY),
    "clear": _unprotected,
    "curves": _curves,
}
"""How an endpoint is changed where this name asks."""


def _folder(path: Path, own: Certificate, *, trusts: bool = True) -> Path:
    """Certificates of a client: its own, and those of the server that it trusts; the key file."""
    made = Pki(path)
    pki.write_pair(made.certificate_file, made.key_file, own, key_of("omptool"))
    old, new, moved = (
        _shown(begins="2024-06-30", ends="2025-06-30"),
        _shown(begins="2099-01-01"),
        _shown(host="press7.plant"),
    )
    for shown in (_shown(), old, new, moved, _shown(uri="urn:plant:press6")) if trusts else ():
        made.trust(shown)
    return made.key_file


def _loose(path: Path) -> None:
    _folder(path, _client()).chmod(0o644)


@cache
def _authority() -> Certificate:
    return certificate_of(AUTHORITY, is_authority=True)


def _list(day: str = "2026-06-30", *, of: str = AUTHORITY, is_delta: bool = False) -> bytes:
    """What the authority took back on this day: the server's certificate."""
    return revoked(of, [7], age=-_from_now(day), next_update=_from_now(LATE), is_delta=is_delta)


def _taking_back(path: Path) -> None:
    _folder(path, _client())
    made = Pki(path)
    made.trust(_authority(), as_authority=True)
    file = path.with_name("taken.crl")
    file.write_bytes(_list())
    made.revoke(pki.read_revocations(file))
    file.unlink()


def _users(path: Path) -> None:
    """Ann's certificate and key, and somebody else's key."""
    path.mkdir()
    pair(path, "ann", certificate_of("ann", begins=_from_now("2026-01-01"), ends=_from_now(LATE)))
    pair(path, "bob", certificate_of("press7"))


MATERIALS: dict[str, Callable[[Path], Any]] = {
    "known": lambda path: _folder(path, _client()),
    "new": lambda path: _folder(path, _client(), trusts=False),
    "stranger": lambda path: _folder(path, _client("urn:stranger:omptool")),
    "ended": lambda path: _folder(path, _client(ends="2026-06-30")),
    "loose": _loose,
    "users": _users,
    "taking-back": _taking_back,
    "older.crl": lambda path: path.write_bytes(_list("2026-03-31")),
    "changes.crl": lambda path: path.write_bytes(_list("2026-07-31", is_delta=True)),
    "other.crl": lambda path: path.write_bytes(_list(of="other-authority")),
}
"""Folders of certificates by what is special about them, and lists of revoked ones."""


class _Faces(InternalServer):
    """Shows at each port what its name is for."""

    def __init__(self) -> None:
        super().__init__()
        self.names: dict[int, str] = {}

    async def get_endpoints(self, params: Any = None, sockname: Any = None) -> list[Any]:
        found = [copy(endpoint) for endpoint in await super().get_endpoints(params, sockname)]
        for endpoint in found:
            FACES[self.names[sockname[1]]](endpoint)
        return found


@contextlib.asynccontextmanager
async def secured() -> AsyncIterator[dict[str, int]]:
    """The port of every name, until the block ends."""
    logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)
    own, internal = Own(_shown(), key_of("press7")), _Faces()
    security = ServerSecurity(own, lambda der: der == _client().der, OFFERED, (USER, PASSWORD))
    server = SecureServer(security, iserver=internal)
    await server.init()
    await server.set_application_uri(URI)
    server.set_endpoint("opc.tcp://127.0.0.1:0/")
    async with server, contextlib.AsyncExitStack() as stack:
        assert server.bserver is not None
        for name in FACES:
            listening = await asyncio.get_running_loop().create_server(server.bserver._make_protocol, "127.0.0.1", 0)
            stack.callback(listening.close)
            internal.names[listening.sockets[0].getsockname()[1]] = name
        yield {name: port for port, name in internal.names.items()}
