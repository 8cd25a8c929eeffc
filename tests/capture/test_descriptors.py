"""A process makes room for its connections, or says which command does."""

from __future__ import annotations

import resource

import pytest

from omptool.capture.recording.descriptors import OTHERS, make_room
from omptool.errors import OmptoolError


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The limits of a process, the newest last; nothing is really changed."""
    found = [(1024, 4096)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: found[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: found.append(limits))
    return found


def test_the_limit_is_raised_as_far_as_needed(limits: list[tuple[int, int]]) -> None:
    make_room(100)
    assert limits == [(1024, 4096)]
    make_room(3000)
    assert limits[-1] == (3000 + OTHERS, 4096)


def test_more_than_the_account_may_have_is_said_with_the_command(limits: list[tuple[int, int]]) -> None:
    with pytest.raises(
        OmptoolError, match="5,000 servers need 5,200 open files, and a process may have 4,096"
    ) as error:
        make_room(5000)
    assert "prlimit --pid $$ --nofile=5200:5200" in error.value.hint
    limits.append((1024, resource.RLIM_INFINITY))
    make_room(5000)
    assert limits[-1] == (5200, resource.RLIM_INFINITY)
