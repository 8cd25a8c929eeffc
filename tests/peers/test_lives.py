"""What a foreign server forgets while the cable is dead, session or subscription: nothing is lost that it still has,
and what it has no more is a window that is no wider than that."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from asyncua.client.client import Client

from omptool.capture.reader import Capture
from omptool.capture.recording.terms import Progress, RecordingResult
from omptool.model.vocabulary import GapReason
from omptool.opcua import channel
from omptool.opcua.subscribing import subscription
from tests.opcua.cable import Cable
from tests.peers.killed import causes, kinds, ticks
from tests.peers.plants import Plant
from tests.peers.test_reconnect import PERIOD_MS, assert_nothing_missing, run, until

ANSWERS = ("subscribe", "lost", "resumed", "not_resumed")
KEEP_ALIVE_S, GRACE_S = 0.4, 0.4
DETECTED_S = 1.5 * KEEP_ALIVE_S + GRACE_S
"""A link that swallows everything is noticed after so long."""

DEAD_S = 2.5
"""As long is the cable dead; sessions and subscriptions that are to expire live for one second."""


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subscription, "KEEP_ALIVE_S", KEEP_ALIVE_S)
    monkeypatch.setattr(subscription, "GRACE_S", GRACE_S)


async def half_open(line: Cable, progress: Progress) -> None:
    """The server vanishes without a word, for both sides: no FIN, no reset."""
    line.is_dead = True
    await until(lambda: progress.servers[0].phase == "waiting")
    await asyncio.sleep(DEAD_S)
    line.is_dead = False


def assert_detected(folder: Path) -> None:
    """By silence, and not much later than promised; five times as late on a busy computer."""
    [cause, *_] = causes(folder, "lost")
    assert cause.startswith("no message for ")
    assert DETECTED_S <= float(cause.split()[3]) <= 5 * DETECTED_S


def assert_one_tight_window(result: RecordingResult, folder: Path, reason: GapReason) -> None:
    """What is absent lies in it, and it is no wider than two publishing intervals more."""
    assert result.gaps == {reason: 1}
    [window] = Capture.open(folder).gap_entries
    found = sorted(set(ticks(folder)))
    absent = sorted(set(range(found[0], found[-1])) - set(found))
    assert window.end_ns is not None
    assert absent and all(window.start_ns <= tick * PERIOD_MS * 1_000_000 < window.end_ns for tick in absent)
    outside_ms = (window.end_ns - window.start_ns) / 1e6 - (absent[-1] - absent[0] + 1) * PERIOD_MS
    assert outside_ms <= 5 * 2 * 100.0


def test_an_expired_session_costs_nothing_where_its_subscription_is_handed_over(
    generous_plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "SESSION_TIMEOUT_S", 1.0)
    result = run(generous_plant, tmp_path / "x.omcap", half_open)
    assert result.gaps == {}
    assert "republished" in assert_nothing_missing(tmp_path / "x.omcap")
    assert kinds(tmp_path / "x.omcap", *ANSWERS) == ["subscribe", "lost", "resumed"]
    resumed = [e.detail for e in Capture.open(tmp_path / "x.omcap").journal_entries if e.kind == "resumed"]
    assert [told["session"] for told in resumed] == ["new"]
    assert_detected(tmp_path / "x.omcap")


def test_an_expired_session_is_a_window_where_it_is_not(
    steady_plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(channel, "SESSION_TIMEOUT_S", 1.0)
    result = run(steady_plant, tmp_path / "x.omcap", half_open)
    assert_one_tight_window(result, tmp_path / "x.omcap", GapReason.STALE)
    assert causes(tmp_path / "x.omcap", "not_resumed") == ["TransferSubscriptions: BadUserAccessDenied"]


def test_an_expired_subscription_is_a_window_though_the_session_lives(
    generous_plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscription, "LIFETIME_S", 1.0)
    result = run(generous_plant, tmp_path / "x.omcap", half_open)
    assert_one_tight_window(result, tmp_path / "x.omcap", GapReason.STALE)
    assert causes(tmp_path / "x.omcap", "not_resumed") == ["Republish: BadSubscriptionIdInvalid"]
    assert_detected(tmp_path / "x.omcap")


def test_a_half_open_link_costs_nothing(steady_plant: Plant, tmp_path: Path) -> None:
    result = run(steady_plant, tmp_path / "x.omcap", half_open)
    assert result.gaps == {}
    assert "republished" in assert_nothing_missing(tmp_path / "x.omcap")
    assert_detected(tmp_path / "x.omcap")


def test_a_secure_channel_that_is_renewed_is_not_noticed(
    steady_plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its token is good for a second and a half, and renewed at three quarters of that."""
    renewed = 0
    make, open_channel = channel._new_client, Client.open_secure_channel

    def short_lived(*arguments: Any) -> Client:
        client = make(*arguments)
        client.secure_channel_timeout = 1500
        return client

    async def counted(self: Client, renew: bool = False) -> None:
        nonlocal renewed
        renewed += renew
        await open_channel(self, renew)

    async def renewals(line: Cable, progress: Progress) -> None:
        await until(lambda: renewed >= 3)

    monkeypatch.setattr(channel, "_new_client", short_lived)
    monkeypatch.setattr(Client, "open_secure_channel", counted)
    result = run(steady_plant, tmp_path / "x.omcap", renewals)
    assert result.gaps == {} and renewed >= 3
    assert_nothing_missing(tmp_path / "x.omcap")
    assert kinds(tmp_path / "x.omcap", *ANSWERS) == ["subscribe"]
