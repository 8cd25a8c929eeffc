"""The frame of all commands: one voice for every failure, the right exit code, nothing on stdout but data."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from omptool import __version__
from omptool.cli import app
from omptool.cli.exits import ExitCode, exit_code_for
from omptool.errors import Busy, ConfigError, DiskFull, NotFound, OmptoolError, ServerRefused, Unreachable, UsageError
from tests.conftest import Result, clean_environment

RunCli = Callable[..., Result]


def _with_command(monkeypatch: pytest.MonkeyPatch, body: Callable[[], object]) -> None:
    def build() -> typer.Typer:
        built = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
        built.callback()(lambda: None)
        built.command("act")(body)
        return built

    monkeypatch.setattr(app, "build", build)


def _raising(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("x"), 2),
        (ConfigError("x"), 2),
        (NotFound("x"), 1),
        (DiskFull("x"), 1),
        (ServerRefused("x"), 1),
        (Unreachable("x"), 4),
        (Busy("x"), 5),
        (OmptoolError("x"), 1),
    ],
)
def test_exit_code_of_each_error(error: OmptoolError, code: int) -> None:
    assert exit_code_for(error) == code


def test_an_error_is_one_plain_block_on_stderr(invoke: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    _with_command(
        monkeypatch, _raising(Unreachable("press7 does not answer", "try again\nor: omptool discover press7"))
    )
    result = invoke("act")
    assert result == Result(4, "", "omptool: press7 does not answer\n  try again\n  or: omptool discover press7\n")


def test_control_characters_and_passwords_never_reach_the_terminal(
    invoke: RunCli, monkeypatch: pytest.MonkeyPatch
) -> None:
    _with_command(monkeypatch, _raising(NotFound("node \x1b[31mred\u202e at opc.tcp://ann:secret@host:4840")))
    assert invoke("act").err == "omptool: node \\x1b[31mred\\u202e at opc.tcp://***@host:4840\n"


def test_a_bug_shows_its_traceback_and_exits_70(invoke: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    _with_command(monkeypatch, _raising(ZeroDivisionError("division by zero")))
    result = invoke("act")
    assert result.code == 70
    assert result.err.startswith("Traceback")
    assert f"omptool: this is a bug in omptool {__version__}: ZeroDivisionError: division by zero" in result.err


def test_ctrl_c_is_130(invoke: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    _with_command(monkeypatch, _raising(KeyboardInterrupt()))
    assert invoke("act") == Result(130, "", "")


@pytest.mark.parametrize("returned", list(ExitCode))
def test_what_a_command_returns_is_the_exit_code(
    invoke: RunCli, monkeypatch: pytest.MonkeyPatch, returned: ExitCode
) -> None:
    _with_command(monkeypatch, lambda: returned)
    assert invoke("act").code == returned


def test_a_system_error_names_the_file(invoke: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    _with_command(monkeypatch, _raising(PermissionError(13, "Permission denied", "lake/telemetry")))
    hint = "check whose it is and who may read and write it: ls -ld"
    assert invoke("act") == Result(1, "", f"omptool: lake/telemetry: permission denied\n  {hint}\n")


def test_a_full_disk_is_said_plainly(invoke: RunCli, monkeypatch: pytest.MonkeyPatch) -> None:
    _with_command(monkeypatch, _raising(OSError(28, "No space left on device")))
    result = invoke("act")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("omptool: no space left on the device\n")


def test_a_pipe_that_broke_elsewhere_is_no_silent_success(run_cli: RunCli) -> None:
    code = (
        "import sys\nfrom omptool.cli import app\n"
        "def broken(_): raise BrokenPipeError(32, 'Broken pipe')\n"
        "app._invoke = broken\nsys.exit(app.run([]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 70


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (["cofig"], 'omptool: no command "cofig"\n  did you mean config?\n  see: omptool --help\n'),
        (["config", "shwo"], 'omptool: no command "shwo"\n  did you mean show?\n  see: omptool config --help\n'),
        (
            ["config", "show", "--formt", "csv"],
            "omptool: no option --formt in omptool config show\n"
            "  did you mean --format or --force?\n  see: omptool config show --help\n",
        ),
        (["config", "show", "extra"], "omptool: too many arguments: extra\n  see: omptool config show --help\n"),
    ],
)
def test_a_mistyped_command_line_names_the_nearest(invoke: RunCli, typed: list[str], expected: str) -> None:
    assert invoke(*typed) == Result(2, "", expected)


def test_a_wrong_choice_lists_the_right_ones(invoke: RunCli) -> None:
    result = invoke("config", "show", "--format", "xml")
    assert result.code == 2
    assert result.err.startswith("omptool: invalid value for '--format': 'xml' is not one of 'table', 'jsonl'")


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help_is_data(invoke: RunCli, arguments: list[str]) -> None:
    result = invoke(*arguments)
    assert (result.code, result.err) == (0, "")
    assert "Commands:" in result.out


def test_version(run_cli: RunCli) -> None:
    assert run_cli("--version") == Result(0, f"omptool {__version__}\n", "")


@pytest.mark.parametrize("arguments", [["--help"], ["config", "show"]])
def test_a_closed_pipe_is_silent_and_no_failure(tmp_path: Path, arguments: list[str]) -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "omptool", *arguments],
        stdout=write,
        stderr=subprocess.PIPE,
        env=clean_environment(tmp_path),
        cwd=tmp_path,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("arguments", [["--help"], ["config", "show"]])
def test_a_full_device_fails_with_one_message(tmp_path: Path, arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "omptool", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=clean_environment(tmp_path),
            cwd=tmp_path,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.count("omptool:") == 1
    assert "no space left" in done.stderr
