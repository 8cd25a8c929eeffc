"""How the tour shows commands: each runs in a process of its own, so nothing can differ from what a user would see."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from omptool.cli import signals, terminal
from omptool.cli.exits import ExitCode
from omptool.cli.output import print_text
from omptool.errors import OmptoolError

LINES = 12
"""Lines shown of each output."""

_CELLS = 110
"""Width of what is shown where there is no terminal."""

_WITH_SENTENCE = ("capture", "convert")
"""Commands that say on stderr what they print for programs on stdout."""


def heading(number: int, intent: str) -> None:
    """One line of intent above the commands of a step."""
    print_text(f"\n{terminal.style(f'{number}  {intent}', 'bold', sys.stdout)}\n")


def perform(command: Sequence[str]) -> ExitCode:
    """Show the command a user would type, run it, print the beginning of its output.

    Raises:
        OmptoolError: the command failed.
    """
    shown = typed(command)
    print_text(f"{_prompt(shown)}\n")
    code, printed = _run(command)
    _show(printed, with_facts=command[0] not in _WITH_SENTENCE)
    if code not in {ExitCode.OK, ExitCode.PARTIAL}:
        raise OmptoolError(f"this step of the tour failed with exit code {code}", f"try it alone: {shown}")
    return ExitCode(code)


@contextlib.contextmanager
def background(what: str, command: Sequence[str]) -> Iterator[str]:
    """Address of a server that runs until the block ends, or this process does, however that comes about."""
    print_text(f"{_prompt(typed(command) + ' &')}\n")
    with tempfile.TemporaryFile("w+", encoding="utf-8") as messages:
        process = subprocess.Popen(
            [sys.executable, "-m", "omptool.cli.leash", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=messages,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the tour, which ends its servers last
        )
        try:
            hello = process.stdout.readline() if process.stdout else ""
            if not hello:
                messages.seek(0)
                raise OmptoolError(f"{what} did not start", messages.read())
            print_text(hello)
            yield json.loads(hello)["url"]
        finally:
            process.terminate()
            _let_finish(process)


def typed(command: Sequence[str]) -> str:
    """The command line as a person would type it: SQL in double quotes."""
    return " ".join(
        f'"{part}"' if "'" in part and not set(part) & set('"$`\\!') else shlex.quote(part)
        for part in (_program(), *command)
    )


def _program() -> str:
    """How the user called omptool, where the shell would not find it by its name."""
    return "omptool" if shutil.which("omptool") or Path(sys.argv[0]).stem != "omptool" else sys.argv[0]


def _prompt(command: str) -> str:
    return terminal.style(f"$ {command}", "cyan", sys.stdout)


def _run(command: Sequence[str]) -> tuple[int, str]:
    """Run one omptool command; its messages stay on a terminal's stderr, else they join what it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "omptool", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if terminal.stderr_is_terminal() else subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        env=os.environ
        | {"COLUMNS": str(terminal.columns(_CELLS))}
        | ({} if "--chart" in command else {"OMPTOOL_OUTPUT_FORMAT": "table"}),
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
    cells = terminal.columns(_CELLS)
    shown = [terminal.clip(terminal.escape(line), cells) for line in lines[:LINES]]
    if len(lines) > LINES:
        shown.append(f"… {len(lines) - LINES} more lines")
    print_text("".join(line + "\n" for line in shown))
