"""`doctor`: the way to a server step by step, and the profile that later commands obey."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.config import ServerConfig, profile
from omptool.errors import OmptoolError
from omptool.model.limits import Capacity, ServerLimits
from omptool.model.status import code_of
from omptool.opcua import diagnose, faults
from omptool.opcua.diagnose import STEPS
from omptool.opcua.session import connect
from tests.opcua.address_space import Space

_limits = st.builds(ServerLimits, *[st.integers(0, 5000)] * 6)


def test_the_whole_way(space: Space, invoke) -> None:
    result = invoke("doctor", space.url, "--save")
    assert result.code == 0, result.err
    steps = [row for row in result.rows if row["step"] not in ("limit", "rate")]
    assert tuple(row["step"] for row in steps) == STEPS
    assert {row["state"] for row in steps} <= {"ok", "note"}
    assert "(asked 100)" in next(row["detail"] for row in steps if row["step"] == "subscribe")
    assert profile.path_of(space.url, os.environ).exists() and "saved the profile" in result.err
    rates = dict(row["detail"].split(" ") for row in result.rows if row["step"] == "rate")
    assert float(rates["values_read_per_s"]) > 0 and 20 < int(rates["items_subscribed"]) <= 100
    saved = json.loads(profile.path_of(space.url, os.environ).read_text())
    assert saved["items_subscribed"] == int(rates["items_subscribed"])


def test_an_older_profile_does_not_hold_back_a_new_one(space: Space, invoke) -> None:
    remember(space, limits=ServerLimits(max_nodes_per_browse=3), capacity=Capacity(max_monitored_items=1))
    assert invoke("doctor", space.url, "--save").code == 0
    known = profile.read(space.url, os.environ)
    assert known.limits.max_nodes_per_browse != 3 and known.capacity.max_monitored_items != 1
    typed = invoke("doctor", space.url, "--save", "--per-request", "5")
    assert typed.code == 2 and "leave out one" in typed.err


def test_the_way_ends_at_the_first_failure(invoke) -> None:
    result = invoke("doctor", "opc.tcp://127.0.0.1:1", "--save")
    assert result.code == 4
    assert [(row["step"], row["state"]) for row in result.rows] == [("name", "ok"), ("tcp", "failed")]
    assert result.rows[1]["hint"] and "nothing listens" in result.err


def test_a_session_is_held_to_the_profile(space: Space) -> None:
    async def main() -> ServerLimits:
        server = replace(ServerConfig(url=space.url, timeout_s=60), limits=ServerLimits(max_nodes_per_browse=7))
        async with connect(server) as session:
            return session.limits

    assert asyncio.run(main()).max_nodes_per_browse == 7


def test_browse_obeys_a_saved_profile(space: Space, invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(space, limits=ServerLimits(max_nodes_per_browse=3))
    assert largest_browse(space.url, invoke, monkeypatch) == 3


def test_settings_win_over_the_profile_and_a_flag_over_settings(
    space: Space, invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    remember(space, limits=ServerLimits(max_nodes_per_browse=3))
    (tmp_path / "omptool.toml").write_text(f'[servers.mean]\nurl = "{space.url}"\nper_request = 4\n')
    assert largest_browse("mean", invoke, monkeypatch) == 4
    assert largest_browse("mean", invoke, monkeypatch, "--per-request", "2") == 2
    assert largest_browse(space.url, invoke, monkeypatch, "--per-request", "1") == 1


@pytest.mark.parametrize(
    ("stated", "profiled", "said", "asked"),
    [
        pytest.param(0, 0, None, 1000, id="default"),
        pytest.param(300, 0, None, 300, id="the-server-alone"),
        pytest.param(0, 200, None, 200, id="the-profile-alone"),
        pytest.param(300, 200, None, 200, id="the-profile-is-smaller"),
        pytest.param(100, 200, None, 100, id="the-server-is-smaller"),
        pytest.param(5000, 0, None, 1000, id="more-than-is-safe"),
        pytest.param(100, 200, 700, 700, id="the-user-wins"),
    ],
)
def test_who_says_how_much_one_request_asks_for(stated: int, profiled: int, said: int | None, asked: int) -> None:
    def of(number: int) -> ServerLimits:
        return ServerLimits(max_nodes_per_read=number, max_browse_continuation_points=number)

    limits = of(stated).within(of(profiled)).of_user(said)
    assert limits.chunk(limits.max_nodes_per_read) == asked
    assert limits.max_browse_continuation_points == min(filter(None, (stated, profiled)), default=0)


@pytest.mark.parametrize("flag", [["--dry-run"], ["--count", "1"]])
def test_capture_takes_no_more_items_than_the_profile_has_room_for(space: Space, invoke, flag: list[str]) -> None:
    remember(space, capacity=Capacity(max_monitored_items_per_subscription=2))
    result = invoke("capture", space.url, "--select", "Described/*", "-o", "x.omcap", *flag)
    assert result.code == 1
    assert "takes at most 2 items in a subscription" in result.err and "--poll" in result.err
    few = invoke("capture", space.url, "--select", "Described/Temp", "-o", "y.omcap", *flag)
    assert few.code == 0, few.err


@given(
    one=st.builds(Capacity, *[st.integers(0, 5000)] * 3, st.floats(0, 1000)),
    other=st.builds(Capacity, *[st.integers(0, 5000)] * 3, st.floats(0, 1000)),
)
def test_capacity_within_another(one: Capacity, other: Capacity) -> None:
    both = one.within(other)
    assert both == other.within(one) == both.within(one)
    assert one.within(Capacity()) == one
    assert both.min_sampling_ms == max(one.min_sampling_ms, other.min_sampling_ms)


def remember(space: Space, **known: object) -> None:
    profile.save(space.url, profile.Profile(**known), {}, os.environ)  # type: ignore[arg-type]


def largest_browse(server: str, invoke, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    """How many nodes the largest Browse request of a browse asks for."""
    from omptool.opcua import requests

    asked: list[int] = []
    original = requests.browse

    def counted(nodes, **more):
        asked.append(len(nodes))
        return original(nodes, **more)

    with monkeypatch.context() as patched:
        patched.setattr(requests, "browse", counted)
        assert invoke("browse", server, "--root", "Described", "--depth", "2", *options).code == 0
    return max(asked)


def test_what_a_server_takes_is_found_by_halving() -> None:
    class Small:
        url, limits = "opc.tcp://small", ServerLimits()

    async def ask(session: object, count: int) -> None:
        if count > 130:
            raise faults.from_status(code_of("BadTooManyOperations"), "answer", "opc.tcp://small")

    async def broken(session: object, count: int) -> None:
        raise faults.from_status(code_of("BadUserAccessDenied"), "answer", "opc.tcp://small")

    find = diagnose._largest
    assert asyncio.run(find(Small(), 0, ask)) == 125  # type: ignore[arg-type]
    assert asyncio.run(find(Small(), 100, ask)) == 100  # type: ignore[arg-type]
    with pytest.raises(OmptoolError):
        asyncio.run(find(Small(), 0, broken))  # type: ignore[arg-type]


@given(one=_limits, other=_limits)
def test_limits_within_each_other(one: ServerLimits, other: ServerLimits) -> None:
    both = one.within(other)
    assert both == other.within(one) == both.within(one)
    assert one.within(ServerLimits()) == one


@pytest.mark.parametrize("text", ["", "{", "[]", '{"limits": 3}', '{"limits": {"max_nodes_per_read": "x"}}', "\xff"])
def test_a_profile_that_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    environ = {"XDG_STATE_HOME": str(tmp_path)}
    known = profile.Profile(ServerLimits(max_nodes_per_read=5), Capacity(max_queue_size=7, min_sampling_ms=2.5))
    path = profile.save("opc.tcp://x", known, {}, environ)
    assert profile.read("opc.tcp://x", environ) == known
    path.write_bytes(text.encode("latin-1"))
    assert profile.read("opc.tcp://x", environ) == profile.Profile()
