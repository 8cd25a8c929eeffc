"""Many servers into one capture, with losses made on purpose: every row compared with the truth, every window held."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

from omptool.capture.reader import Capture
from omptool.capture.verify import COMPLETE, WINDOWS, verify
from tests.conftest import Result, clean_environment
from tests.load.checker import check
from tests.load.running import load_server
from tests.load.server import Options
from tests.load.truth import machine_name

MACHINES = 50


def record(options: Options, run_cli: Callable[..., Result], folder: Path, *more: object) -> tuple[Result, Any]:
    """`omptool capture` of all machines into folder/x.omcap, and the server's story."""
    with load_server(options) as server:
        (folder / "omptool.toml").write_text(server.settings())
        names = map(machine_name, range(options.machines))
        result = run_cli("capture", *names, "-o", "x.omcap", *more, cwd=folder)
        return result, server.end()


def test_every_row_of_fifty_servers_is_right(run_cli: Callable[..., Result], tmp_path: Path) -> None:
    options = Options(machines=MACHINES, items=10, mix="mixed", period_ms=200)
    result, story = record(options, run_cli, tmp_path, "--for", "3s", "--publishing-interval", "200ms")
    assert result.code == 0, result.err
    outcome = check(tmp_path / "x.omcap", story)
    assert not outcome.wrong, str(outcome)
    assert outcome.rows == story["counted"]["sent"] > MACHINES * 10 * 10
    assert story["counted"].get("wrong_chunks", 0) == 0
    verdicts = verify(Capture.open(tmp_path / "x.omcap")).verdicts
    assert {verdict.verdict for verdict in verdicts} == {COMPLETE}
    assert len(verdicts) == MACHINES

    # and the checker would have noticed
    first = story["groups"][0]
    for what, change in {
        "values missing": {"last": first["last"] + 1},
        "values that were never sent": {"last": first["last"] - 1},
        "discarded values outside every window": {"discarded": [[first["first"], first["first"]]]},
    }.items():
        other = deepcopy(story)
        other["groups"][0] |= change
        assert check(tmp_path / "x.omcap", other).wrong[what] == 10
    other = deepcopy(story)
    other["plan"]["mix"] = "double"
    assert check(tmp_path / "x.omcap", other).wrong["wrong values"] > outcome.rows // 2


def test_lost_messages_come_again_and_overflows_have_their_window(
    run_cli: Callable[..., Result], tmp_path: Path
) -> None:
    options = Options(
        machines=MACHINES, items=10, period_ms=200, queue=4, swallow=5, pause_after_s=1.0, pause_s=1.5
    )  # fmt: skip
    result, story = record(options, run_cli, tmp_path, "--for", "5s", "--publishing-interval", "200ms")
    assert result.code == 3, result.err
    counted = story["counted"]
    assert counted["discarded"] > 0 and counted["swallowed"] > 0 and counted["republished"] > 0
    outcome = check(tmp_path / "x.omcap", story)
    assert not outcome.wrong, str(outcome)
    assert outcome.discarded == counted["discarded"]
    assert outcome.untold <= 2 * MACHINES * 10  # asked for again too late, just before the end
    verification = verify(Capture.open(tmp_path / "x.omcap"))
    assert {verdict.verdict for verdict in verification.verdicts} == {WINDOWS}
    assert not verification.has_unexplained


def test_a_machine_that_answers_at_once(run_cli: Callable[..., Result], tmp_path: Path) -> None:
    options = Options(machines=1, items=100, mix="mixed", period_ms=0)
    result, story = record(options, run_cli, tmp_path, "--for", "1s")
    assert result.code == 0, result.err
    outcome = check(tmp_path / "x.omcap", story)
    assert not outcome.wrong, str(outcome)
    assert outcome.rows == story["counted"]["sent"] > 1000


_HASTY = """
import omptool.opcua.channel
from omptool.cli.app import main
omptool.opcua.channel.CLOSE_TIMEOUT_S = 0.003
main()
"""


def test_servers_that_are_slow_to_say_goodbye_have_lost_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _HASTY, "capture", "m000{0,1}*", "-o", "x.omcap", "--for", "1s"]
    with load_server(Options(machines=20)) as server:
        (tmp_path / "omptool.toml").write_text(server.settings())
        done = subprocess.run(
            command, cwd=tmp_path, env=clean_environment(tmp_path), capture_output=True, encoding="utf-8", check=False
        )
    assert done.returncode == 0, done.stderr
    assert "20 servers complete" in done.stderr
