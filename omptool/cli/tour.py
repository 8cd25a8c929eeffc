"""`omptool tour`: the whole way from a machine to an answer, on a simulated plant, in about a minute.

Every step runs the command that it shows, in a process of its own: nothing here can differ from what a user sees.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from omptool.cli.exits import ExitCode
from omptool.cli.output import print_text
from omptool.cli.tour_stage import background, heading, perform, typed
from omptool.errors import OutputExists

CAPTURE_S = 15
"""Real seconds of recording: long enough for changes of state, short enough for a tour of a minute."""
SPEED = 60
"""Simulated seconds per second: the recording covers a quarter of an hour of production."""
_CLOUD = "tour"
"""Name of the cloud server in the tour's omptool.toml."""

_STATES = """\
with states as (
  select machine, value_text as state,
    epoch(lead(time, 1, (select max(time) from telemetry)) over (partition by machine order by time) - time) as s
  from telemetry where tag = 'State')
select machine, state, round(100 * sum(s) / sum(sum(s)) over (partition by machine), 1) as percent
from states group by machine, state order by machine, percent desc"""


def tour(
    folder: Annotated[
        Path | None,
        typer.Option(
            "--folder", help="Leave capture and lake in DIR. Default: ./omptool-tour, then -2, …", metavar="DIR"
        ),
    ] = None,
) -> ExitCode:
    """Show the whole way from a machine to an answer in a minute, on a simulated plant.

    Needs no server, no network and no account: the tour brings its own simulated plant, and leaves a capture and a
    lake to play with.

    \b
    Examples:
      omptool tour
      omptool tour --folder first-look
    """
    place = _new_folder(folder)
    print_text(f"A tour of omptool, on a simulated plant. Everything it leaves lies in {place}/\n\n")
    codes = [*_from_plant_to_lake(place), _replayed(place), _analysed(place)]
    print_text(_next(place))
    return max(codes)


def _from_plant_to_lake(place: Path) -> list[ExitCode]:
    capture, lake = str(place / "plant.omcap"), str(place / "lake")
    yesterday = (dt.datetime.now(dt.UTC) - dt.timedelta(days=1)).strftime("%Y-%m-%dT08:00:00Z")  # mid-shift
    demo = ["demo", "--port", "0", "--speed", str(SPEED), "--from", yesterday]
    with background("the simulated plant", demo) as url:
        steps = (
            ("Ask a server who it is and how it may be reached", ["discover", url]),
            ("Look for something: the temperatures, with their values now", _temperatures(url)),
            (f"Record everything for {CAPTURE_S} seconds", ["capture", url, "-o", capture, "--for", f"{CAPTURE_S}s"]),
            ("Prove that nothing is missing", ["verify", capture]),
            ("Make a lake of it: Delta tables, readable by Spark, DuckDB, Fabric …", ["convert", capture, "-o", lake]),
            ("Ask it, in SQL: what did the machines do, in percent of the time?", ["query", _STATES, "--on", lake]),
        )
        return [_step(number, intent, command) for number, (intent, command) in enumerate(steps, 1)]


def _step(number: int, intent: str, command: Sequence[str]) -> ExitCode:
    heading(number, intent)
    return perform(command)


def _temperatures(url: str) -> list[str]:
    return ["browse", url, "--select", "**/*Temperature*", "--values"]


def _replayed(place: Path) -> ExitCode:
    heading(7, "Play it again: the plant has stopped, a server with its nodes, values and stamps takes its place")
    replay = ["replay", str(place / "plant.omcap"), "--to", "opc.tcp://127.0.0.1:0", "--rate", str(SPEED)]
    with background("the replay", replay) as url:
        return perform(_temperatures(url))


def _analysed(place: Path) -> ExitCode:
    """The analysis from the lake, then from the cloud API over the same lake."""
    lake, config = str(place / "lake"), place / "omptool.toml"
    oee = ["analyze", "oee", "--chart"]
    code = _step(8, "Overall equipment effectiveness, as ISO 22400 defines it", [*oee, "--on", lake])
    heading(9, "The same from the cloud API: whoever has the token asks the lake, and gets neither its files nor more")
    serve = ["cloud", "serve", "--lake", lake, "--port", "0", "--token-file", str(place / "token")]
    with background("the cloud API", serve) as url:
        config.write_text(f'[cloud.{_CLOUD}]\nurl = "{url}"\ntoken_file = "token"\n', encoding="utf-8")
        return max(code, perform([*oee, "--cloud", _CLOUD, "--config", str(config)]))


def _next(place: Path) -> str:
    capture, lake = str(place / "plant.omcap"), str(place / "lake")
    ranges = "select machine, tag, unit, min(value), max(value) from telemetry where unit is not null group by all"
    commands = (["info", capture], ["query", ranges, "--on", lake], ["demo"])
    return f"\nThe recording and its lake are yours: {capture}, {lake}\nTry next:\n" + "".join(
        f"  {typed(command)}\n" for command in commands
    )


def _new_folder(wanted: Path | None) -> Path:
    candidates = [wanted] if wanted else [Path("omptool-tour" + (f"-{n}" if n > 1 else "")) for n in range(1, 1000)]
    for candidate in candidates:
        with contextlib.suppress(FileExistsError):
            candidate.mkdir()
            return candidate
    raise OutputExists(f"{candidates[-1]} already exists", "name a new folder with --folder")
