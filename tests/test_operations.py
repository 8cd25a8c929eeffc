"""The recipes for cron and the units for systemd are what they say: each is run as it stands in the docs."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from omptool.capture.reader import Capture
from tests.capture.counting import CountingServer, counting_server
from tests.capture.counting_server import Options
from tests.cli.test_capture import PATIENCE_S, start, wait_for_rows
from tests.conftest import ROOT, Result, clean_environment

UNITS = sorted((ROOT / "docs/systemd").iterdir())
CRON = re.findall(r"^(?:\S+ +){5}(cd .+)$", (ROOT / "docs/how-to/cron.md").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def server() -> Iterator[CountingServer]:
    with counting_server(Options(counters=2)) as running:
        yield running


@pytest.fixture
def plant(tmp_path: Path, server: CountingServer) -> Path:
    """A folder as the recipes take it for granted, with `omptool` on the path."""
    (tmp_path / "omptool.toml").write_text(f'[servers.press7]\nurl = "{server.url}"\n')
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/omptool"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m omptool "$@"\n')
    command.chmod(0o755)
    return tmp_path


def cron(line: str, plant: Path) -> subprocess.Popen[str]:
    """What cron makes of a line: `\\%` is `%`; only where, and for how long, is ours."""
    typed = line.replace("\\%", "%").replace("/srv/plant", shlex.quote(str(plant))).replace("--for 8h", "--for 2s")
    environment = clean_environment(plant)
    environment |= {"PATH": f"{plant / 'bin'}:{environment['PATH']}", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        ["/bin/sh", "-c", typed], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        start_new_session=True,
    )  # fmt: skip


def test_the_recipes_for_cron_do_what_they_say(plant: Path) -> None:
    shift, convert, always = CRON
    recording = cron(shift, plant)
    _, err = recording.communicate(timeout=PATIENCE_S)
    assert recording.returncode == 0, err
    [capture] = plant.glob("*.omcap")
    rows = Capture.open(capture).rows
    assert rows > 0
    first, endless = cron(always, plant), plant / "press7.omcap"
    wait_for_rows(first, endless, 50)
    second = cron(always, plant)
    assert second.communicate(timeout=PATIENCE_S)[1].startswith("omptool: press7.lock is locked by ")
    assert second.returncode == 0  # 5 is as it should be, so cron is told of nothing
    os.killpg(first.pid, signal.SIGTERM)  # a shutdown
    first.communicate(timeout=PATIENCE_S)
    assert Capture.open(endless).finished
    done = cron(convert, plant)
    _, err = done.communicate(timeout=PATIENCE_S)
    assert done.returncode == 0, err
    assert (plant / "lake").is_dir()


def test_a_capture_ends_within_five_seconds_of_sigterm_though_its_server_hangs(plant: Path) -> None:
    with counting_server(Options(counters=2)) as hanging:
        process = start(plant, "capture", hanging.url, "-o", "x.omcap", "--publishing-interval", "50ms")
        wait_for_rows(process, plant / "x.omcap", 50)
        hanging.process.send_signal(signal.SIGSTOP)
        try:
            time.sleep(0.5)
            begun = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE_S)
            took = time.monotonic() - begun
        finally:
            hanging.process.send_signal(signal.SIGCONT)
    assert process.returncode == 143
    assert took < 25  # the goal is 5; a loaded machine has five times that
    capture = Capture.open(plant / "x.omcap")
    assert (capture.finished, capture.damage, capture.torn_bytes) == (True, [], 0)


def unit(path: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(path.read_text())
    return parser


@pytest.mark.parametrize("path", [each for each in UNITS if each.suffix == ".service"], ids=lambda path: path.name)
def test_a_unit_runs_a_command_that_there_is(path: Path, invoke: Callable[..., Result]) -> None:
    typed = unit(path)["Service"]["ExecStart"].replace("%i", "press7").replace("/var/log/omptool/", "")
    words = shlex.split(re.sub(r"^/bin/sh -c '(?:exec )?(.*)'$", r"\1", typed).removeprefix("/usr/bin/env "))
    assert words[0] == "omptool"
    result = invoke(*words[1:])
    assert "see: omptool" not in result.err, result.err  # what is wrong is the server or the file, not the flags
    assert result.code in (1, 2)
    assert re.search(r'no server "press7"|no such file or folder: \*\.omcap', result.err), result.err


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for path in UNITS:
        name = path.name.replace("@.", "@press7.")
        text = path.read_text().replace("User=omptool\n", "").replace("/usr/bin/env omptool", "/usr/bin/env true")
        (tmp_path / name).write_text(text)
    analyze = shutil.which("systemd-analyze")
    names = sorted(each.name for each in tmp_path.iterdir())
    assert names == ["omptool-capture@press7.service", "omptool-convert.service", "omptool-convert.timer"]
    if analyze is not None:
        done = subprocess.run(
            [analyze, "verify", "--man=no", *(str(tmp_path / name) for name in names)],
            capture_output=True, encoding="utf-8", check=False,
        )  # fmt: skip
        ours = [line for line in done.stderr.splitlines() if "omptool" in line]
        assert (done.returncode, ours) == (0, []), done.stderr
