"""What a server offers before anyone logs in."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from asyncua import Client, ua
from asyncua.ua.uaerrors import BadServiceUnsupported
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from omptool.config import ServerConfig
from omptool.opcua import discover as module
from omptool.opcua.discover import Discovery, discover
from tests.conftest import Result
from tests.opcua.address_space import Space

Run = Callable[..., Result]


def found(space: Space) -> Discovery:
    return asyncio.run(discover(ServerConfig(url=space.url), timeout_s=60))


def test_endpoints_and_servers(space: Space) -> None:
    offers = found(space).offers
    endpoint = next(offer for offer in offers if offer.kind == "endpoint")
    assert (endpoint.security_policy, endpoint.security_mode) == ("None", "None")
    assert "Anonymous" in endpoint.user_tokens
    assert endpoint.application_uri == "urn:freeopcua:python:server"
    assert endpoint.product_uri == "urn:freeopcua.github.io:python:server"
    assert any(offer.kind == "server" for offer in offers)


def test_a_service_that_is_missing_is_said_and_no_error(space: Space, monkeypatch) -> None:
    async def missing(self: Client) -> None:
        raise BadServiceUnsupported

    monkeypatch.setattr(Client, "find_servers", missing)
    answer = found(space)
    assert answer.unanswered["FindServers"] == "BadServiceUnsupported"
    assert any(offer.kind == "endpoint" for offer in answer.offers)


def test_the_address_a_user_typed_is_kept(space: Space, invoke, monkeypatch) -> None:
    """Servers announce names that only resolve in the plant; the row shows it, a note says what is used."""
    elsewhere = Discovery([module.Offer("endpoint", "opc.tcp://plc-7.plant.local:4840", security_policy="None")])

    async def announce(*_: object, **__: object) -> Discovery:
        return elsewhere

    monkeypatch.setattr(module, "discover", announce)
    result = invoke("discover", space.url)
    assert result.code == 0
    assert result.rows[0]["url"] == "opc.tcp://plc-7.plant.local:4840"
    assert "plc-7.plant.local" in result.err and "the address you typed" in result.err


def test_endpoints_stand_from_weak_to_strong(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the server's own order and ranking; elliptic curves are newer than all that omptool speaks."""
    order = [("ECC_nistP256", 3), ("Basic256Sha256", 2), ("None", 1), ("Basic256", 3), ("Aes256_Sha256_RsaPss", 2)]
    asking = Client.get_endpoints

    async def mixed(self: Client) -> list[ua.EndpointDescription]:
        (like, *_) = await asking(self)
        uri = "http://opcfoundation.org/UA/SecurityPolicy#"
        return [
            replace(like, SecurityPolicyUri=uri + policy, SecurityMode=ua.MessageSecurityMode(mode))
            for policy, mode in order
        ]

    monkeypatch.setattr(Client, "get_endpoints", mixed)
    offers = [offer.security_policy for offer in found(space).offers if offer.kind == "endpoint"]
    assert offers == ["None", "Basic256Sha256", "Aes256_Sha256_RsaPss", "Basic256", "ECC_nistP256"]


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (400, "ends on {}, in 399 days"),
        (5, "in 4 days: let the server make a new one"),
        (-5, "ended on {}, 5 days ago"),
    ],
)
def test_a_table_says_thumbprint_and_end(
    space: Space, invoke: Run, monkeypatch: pytest.MonkeyPatch, days: int, said: str
) -> None:
    ends = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    offer = module.Offer(
        "endpoint", space.url, "Basic256Sha256", "Sign",
        certificate_subject="CN=press7", certificate_sha1="3F0A" * 10, certificate_expires=ends,
    )  # fmt: skip

    async def announce(*_: object, **__: object) -> Discovery:
        return Discovery([offer, offer])

    monkeypatch.setattr(module, "discover", announce)
    result = invoke("discover", space.url, "--format", "table")
    assert result.code == 0 and "certificate_expires" in result.out
    assert result.err.count("note: certificate CN=press7") == 1
    assert said.format(f"{ends:%Y-%m-%d}") in result.err and "SHA-1  3F:0A:3F" in result.err
    assert invoke("discover", space.url).err == ""


def certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, "Press 7"), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Ö" * 60)]
    )
    start = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start + dt.timedelta(days=365))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def test_a_certificate_chain_is_read_by_its_first() -> None:
    own = certificate()
    first = module._certificate(own + certificate())
    assert first is not None and "CN=Press 7" in first.subject
    assert first.valid_to == dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
    assert (first.der, first.sha1) == (own, hashlib.sha1(own).hexdigest().upper())


@pytest.mark.parametrize("broken", [None, b"", b"\x30\x82", b"\x30\x82\x00\x04abcd", b"no certificate at all"])
def test_a_broken_certificate_is_left_out(broken: bytes | None) -> None:
    assert module._certificate(broken) is None


@pytest.mark.parametrize(
    ("typed", "announced", "is_elsewhere"),
    [
        ("opc.tcp://10.1.4.7:4840", "opc.tcp://10.1.4.70:4840", True),
        ("opc.tcp://10.1.4.7:4840", "opc.tcp://10.1.4.7:4841/x", False),
        ("opc.tcp://[::1]:4840", "opc.tcp://[::1]:4840", False),
        ("opc.tcp://Press7:4840", "opc.tcp://press7:4840", False),
        ("opc.tcp://press7:4840", "opc.tcp://", True),
        ("opc.tcp://press7:4840", "https://other/x", False),
    ],
)
def test_which_announced_address_is_another_host(typed: str, announced: str, is_elsewhere: bool) -> None:
    offers = [module.Offer("endpoint", announced), module.Offer("server", "opc.tcp://another:4840")]
    assert module.elsewhere(offers, typed) == ([announced] if is_elsewhere else [])
