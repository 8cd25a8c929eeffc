"""Our server with security: every policy, trusted clients only; and somebody in between who removes what is safe."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua
from asyncua.ua.uaerrors import BadUserAccessDenied

from omptool.config import ServerConfig
from omptool.errors import OmptoolError, ServerRefused
from omptool.model.nodes import Node
from omptool.opcua.channel import Line
from omptool.opcua.security import policies as module
from omptool.opcua.security.endpoints import BROKEN, POLICIES
from omptool.opcua.security.pki import Own, Pki, read_revocations
from omptool.opcua.serving.security import OFFERED, ServerSecurity
from omptool.opcua.serving.served import ServedValue
from omptool.opcua.serving.server import serve
from omptool.opcua.session import connect
from omptool.protocol.opening import Description
from tests.opcua.certificates import certificate_of, key_of, pair, revoked

OLD = tuple(
    getattr(ua.SecurityPolicyType, f"{policy}_{mode}")
    for policy in sorted(BROKEN)
    for mode in ("Sign", "SignAndEncrypt")
)
URI = "urn:test:served"


async def nothing() -> AsyncIterator[ServedValue]:
    for value in ():
        yield value


def serving(
    folder: Path,
    work: Callable[[ServerConfig], Awaitable[Any]],
    *,
    user: tuple[str, str] | None = None,
    own: Own | None = None,
) -> Any:
    """What `work` makes of our server with security, as a client that it knows and that trusts it.

    Args:
        own: its certificate, which is not trusted by itself; without one it has one that is.
    """

    async def main() -> Any:
        pki = Pki(folder / "pki")
        if pki.own() is None:
            pki.create("urn:here:omptool", ["here"], 365)
        shown = own
        if shown is None:
            shown = pki.served(URI, ["localhost", "127.0.0.1"])
            pki.trust(shown.certificate)
        security = ServerSecurity(shown, pki.knows_client, (*OFFERED, *OLD), user)
        nodes: list[Node] = []
        served = await serve(nodes, nothing(), namespaces=[], application_uri=URI, security=security)
        try:
            return await work(ServerConfig(served.url, pki=pki.folder, timeout_s=30))
        finally:
            await served.stop()

    return asyncio.run(main())


async def secured(server: ServerConfig) -> tuple[str, str]:
    async with connect(server) as session:
        return session.security


async def refused(server: ServerConfig) -> OmptoolError:
    with pytest.raises(ServerRefused) as caught:
        await secured(server)
    return caught.value


def test_every_policy_the_broken_ones_too(tmp_path: Path) -> None:
    asked = [(policy, mode) for policy in POLICIES[1:] for mode in ("Sign", "SignAndEncrypt")]

    async def work(server: ServerConfig) -> list[tuple[str, str]]:
        return [await secured(replace(server, security_policy=policy, security_mode=mode)) for policy, mode in asked]

    assert serving(tmp_path, work) == asked


def test_every_user_by_every_policy_and_mode(tmp_path: Path) -> None:
    files = pair(tmp_path, "ann", certificate_of("ann", uri="urn:test:ann"))
    Pki(tmp_path / "pki").trust(certificate_of("ann", uri="urn:test:ann"))
    users: list[dict[str, Any]] = [
        {"user": "ann", "password": "s3cret: ü"},
        {"user_certificate": files[0], "user_key": files[1]},
    ]

    async def work(server: ServerConfig) -> list[OmptoolError]:
        for policy, mode, who in itertools.product(POLICIES[1:], ("Sign", "SignAndEncrypt"), users):
            asked = replace(server, security_policy=policy, security_mode=mode, **who)
            assert await secured(asked) == (policy, mode)
        wrong = replace(server, user="ann", password="guessed")
        return [await refused(server), await refused(wrong)]

    nobody, guessed = serving(tmp_path, work, user=("ann", "s3cret: ü"))
    assert "takes no anonymous user" in nobody.message and "--user NAME" in nobody.hint
    assert "does not take user ann with this password" in guessed.message


def test_an_authority_vouches_for_the_server(tmp_path: Path) -> None:
    """Signed by it: trusted without a look; taken back by it: refused."""
    authority = certificate_of("plant", is_authority=True)
    own = Own(certificate_of("press7", uri=URI, signed_by="plant", serial=31), key_of("press7"))
    pki = Pki(tmp_path / "pki")

    async def work(server: ServerConfig) -> OmptoolError:
        await refused(server)
        pki.trust(authority, as_authority=True)
        assert (await secured(server))[1] == "SignAndEncrypt"
        (tmp_path / "plant.crl").write_bytes(revoked("plant", [31]))
        pki.revoke(read_revocations(tmp_path / "plant.crl"))
        return await refused(server)

    assert "was revoked by CN=plant" in serving(tmp_path, work, own=own).message


def test_a_client_that_it_does_not_know_hears_why_and_what_to_do(tmp_path: Path) -> None:
    async def work(server: ServerConfig) -> OmptoolError:
        stranger = Pki(tmp_path / "stranger")
        stranger.create("urn:stranger:omptool", ["stranger"], 365)
        for entry in Pki(tmp_path / "pki").trusted():
            stranger.trust(entry.certificate)
        return await refused(replace(server, pki=stranger.folder))

    error = serving(tmp_path, work)
    assert "does not trust this computer (BadSecurityChecksFailed)" in error.message
    assert str(tmp_path / "stranger" / "own" / "omptool.der") in error.hint


def test_without_security_nothing_can_be_read(tmp_path: Path) -> None:
    """No endpoint offers it; a client that comes without all the same gets a session and no service."""

    async def work(server: ServerConfig) -> OmptoolError:
        client = Client(server.url)
        await client.connect_sessionless()
        try:
            await client.uaclient.create_session(ua.CreateSessionParameters(EndpointUrl=server.url))
            with pytest.raises(BadUserAccessDenied):
                await client.nodes.server_state.read_value()
        finally:
            await client.disconnect_sessionless()
        return await refused(replace(server, security_policy="None"))

    assert "no endpoint without security" in serving(tmp_path, work).message


def test_its_certificate_is_the_same_at_the_next_start(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    first = pki.served(URI, ["localhost"])
    assert pki.served(URI, ["localhost"]).certificate == first.certificate
    assert pki.served(URI, ["localhost", "127.0.0.1"]).certificate != first.certificate


Descriptions = tuple[Description, ...]


def weaker(endpoints: Descriptions) -> Descriptions:
    return tuple(one for one in endpoints if one.policy_uri.endswith("#Basic256"))


def unprotected(endpoints: Descriptions) -> Descriptions:
    """Users' secrets in clear."""
    weak = "http://opcfoundation.org/UA/SecurityPolicy#Basic256"
    return tuple(
        one._replace(tokens=tuple(token._replace(policy_uri=weak) for token in one.tokens)) for one in endpoints
    )


@pytest.mark.parametrize("change", [weaker, unprotected])
def test_somebody_in_between_who_weakens_what_is_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Descriptions], Descriptions]
) -> None:
    """GetEndpoints is nobody's word; the session's own list, which came over the secure channel, shows the lie."""
    asking = Line.endpoints

    async def changed(self: Line) -> Descriptions:
        return change(await asking(self))

    monkeypatch.setattr(Line, "endpoints", changed)
    error = serving(tmp_path, refused)
    assert "somebody in between may have removed the safer ones" in error.message


def test_somebody_in_between_with_a_certificate_of_his_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The trusted certificate is shown, but whoever answers has another key."""
    other = Pki(tmp_path / "other").served(URI, ["127.0.0.1"]).certificate

    async def work(server: ServerConfig) -> OmptoolError:
        Pki(tmp_path / "pki").trust(other)
        asking = Line.endpoints

        async def changed(self: Line) -> Descriptions:
            return tuple(one._replace(certificate=other.der) for one in await asking(self))

        monkeypatch.setattr(Line, "endpoints", changed)
        with pytest.raises(OmptoolError) as caught:
            await secured(replace(server, timeout_s=3))
        return caught.value

    assert serving(tmp_path, work).message


def test_a_session_is_taken_up_again_only_as_safe_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(server: ServerConfig) -> tuple[bool, tuple[str, str], OmptoolError]:
        async with connect(server) as first:
            parameters = ua.CreateSubscriptionParameters(
                RequestedPublishingInterval=1000, RequestedLifetimeCount=600, RequestedMaxKeepAliveCount=60
            )
            await first.ask(ua.CreateSubscriptionRequest(Parameters=parameters))  # without one no session is kept
            key = first.key
            first.leave()
        async with connect(server, resume=key) as second:
            resumed, security = second.resumed, second.security
            key = second.key
            second.leave()
        asking = Line.endpoints

        async def changed(self: Line) -> Descriptions:
            return weaker(await asking(self))

        monkeypatch.setattr(Line, "endpoints", changed)
        with pytest.raises(ServerRefused) as caught:
            async with connect(server, resume=key):
                pass
        return resumed, security, caught.value

    resumed, security, error = serving(tmp_path, work)
    assert resumed and security == ("Aes256_Sha256_RsaPss", "SignAndEncrypt")
    assert "does not offer Aes256_Sha256_RsaPss SignAndEncrypt" in error.message


def test_going_without_is_said_unless_nothing_leaves_this_computer(caplog: pytest.LogCaptureFixture) -> None:
    module.trust.logger.propagate = True
    module._say_unprotected(ServerConfig("opc.tcp://127.0.0.1:4840"), "127.0.0.1")
    assert caplog.text == ""
    module._say_unprotected(ServerConfig("opc.tcp://press7:4840"), "press7")
    assert "no security with opc.tcp://press7:4840, it offers nothing better" in caplog.text
