"""`omptool tour`: the whole way from a machine to an answer, on a simulated plant, in less than a minute.

Every step runs the command that it shows, in a process of its own: nothing here can differ from what a user sees.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from omptool.cli import chart, signals, terminal
from omptool.cli.exits import ExitCode
from omptool.cli.output import print_text
from omptool.errors import OmptoolError, OutputExists

CAPTURE_S = 15
"""Real seconds of recording: long enough for changes of state, short enough for a tour of a minute."""
SPEED = 60
"""Simulated seconds per second: the recording covers more than an hour of production."""
_WITH_SENTENCE = ("capture", "convert")
"""Commands that say on stderr what they print for programs on stdout."""

_LINES = 12
"""Lines shown of each output."""

_STATES = """\
with states as (
  select machine, value_text as state,
    epoch(lead(time, 1, (select max(time) from telemetry)) over (partition by machine order by time) - time) as s
  from telemetry where tag = 'State')
select machine, state, round(100 * sum(s) / sum(sum(s)) over (partition by machine), 1) as percent
from states group by machine, state order by machine, percent desc"""
_PARTS = {"Producing": "producing", "Starved": "waiting", "Blocked": "waiting"}
_OTHER = "stopped"


def tour(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder", help="Leave capture and lake in DIR. Default: ./omptool-tour, then -2, …", metavar="DIR"
        ),
    ] = None,
) -> ExitCode:
    """Show the whole way in a minute: discover, browse, capture, verify, convert, query.

    Needs no server, no network and no account: the tour brings its own simulated plant, and leaves a capture and a
    lake to play with.

    \b
    Examples:
      omptool tour
      omptool tour --folder first-look
    """
    place = _new_folder(folder)
    print_text(f"A tour of omptool, on a simulated plant. Everything it leaves lies in {place}/\n")
    with _plant() as url:
        codes = [_step(number, intent, command) for number, (intent, command) in enumerate(_steps(url, place), 1)]
    _chart(place / "lake")
    print_text(_next(place))
    return max(codes)


def _steps(url: str, place: Path) -> Iterator[tuple[str, list[str]]]:
    """The steps, each an intent and a command line."""
    capture, lake = str(place / "plant.omcap"), str(place / "lake")
    yield "Ask a server who it is and how it may be reached", ["discover", url]
    temperatures = ["browse", url, "--select", "**/*Temperature*", "--values"]
    yield "Look for something: the temperatures, with their values now", temperatures
    yield f"Record everything for {CAPTURE_S} seconds", ["capture", url, "-o", capture, "--for", f"{CAPTURE_S}s"]
    yield "Prove that nothing is missing", ["verify", capture]
    yield "Make a lake of it: Delta tables, readable by Spark, DuckDB, Fabric …", ["convert", capture, "-o", lake]
    yield "Ask it, in SQL: what did the machines do with their time, in percent?", ["query", _STATES, "--on", lake]


def _step(number: int, intent: str, command: Sequence[str]) -> ExitCode:
    shown = _typed(command)
    print_text(f"\n{terminal.style(f'{number}  {intent}', 'bold', sys.stdout)}\n{_prompt(shown)}\n")
    code, printed = _run(command, "table")
    _show(printed, with_facts=command[0] not in _WITH_SENTENCE)
    if code not in {ExitCode.OK, ExitCode.PARTIAL}:
        raise OmptoolError(f"this step of the tour failed with exit code {code}", f"try it alone: {shown}")
    return ExitCode(code)


def _prompt(command: str) -> str:
    return terminal.style(f"$ {command}", "cyan", sys.stdout)


def _typed(command: Sequence[str]) -> str:
    """The command line as a person would type it: SQL in double quotes."""
    return " ".join(
        f'"{part}"' if "'" in part and not set(part) & set('"$`\\!') else shlex.quote(part)
        for part in (_program(), *command)
    )


def _program() -> str:
    """How the user called omptool, where the shell would not find it by its name."""
    return "omptool" if shutil.which("omptool") or Path(sys.argv[0]).stem != "omptool" else sys.argv[0]


def _run(command: Sequence[str], format: str) -> tuple[int, str]:
    """Run one omptool command; its messages stay on a terminal's stderr, else they join what it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "omptool", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if terminal.stderr_is_terminal() else subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=os.environ | {"OMPTOOL_OUTPUT_FORMAT": format},
    )
    try:
        printed = process.communicate()[0]
    except signals.Terminated:
        process.terminate()
        raise
    finally:
        _let_finish(process)
    return process.returncode, printed


def _let_finish(process: subprocess.Popen[str]) -> None:
    """Ctrl-C reached the child too: give it time to flush and close, then insist."""
    for insist in (process.terminate, process.kill):
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            insist()
    process.wait()


def _show(text: str, *, with_facts: bool) -> None:
    """Print the beginning of an output; `with_facts`: also the JSON line for programs, which a terminal has not."""
    lines = [line for line in text.splitlines() if with_facts or not line.startswith("{")]
    cells = terminal.columns(110)
    shown = [terminal.clip(terminal.escape(line), cells) for line in lines[:_LINES]]
    if len(lines) > _LINES:
        shown.append(f"… {len(lines) - _LINES} more lines")
    print_text("".join(line + "\n" for line in shown))


def _chart(lake: Path) -> None:
    _, printed = _run(["query", _STATES, "--on", str(lake)], "jsonl")
    rows = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    names = [*dict.fromkeys(_PARTS.values()), _OTHER]
    machines: dict[str, dict[str, float]] = {}
    for row in rows:
        parts = machines.setdefault(row["machine"], dict.fromkeys(names, 0.0))
        parts[_PARTS.get(row["state"], _OTHER)] += row["percent"]
    shares = [(machine, list(parts.values())) for machine, parts in machines.items()]
    lines = chart.shares(names, shares, cells=min(terminal.columns(100), 100))
    print_text("\n" + "".join(line + "\n" for line in lines))


def _next(place: Path) -> str:
    capture, lake = str(place / "plant.omcap"), str(place / "lake")
    ranges = "select machine, tag, unit, min(value), max(value) from telemetry where unit is not null group by all"
    commands = (["info", capture], ["query", ranges, "--on", lake], ["demo"])
    return f"\nThe recording and its lake are yours: {capture}, {lake}\nTry next:\n" + "".join(
        f"  {_typed(command)}\n" for command in commands
    )


def _new_folder(wanted: Path | None) -> Path:
    candidates = [wanted] if wanted else [Path("omptool-tour" + (f"-{n}" if n > 1 else "")) for n in range(1, 1000)]
    for candidate in candidates:
        with contextlib.suppress(FileExistsError):
            candidate.mkdir()
            return candidate
    raise OutputExists(f"{candidates[-1]} already exists", "name a new folder with --folder")


@contextlib.contextmanager
def _plant() -> Iterator[str]:
    """Address of a simulated plant that runs until the block ends, or this process does."""
    yesterday = (dt.datetime.now(dt.UTC) - dt.timedelta(days=1)).strftime("%Y-%m-%dT08:00:00Z")  # mid-shift
    command = ["demo", "--port", "0", "--speed", str(SPEED), "--from", yesterday]
    print_text(f"\n{_prompt(_typed(command) + ' &')}\n")
    with tempfile.TemporaryFile("w+", encoding="utf-8") as messages:
        process = subprocess.Popen(
            [sys.executable, "-m", "omptool.cli.leash", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=messages,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the tour, which ends the plant last
        )
        try:
            hello = process.stdout.readline() if process.stdout else ""
            if not hello:
                messages.seek(0)
                raise OmptoolError("the simulated plant did not start", messages.read())
            print_text(hello)
            yield json.loads(hello)["url"]
        finally:
            process.terminate()
            _let_finish(process)
