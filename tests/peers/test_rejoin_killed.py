"""A killed capture goes on where it stood, on a foreign server that kept its session: not one value is missing.

And where it must not go on, it does not: then everything is made anew, and the time between is a window.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from omptool.capture.format import LOCK_FILE
from omptool.capture.reader import Capture
from omptool.capture.verify import verify
from omptool.cli.exits import ExitCode
from omptool.model.vocabulary import GapReason
from tests.peers.killed import (
    COUNTER,
    PUBLISHING,
    Process,
    Remains,
    causes,
    kinds,
    session_files,
    ticks,
    ticks_by_server,
)
from tests.peers.plants import Plant

ANSWERS = ("subscribe", "resume", "resumed", "not_resumed", "stop")


def assert_nothing_missing(folder: Path) -> None:
    for found in ticks_by_server(folder).values():
        assert sorted(found) == list(range(min(found), max(found) + 1))
    capture = Capture.open(folder)
    assert capture.gap_entries == []
    verification = verify(capture)
    assert not verification.has_windows and not verification.damage


def test_a_killed_capture_of_two_servers_goes_on_without_a_gap(
    steady_plant: Plant, generous_plant: Plant, tmp_path: Path
) -> None:
    named = {"steady": steady_plant.url, "generous": generous_plant.url}
    (tmp_path / "omptool.toml").write_text("".join(f'[servers.{name}]\nurl = "{url}"\n' for name, url in named.items()))
    command, rows = (*named, "--select", COUNTER), 0
    for _ in range(2):
        running = Process(tmp_path, *command)
        running.wait_for(rows + 30)
        running.kill()
        rows = Capture.open(running.folder).rows
        tokens = [json.loads(kept.read_text())["token"] for kept in session_files(tmp_path / "state")]
        assert len(set(tokens)) == 2
    last = Process(tmp_path, *command)
    last.wait_for(rows + 30)
    assert last.stop() == 130
    assert_nothing_missing(last.folder)
    assert len(ticks_by_server(last.folder)) == 2
    answers = Counter(kinds(last.folder, *ANSWERS))
    assert answers == {"subscribe": 2, "resume": 2, "resumed": 4, "stop": 1}
    assert session_files(tmp_path / "state") == []
    everything = b"".join(file.read_bytes() for file in last.folder.iterdir())
    for token in tokens:
        assert token.encode() not in everything and bytes.fromhex(token) not in everything
        assert token not in last.said


def test_of_several_that_start_after_a_kill_one_goes_on_and_the_others_are_busy(
    steady_plant: Plant, tmp_path: Path
) -> None:
    """Who may not write into the capture does not touch its session either."""
    command = (steady_plant.url, "--select", COUNTER, "--lock", "one.lock")
    first = Process(tmp_path, *command)
    first.wait_for(15)
    first.kill()
    rows = Capture.open(first.folder).rows
    winner = Process(tmp_path, *command)
    winner.wait_for(rows + 10)
    for arguments in (command, command[:-2]):  # the lock file, and the folder's own lock
        late = Process(tmp_path, *arguments)
        assert late.ended() == ExitCode.BUSY, late.said
    rows = Capture.open(first.folder).rows
    winner.wait_for(rows + 10)
    assert winner.stop() == 130
    assert_nothing_missing(winner.folder)
    assert kinds(winner.folder, *ANSWERS) == ["subscribe", "resume", "resumed", "stop"]


@pytest.fixture(scope="module")
def remains(steady_plant: Plant, tmp_path_factory: pytest.TempPathFactory) -> Remains:
    return Remains(tmp_path_factory.mktemp("remains"), steady_plant.url)


def resumed(remains: Remains, *, glob: str = COUNTER, publishing: str = "100ms", url: str = "") -> int:
    """Go on for a while; the exit code."""
    ending = ("--count", "20", PUBLISHING, publishing)
    return Process(remains.folder.parent, url or remains.url, "--select", glob, *ending).ended()


def assert_made_anew(remains: Remains, why: str) -> None:
    """One window from what was on disk to the new items, and it is the only stretch where values are missing."""
    assert why in causes(remains.folder, "not_resumed")[0]
    assert kinds(remains.folder, *ANSWERS) == ["subscribe", "resume", "not_resumed", "subscribe", "stop"]
    [window] = Capture.open(remains.folder).gap_entries
    assert (window.reason, window.end_ns is not None) == (GapReason.CLIENT_STOPPED, True)
    found = sorted(set(ticks(remains.folder)))
    absent = set(range(found[0], found[-1])) - set(found)
    assert window.end_ns is not None
    assert all(window.start_ns <= tick * 50_000_000 < window.end_ns for tick in absent)
    assert session_files(remains.state) == []


def _changed(**facts: Any) -> Callable[[Path], object]:
    return lambda file: file.write_text(json.dumps({**json.loads(file.read_text()), **facts}))


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        pytest.param(lambda file: file.unlink(), "nothing is known of its session", id="missing"),
        pytest.param(lambda file: file.chmod(0o604), "open to others", id="mode", marks=pytest.mark.full),
        pytest.param(lambda file: file.write_bytes(b"\0" * 100), "damaged", id="damaged", marks=pytest.mark.full),
        pytest.param(_changed(token="zz"), "not readable", id="no-token", marks=pytest.mark.full),
        pytest.param(_changed(token="ff"), "not readable", id="no-node-id"),
        pytest.param(_changed(subscription_id=1), "of another subscription", id="other-subscription"),
        pytest.param(_changed(publishing_ms=-1), "damaged", id="no-interval", marks=pytest.mark.full),
        pytest.param(_changed(start_time=1), "began anew", id="server-restarted"),
    ],
)
def test_a_file_that_does_not_fit_costs_a_window_and_nothing_else(
    remains: Remains, harm: Callable[[Path], object], why: str
) -> None:
    harm(remains.restore())
    assert resumed(remains) == ExitCode.PARTIAL
    assert_made_anew(remains, why)


@pytest.mark.parametrize(
    "asked",
    [pytest.param({"glob": "Plant/Changing/Counte?"}, marks=pytest.mark.full), {"publishing": "200ms"}],
    ids=["glob", "interval"],
)
def test_what_was_asked_for_something_else_is_made_anew(remains: Remains, asked: dict[str, str]) -> None:
    remains.restore()
    resumed(remains, **asked)
    assert_made_anew(remains, "something else")


def test_a_session_that_is_gone_is_no_loss_where_the_server_hands_over_subscriptions(
    generous_plant: Plant, tmp_path: Path
) -> None:
    """The token is a stranger's: a new session is made, and the subscription transferred to it."""
    remains = Remains(tmp_path, generous_plant.url)
    _changed(token="0501001000000000112233445566778899aabbccddeeff")(remains.restore())
    assert resumed(remains) == ExitCode.OK
    assert_nothing_missing(remains.folder)
    [told] = [entry.detail for entry in Capture.open(remains.folder).journal_entries if entry.kind == "resumed"]
    assert told["session"] == "new"


def test_and_a_window_where_it_does_not(steady_plant: Plant, tmp_path: Path) -> None:
    remains = Remains(tmp_path, steady_plant.url)
    _changed(token="0501001000000000112233445566778899aabbccddeeff")(remains.restore())
    resumed(remains)
    assert_made_anew(remains, "TransferSubscriptions: BadUserAccessDenied")


def test_a_server_that_is_away_leaves_everything_as_it_was(remains: Remains) -> None:
    file = remains.restore()
    before = {path: path.read_bytes() for path in remains.folder.iterdir() if path.name != LOCK_FILE}
    assert resumed(remains, url="opc.tcp://127.0.0.1:1") == ExitCode.UNREACHABLE
    after = {path: path.read_bytes() for path in remains.folder.iterdir() if path.name != LOCK_FILE}
    assert after == before
    assert file.exists()
