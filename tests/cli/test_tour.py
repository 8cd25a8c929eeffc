"""The tour is what it shows: one run in a pipe, and what is left when it is stopped."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Result, clean_environment

STEPS = ("discover", "browse", "capture", "verify", "convert", "query", "replay", "browse")
LAST = ("analyze", "cloud", "analyze")


@pytest.fixture(scope="module")
def toured(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Folder and output of one whole tour, in a pipe."""
    folder = tmp_path_factory.mktemp("tour")
    done = subprocess.run(
        [sys.executable, "-m", "omptool", "tour"],
        cwd=folder,
        env=clean_environment(folder),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=290,
    )
    return folder, done


def test_it_ends_well_as_plain_text(toured: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, done = toured
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout


def test_it_shows_every_step_and_three_commands_to_try(
    toured: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    _, done = toured
    typed = re.findall(r"^\$ omptool (\w+)", done.stdout, re.MULTILINE)
    assert typed == ["demo", *STEPS, *LAST]
    assert len(re.findall(r"^  omptool ", done.stdout, re.MULTILINE)) == 3


def test_the_recording_is_browsed_again(toured: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, done = toured
    plant, replayed = (part.split("\n$ ")[0] for part in re.split(r"\$ omptool browse .*\n", done.stdout)[1:])
    nodes = [re.findall(r"─ (\w+)", shown) for shown in (plant, replayed)]
    assert nodes[0] == nodes[1]
    assert "TemperatureOil" in nodes[0]


def test_the_cloud_draws_the_same_picture(toured: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    _, done = toured
    local, cloud = (part.split("\n\n")[0] for part in re.split(r"\$ omptool analyze .*\n", done.stdout)[1:])
    assert local == cloud
    assert local.count("█") > 50
    assert [line.split()[0] for line in local.splitlines()[1:]] == [
        "CNC1", "CNC2", "Packer1", "Packer2", "Press1", "Press2",
    ]  # fmt: skip


def test_what_it_leaves_answers(
    toured: tuple[Path, subprocess.CompletedProcess[str]], run_cli: Callable[..., Result]
) -> None:
    folder, _ = toured
    assert {path.name for path in folder.iterdir()} <= {"omptool-tour", "state"}  # the latter is XDG_STATE_HOME
    assert [*folder.glob("state/**/*.json")] == []  # an end that was told to the server leaves no session behind
    for source in ("omptool-tour/plant.omcap", "omptool-tour/lake"):
        counted = run_cli(
            "query",
            "select count(distinct machine) as n from telemetry where tag = 'State'",
            "--on",
            source,
            cwd=folder,
        )
        assert counted.rows == [{"n": 6}]


def test_the_commands_to_try_work(
    toured: tuple[Path, subprocess.CompletedProcess[str]], run_cli: Callable[..., Result]
) -> None:
    import shlex

    folder, done = toured
    tried = [shlex.split(line)[1:] for line in re.findall(r"^  (omptool .*)$", done.stdout, re.MULTILINE)]
    for command in tried:
        if command != ["demo"]:  # it would stay
            assert run_cli(*command, cwd=folder).code == 0


def _running_tour(folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "omptool", "tour"],
        cwd=folder,
        env=clean_environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def started(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A tour that has just begun to record, and the port of its plant."""
    for process in _running_tour(tmp_path):
        assert process.stdout is not None
        port = 0
        for line in process.stdout:
            if line.startswith("{"):
                port = int(json.loads(line)["url"].rsplit(":", 1)[1])
            if line.startswith("$ omptool capture"):
                break
        yield process, port


def _wait_until_closed(port: int) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return
        time.sleep(0.1)
    pytest.fail("the plant of the tour is still there")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopped_it_takes_its_plant_along(
    started: tuple[subprocess.Popen[str], int], number: signal.Signals, code: int
) -> None:
    process, port = started
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == code
    _wait_until_closed(port)


def test_killed_it_takes_its_plant_along(started: tuple[subprocess.Popen[str], int]) -> None:
    process, port = started
    process.kill()
    process.wait(timeout=60)
    _wait_until_closed(port)
    assert process.returncode == -signal.SIGKILL


def test_a_second_tour_gets_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from omptool.cli import tour
    from omptool.errors import OutputExists

    monkeypatch.chdir(tmp_path)
    assert [tour._new_folder(None).name for _ in range(3)] == ["omptool-tour", "omptool-tour-2", "omptool-tour-3"]
    with pytest.raises(OutputExists, match="already exists"):
        tour._new_folder(Path("omptool-tour"))


def test_commands_are_shown_as_they_are_typed() -> None:
    from omptool.cli import tour_stage

    assert tour_stage.typed(["query", "select 'a'", "--on", "a b"]) == "omptool query \"select 'a'\" --on 'a b'"
