"""`doctor`: the way to a server step by step, and the profile that later commands obey."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.config import ServerConfig, profile
from omptool.errors import OmptoolError
from omptool.model.limits import ServerLimits
from omptool.model.status import code_of
from omptool.opcua import diagnose, faults
from omptool.opcua.diagnose import STEPS
from omptool.opcua.session import connect
from tests.opcua.address_space import Space

_limits = st.builds(ServerLimits, *[st.integers(0, 5000)] * 6)


def test_the_whole_way(space: Space, invoke) -> None:
    result = invoke("doctor", space.url, "--save")
    assert result.code == 0, result.err
    steps = [row for row in result.rows if row["step"] != "limit"]
    assert tuple(row["step"] for row in steps) == STEPS
    assert {row["state"] for row in steps} <= {"ok", "note"}
    assert "(asked 100)" in next(row["detail"] for row in steps if row["step"] == "subscribe")
    assert profile.path_of(space.url, os.environ).exists() and "saved the profile" in result.err


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
    profile.save(space.url, ServerLimits(max_nodes_per_browse=3), {}, os.environ)
    from omptool.opcua import requests

    asked: list[int] = []
    original = requests.browse

    def counted(nodes, **options):
        asked.append(len(nodes))
        return original(nodes, **options)

    monkeypatch.setattr(requests, "browse", counted)
    assert invoke("browse", space.url, "--root", "Described", "--depth", "2").code == 0
    assert max(asked) == 3


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
    path = profile.save("opc.tcp://x", ServerLimits(max_nodes_per_read=5), {}, environ)
    assert profile.limits_of("opc.tcp://x", environ).max_nodes_per_read == 5
    path.write_bytes(text.encode("latin-1"))
    assert profile.limits_of("opc.tcp://x", environ) == ServerLimits()
