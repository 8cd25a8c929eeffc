"""Who may write to a lake in a store: one at a time, the dead not at all, and nobody who is not sure."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from omptool.errors import Busy, LakeError
from omptool.store import lease, objects
from omptool.store.remote import Remote
from tests.store.emulators import Store
from tests.store.test_store_lake import At


def signed(lock: Remote, **more: object) -> None:
    """A lock as another process left it."""
    objects.write(lock, json.dumps({"token": "x", "host": "edge-7", "computer": "other", "pid": 1} | more).encode())


def test_one_at_a_time_and_again_afterwards(store: Store, at: At) -> None:
    lake = at("lake")
    for _ in range(2):
        with lease.hold(lake / "lock", lake):
            lease.confirm(lake)
            with pytest.raises(Busy) as caught, lease.hold(lake / "lock", lake):
                raise AssertionError("two hold it")
            assert f"process {os.getpid()}" in caught.value.message


def test_another_computer_is_believed_alive_until_it_has_been_silent(
    store: Store, at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = at("lake")
    signed(lake / "lock")
    with pytest.raises(Busy) as caught, lease.hold(lake / "lock", lake):
        raise AssertionError("it is held")
    assert "edge-7, process 1" in caught.value.message
    assert "4 minutes" in caught.value.hint
    monkeypatch.setattr(lease, "DEAD_S", -10.0)
    with lease.hold(lake / "lock", lake):
        lease.confirm(lake)
    assert [child.name for child in lake.iterdir()] == ["lock"], "the mark of the clock is gone"


def test_a_process_of_this_computer_that_is_gone_is_known_to_be_dead(store: Store, at: At) -> None:
    lake = at("lake")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    signed(lake / "lock", computer=lease._computer(), pid=gone.pid, started="1")
    with lease.hold(lake / "lock", lake):
        lease.confirm(lake)


def test_what_is_no_lock_holds_nobody_for_ever(store: Store, at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = at("lake")
    objects.write(lake / "lock", b"\xff{")
    monkeypatch.setattr(lease, "DEAD_S", -10.0)
    with lease.hold(lake / "lock", lake):
        lease.confirm(lake)


def test_who_could_not_sign_for_long_commits_no_more(store: Store, at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = at("lake")
    with lease.hold(lake / "lock", lake):
        monkeypatch.setattr(lease, "VALID_S", -1.0)
        with pytest.raises(LakeError, match="another omptool may write"):
            lease.confirm(lake)


def test_who_was_taken_for_dead_leaves_the_lock_to_the_other(
    store: Store, at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = at("lake")
    monkeypatch.setattr(lease, "RENEW_S", 0.02)
    with lease.hold(lake / "lock", lake):
        held = lease._held[lake]
        signed(lake / "lock")
        held._thread.join(timeout=200)
        with pytest.raises(LakeError, match="another omptool may write"):
            lease.confirm(lake)
    assert json.loads((lake / "lock").read_bytes())["host"] == "edge-7"
