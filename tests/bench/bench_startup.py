"""How long commands take to start, as ratios from one run.

    python tests/bench/bench_startup.py [ROUNDS]

Each round runs every program once, so that a busy machine is unfair to all of them alike; CPU seconds of the whole
process (user and system), median of the rounds. Nothing is asserted: tests/test_imports.py holds what may be loaded.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROUNDS = 15

_TWO_COMMANDS = """
from typing import Annotated

import typer

Name = Annotated[str, typer.Argument(help="A name.")]
Count = Annotated[int, typer.Option(help="A number.")]
app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def first(name: Name, count: Count = 1) -> None:
    "Do one thing."


@app.command()
def second(name: Name, count: Count = 1) -> None:
    "Do another."


app()
"""


def cpu_seconds(command: list[str], folder: Path) -> float:
    """CPU time of one run, from the kernel's own accounts of the finished child."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def main() -> None:
    """Print one line per pair."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    omptool = str(Path(sysconfig.get_path("scripts")) / "omptool")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        two = folder / "two_commands.py"
        two.write_text(_TWO_COMMANDS, encoding="utf-8")
        (folder / "one.csv").write_text("a\n1\n", encoding="utf-8")
        programs = {
            "omptool --help": [omptool, "--help"],
            "two-command typer app --help": [sys.executable, str(two), "--help"],
            "omptool query (one row)": [omptool, "query", "select 1 as one", "--on", "one.csv"],
            "import duckdb": [sys.executable, "-c", "import duckdb"],
            "omptool browse (refused port)": [omptool, "browse", "opc.tcp://127.0.0.1:1"],
            "import asyncua": [sys.executable, "-c", "import asyncua"],
            "omptool config show": [omptool, "config", "show"],
            "two-command typer app, a command": [sys.executable, str(two), "first", "x"],
        }
        seconds: dict[str, list[float]] = {title: [] for title in programs}
        for command in programs.values():
            cpu_seconds(command, folder)  # compiled modules and files in the cache
        for _ in range(rounds):
            for title, command in programs.items():
                seconds[title].append(cpu_seconds(command, folder))
    medians = {title: statistics.median(values) for title, values in seconds.items()}
    titles = list(programs)
    for ours, other in zip(titles[::2], titles[1::2], strict=True):
        print(  # noqa: T201
            f"{ours:32} {medians[ours] * 1000:7.0f} ms   {other:32} {medians[other] * 1000:7.0f} ms   "
            f"ratio {medians[ours] / medians[other]:.2f}"
        )


if __name__ == "__main__":
    main()
