"""The README of a sample: commands, and what they really print, in a copy of the sample."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from omptool.cli.exits import ExitCode
from omptool.demo.samples import folder, samples
from tests import walkthrough
from tests.conftest import Result

NAMES = [sample.name for sample in samples()]
README = (folder() / "press-line" / "README.md").read_text(encoding="utf-8")


def test_there_are_ten_for_the_first_one_that_people_meet() -> None:
    assert len(list(walkthrough.steps(README))) == 10


@pytest.mark.parametrize("name", NAMES)
def test_commands_print_what_the_readme_shows(tmp_path: Path, invoke: Callable[..., Result], name: str) -> None:
    copied = tmp_path / name
    shutil.copytree(folder() / name, copied)
    page = folder() / name / "README.md"
    results = walkthrough.follow(page, copied, invoke)
    assert len(results) >= 3
    for (command, expected), result in zip(walkthrough.steps(page.read_text("utf-8")), results, strict=True):
        assert result.code in {ExitCode.OK, ExitCode.PARTIAL}, command
        loss = "exit 3" in expected or "every missing stretch is explained" in expected
        assert loss == (result.code == ExitCode.PARTIAL), command


def test_the_other_command_lines_are_taken() -> None:
    """Of the block that starts servers only the options are looked at."""
    from docs import blocks

    options = {name: command.params for name, command, _ in blocks.walk()}
    (block,) = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    for line in block.splitlines():
        words = shlex.split(line)
        known = {option for parameter in options[" ".join(words[:2])] for option in parameter.opts}
        assert [word for word in words if word.startswith("--") and word not in known] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_readme_names_every_file(name: str) -> None:
    page = (folder() / name / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"^\| `([\w./-]+)/?` \|", page.partition("## What was recorded")[0], re.MULTILINE)
    named += re.findall(r"^\| `(answers/[\w.]+)` \|", page, re.MULTILINE)
    assert [one for one in named if not (folder() / name / one).exists()] == []
    answers = {f"answers/{path.name}" for path in (folder() / name / "answers").iterdir()}
    assert answers <= set(named)
