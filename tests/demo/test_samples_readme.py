"""The README of a sample: ten commands, and what they really print, in a copy of the sample."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from omptool.cli.exits import ExitCode
from omptool.demo.samples import folder
from tests.conftest import Result

README = (folder() / "press-line" / "README.md").read_text(encoding="utf-8")


def _commands() -> Iterator[tuple[str, str]]:
    """Command and output of each block; a command goes on until its quotes are closed, as in a shell."""
    for block in re.findall(r"^```console\n\$ (.*?)^```", README, re.MULTILINE | re.DOTALL):
        lines = block.splitlines(keepends=True)
        for count in range(1, len(lines) + 1):
            if "".join(lines[:count]).count('"') % 2 == 0:
                yield "".join(lines[:count]).rstrip("\n"), "".join(lines[count:])
                break


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("sample") / "press-line"
    shutil.copytree(folder() / "press-line", target)
    return target


def test_there_are_ten() -> None:
    assert len(list(_commands())) == 10


@pytest.mark.parametrize(("command", "expected"), list(_commands()))
def test_a_command_prints_what_the_readme_shows(
    copied: Path, invoke: Callable[..., Result], command: str, expected: str
) -> None:
    """As on a terminal: tables. Spaces at the ends of lines do not count."""
    program, *arguments = shlex.split(command)
    assert program == "omptool"
    result = invoke(*arguments, cwd=copied, env={"OMPTOOL_OUTPUT_FORMAT": "table"})
    assert [line.rstrip() for line in (result.out + result.err).splitlines()] == expected.splitlines()
    assert result.code in {ExitCode.OK, ExitCode.PARTIAL}
    assert ("exit 3" in expected or "verify" in command) == (result.code == ExitCode.PARTIAL)


def test_the_other_command_lines_are_taken() -> None:
    """Of the block that starts servers only the options are looked at."""
    from docs import blocks

    options = {name: command.params for name, command, _ in blocks.walk()}
    (block,) = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    for line in block.splitlines():
        words = shlex.split(line)
        known = {option for parameter in options[" ".join(words[:2])] for option in parameter.opts}
        assert [word for word in words if word.startswith("--") and word not in known] == []


def test_every_file_that_the_readme_names_is_there() -> None:
    named = re.findall(r"^\| `([\w./-]+)` \|", README.partition("## What was recorded")[0], re.MULTILINE)
    named += re.findall(r"^\| `(answers/[\w.]+)` \|", README, re.MULTILINE)
    assert len(named) == 10
    assert [name for name in named if not (folder() / "press-line" / name).exists()] == []
