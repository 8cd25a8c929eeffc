"""Secured servers of a stack that is not ours: every policy, every kind of user, and every way of being refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from asyncua import Client

from omptool.capture.reader import Capture
from omptool.capture.recording.recorder import record
from omptool.capture.recording.terms import Intervals, Limits, Progress, Selection, Wanted
from omptool.config import ServerConfig
from omptool.config.schema import MODE_NAMES, POLICY_NAMES
from omptool.errors import NotFound, ServerRefused
from omptool.opcua.discover import discover
from omptool.opcua.security.pki import Pki
from omptool.opcua.session import Session, connect
from omptool.opcua.values import read_values
from tests.opcua.cable import cable
from tests.opcua.certificates import certificate_of, pair
from tests.peers.plants import running_peer
from tests.peers.test_reconnect import reset, until

URI = "urn:test:secure"
COUNTER = "ns=1;s=Counter"
SECURED = [(policy, mode) for policy in POLICY_NAMES[1:] for mode in MODE_NAMES[1:]]
NOT_OF_THE_STACK = {"Basic128Rsa15", "Basic256"}
"""SecurityPolicies that the stack no longer offers."""


class Peer(NamedTuple):
    """A running `secure.mjs`, and how to reach it as somebody whom it trusts and who trusts it."""

    server: ServerConfig
    home: Path


def start(home: Path, **options: Any) -> Iterator[Peer]:
    own = Pki(home / "pki")
    own.create("urn:here:omptool", ["here"], 30)
    shown = certificate_of("secure", uri=URI)
    own.trust(shown)
    certificate, key = pair(home, "secure", shown)
    client = {"clients": [str(own.certificate_file)]} | options
    with running_peer("secure.mjs", home, certificate=str(certificate), key=str(key), **client) as (hello, _):
        yield Peer(ServerConfig(hello["url"], pki=own.folder, timeout_s=60), home)


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    """Everything is offered, and everybody is let in whom it knows."""
    home = tmp_path_factory.mktemp("secure")
    user, _ = pair(home, "ann", certificate_of("ann", uri="urn:test:ann"))
    yield from start(home, passwords={"ann": "s3cret: ü"}, users=[str(user)], anonymous=True)


def value_of(server: ServerConfig) -> tuple[Session, int]:
    async def main() -> tuple[Session, int]:
        async with connect(server) as session:
            columns = await read_values(session, [COUNTER])
            return session, int(columns.i64[0])

    return asyncio.run(main())


PASSWORD = {"user": "ann", "password": "s3cret: ü"}


@pytest.mark.parametrize(("policy", "mode"), SECURED)
def test_every_policy_and_mode(secure: Peer, policy: str, mode: str) -> None:
    asked = replace(secure.server, security_policy=policy, security_mode=mode)
    if policy in NOT_OF_THE_STACK:
        with pytest.raises(ServerRefused, match=f"does not offer {policy} {mode}"):
            value_of(asked)
        return
    session, value = value_of(asked)
    assert session.security == (policy, mode) and value >= 0


def test_the_default_is_the_strongest(secure: Peer) -> None:
    assert value_of(secure.server)[0].security == ("Aes256_Sha256_RsaPss", "SignAndEncrypt")
    signed, _ = value_of(replace(secure.server, security_mode="Sign"))
    assert signed.security == ("Aes256_Sha256_RsaPss", "Sign")
    plain, _ = value_of(replace(secure.server, security_policy="None"))
    assert plain.security == ("None", "None")


CHANNELS = [("None", "None"), *((policy, mode) for policy, mode in SECURED if policy not in NOT_OF_THE_STACK)]


@pytest.mark.parametrize("kind", ["password", "certificate"])
def test_every_user_on_every_channel(secure: Peer, kind: str) -> None:
    """Over a channel without security too: the token itself is encrypted, for the certificate that is trusted."""
    files = {"user_certificate": secure.home / "ann.der", "user_key": secure.home / "ann.pem"}
    for policy, mode in CHANNELS:
        who = PASSWORD if kind == "password" else files
        asked = replace(secure.server, security_policy=policy, security_mode=mode, **who)
        session, value = value_of(asked)
        assert session.security == (policy, mode) and value >= 0


def test_a_wrong_password(secure: Peer) -> None:
    with pytest.raises(ServerRefused, match="does not take user ann with this password"):
        value_of(replace(secure.server, user="ann", password="wrong"))


def test_an_unknown_user_certificate(secure: Peer) -> None:
    certificate, key = pair(secure.home, "bob", certificate_of("bob", uri="urn:test:bob"))
    with pytest.raises(ServerRefused, match="does not know the user of this certificate") as caught:
        value_of(replace(secure.server, user_certificate=certificate, user_key=key))
    assert "CN=bob" in caught.value.hint and "trusted user certificates" in caught.value.hint


def test_a_password_is_not_encrypted_for_a_stranger(secure: Peer, tmp_path: Path) -> None:
    with pytest.raises(ServerRefused, match="is not trusted yet"):
        value_of(replace(secure.server, security_policy="None", pki=tmp_path / "pki", **PASSWORD))


def test_the_first_connection_step_by_step(secure: Peer, tmp_path: Path) -> None:
    """No certificate of ours, an untrusted server, a server that does not trust us; each says the next step."""
    stranger, pki = replace(secure.server, pki=tmp_path / "pki"), Pki(tmp_path / "pki")
    with pytest.raises(NotFound) as no_own:
        value_of(stranger)
    assert "omptool pki init" in no_own.value.hint and "--security none" in no_own.value.hint
    own = pki.create("urn:stranger:omptool", ["stranger"], 30)
    with pytest.raises(ServerRefused, match="is not trusted yet") as untrusted:
        value_of(stranger)
    shown = certificate_of("secure", uri=URI)
    assert (
        f"--thumbprint {trusted_by(secure)[0].sha1}" in untrusted.value.hint and shown.subject in untrusted.value.hint
    )
    with pytest.raises(ServerRefused, match="does not trust this computer") as distrusted:
        value_of(replace(stranger, trust_first=True))
    assert [entry.certificate for entry in pki.trusted()] == trusted_by(secure)
    spelled = ":".join(own.sha1[at : at + 2] for at in range(0, 40, 2))
    assert str(pki.certificate_file) in distrusted.value.hint and spelled in distrusted.value.hint
    assert "S7-1500" in distrusted.value.hint


def trusted_by(peer: Peer) -> list[Any]:
    assert peer.server.pki is not None
    return [entry.certificate for entry in Pki(peer.server.pki).trusted()]


def test_another_server_at_this_address(secure: Peer) -> None:
    assert value_of(replace(secure.server, application_uri=URI))[0].application_uri == URI
    with pytest.raises(ServerRefused, match="calls itself urn:test:secure, not urn:test:press7"):
        value_of(replace(secure.server, application_uri="urn:test:press7"))


def test_tokens_are_renewed_without_a_loss(secure: Peer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values go on over many renewals of the secure channel, which in a plant come once an hour."""
    renewed: list[bool] = []

    async def often(self: Client) -> None:
        while True:
            await asyncio.sleep(1.5)
            await self.open_secure_channel(renew=True)
            self.uaclient.revolve_security_token()
            renewed.append(True)

    monkeypatch.setattr(Client, "_renew_channel_loop", often)
    wanted, limits = Wanted(secure.server, Intervals(100.0, 0.0)), Limits(seconds=5.0)
    asyncio.run(
        record(
            [wanted], tmp_path / "x.omcap", selection=Selection(("Plant/Counter",)), limits=limits, stop=asyncio.Event()
        )
    )
    assert len(renewed) >= 2
    capture = Capture.open(tmp_path / "x.omcap")
    assert capture.rows > 30 and capture.gap_entries == []
    assert "lost" not in [entry.kind for entry in capture.journal_entries]


def test_a_reset_secured_connection_costs_nothing(secure: Peer, tmp_path: Path) -> None:
    """Channel, session and subscription are taken up again, as safe as they were."""

    async def main() -> None:
        async with cable(secure.server.url) as line:
            progress, stop = Progress(), asyncio.Event()
            wanted = Wanted(replace(secure.server, url=line.url, timeout_s=10.0), Intervals(100.0, 0.0))
            selection = Selection(("Plant/Counter",))
            recording = asyncio.create_task(
                record(
                    [wanted], tmp_path / "x.omcap", selection=selection, limits=Limits(), stop=stop, progress=progress
                )
            )
            await until(lambda: (bool(progress.servers) and progress.servers[0].rows > 20) or recording.done())
            await reset(line, progress)
            before = progress.servers[0].rows
            await until(lambda: progress.servers[0].phase == "capturing" and progress.servers[0].rows > before + 40)
            stop.set()
            await recording

    asyncio.run(main())
    capture = Capture.open(tmp_path / "x.omcap")
    assert capture.gap_entries == []
    assert {"lost", "resumed"} <= {entry.kind for entry in capture.journal_entries}


def test_endpoints_with_certificates(secure: Peer) -> None:
    offers = asyncio.run(discover(secure.server, timeout_s=60)).offers
    policies = {offer.security_policy for offer in offers if offer.kind == "endpoint"}
    assert {"Basic256Sha256", "Aes256_Sha256_RsaPss"} <= policies
    safest = max((offer for offer in offers if offer.kind == "endpoint"), key=lambda offer: offer.security_level or 0)
    assert safest.security_mode == "SignAndEncrypt"
    assert safest.certificate_subject and safest.certificate_sha1 and len(safest.certificate_sha1) == 40
