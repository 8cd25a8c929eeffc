"""Messages under an old security token are taken for as long as it lasts by our own clock, whatever a server's says."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from asyncua import ua
from asyncua.client.ua_client import UASocketProtocol
from asyncua.common.connection import SecureConnection

from omptool.config import ServerConfig
from omptool.opcua import channel, hooks_tokens, session
from omptool.opcua.hooks_tokens import OwnTimeConnection
from tests.opcua.address_space import Space

LIFETIME_MS = 1000.0


class Answer:
    """What set_channel is given of an OpenSecureChannelResponse."""

    ServerNonce = b""

    def __init__(self, number: int, made: datetime) -> None:
        self.SecurityToken = ua.ChannelSecurityToken(1, ua.UInt32(number), made, ua.UInt32(int(LIFETIME_MS)))


def renewed(made: datetime) -> OwnTimeConnection:
    """A channel whose token 13 has given way to token 14."""
    own = OwnTimeConnection(UASocketProtocol()._connection)
    own.set_channel(Answer(13, made), ua.SecurityTokenRequestType.Issue, b"")
    own.set_channel(Answer(14, made), ua.SecurityTokenRequestType.Renew, b"")
    own.revolve_tokens()
    return own


def taken(own: OwnTimeConnection, number: int) -> bool:
    try:
        own._check_sym_header(ua.SymmetricAlgorithmHeader(ua.UInt32(number)))
    except ua.UaError:
        return False
    return True


@pytest.mark.parametrize("ahead", [timedelta(0), timedelta(days=-3650), timedelta(days=3650)], ids=str)
def test_an_old_token_lasts_a_quarter_longer_than_its_lifetime(
    ahead: timedelta, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = 1000.0
    monkeypatch.setattr(hooks_tokens.time, "monotonic", lambda: now_s)
    own = renewed(datetime.now(UTC) + ahead)
    assert [taken(own, number) for number in (12, 13, 14, 15)] == [False, True, True, False]
    now_s += 1.24
    assert taken(own, 13)
    now_s += 0.02
    assert not taken(own, 13)
    assert taken(own, 14)


def behind(self: SecureConnection, params: object, server: object) -> object:
    """How a server answers OpenSecureChannel whose clock is ten years behind."""
    answer = open_as_ever(self, params, server)
    answer.SecurityToken.CreatedAt = datetime.now(UTC) - timedelta(days=3650)
    return answer


open_as_ever = SecureConnection.open


def test_a_server_whose_clock_is_far_behind_keeps_its_connection(space: Space, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it publishes before it hears of the new token is under the old one."""
    monkeypatch.setattr(SecureConnection, "open", behind)
    monkeypatch.setattr(channel, "LIFETIME_S", 0.4)

    async def work() -> int:
        async with session.connect(ServerConfig(space.url, timeout_s=60)) as one:
            await one.ask(ua.CreateSubscriptionRequest(Parameters=EVERY_50_MS))
            tokens = set()
            while len(tokens) < 5:
                await one.call(ua.PublishRequest())
                tokens.add(one._protocol._connection.security_token.TokenId)
            return len(tokens)

    assert asyncio.run(work()) == 5


EVERY_50_MS = ua.CreateSubscriptionParameters(
    RequestedPublishingInterval=50.0, RequestedMaxKeepAliveCount=1, RequestedLifetimeCount=600, PublishingEnabled=True
)
