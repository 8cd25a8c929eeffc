"""Plain options without pydantic: the same values and refusals that a user expects, and completion still works."""

from __future__ import annotations

import os
import subprocess
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from omptool.cli.coercion import lighten
from omptool.cli.commands import COMMANDS, load
from omptool.cli.terminal import clip, escape, width
from tests.conftest import clean_environment


class _Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def _act(
    name: str,
    count: Annotated[int, typer.Option(min=1, max=9)] = 1,
    share: Annotated[float, typer.Option(min=0)] = 0.5,
    path: Annotated[Path | None, typer.Option()] = None,
    colour: Annotated[_Colour, typer.Option()] = _Colour.RED,
    tag: Annotated[list[str] | None, typer.Option()] = None,
    span: Annotated[tuple[str, int] | None, typer.Option()] = None,
    loud: Annotated[bool, typer.Option("--loud/--quiet")] = False,
) -> tuple[Any, ...]:
    return name, count, share, path, colour, tag, span, loud


def _run(*arguments: str, light: bool = True) -> Any:
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command()(_act)
    command = typer.main.get_command(app)
    if light:
        lighten(command)
    with command.make_context("act", list(arguments)) as ctx:
        return command.invoke(ctx)


@pytest.mark.parametrize(
    "arguments",
    [
        ["x"],
        ["x", "--count", "9", "--share", "1e3", "--path", "a/b", "--colour", "blue", "--loud"],
        ["x", "--tag", "a", "--tag", "b", "--span", "from", "7", "--quiet"],
    ],
)
def test_values_are_those_that_typer_gives(arguments: list[str]) -> None:
    assert _run(*arguments) == _run(*arguments, light=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--count", "many"], "'many' is not a whole number"),
        (["--count", "10"], "10 is not in the range 1 … 9"),
        (["--share", "-1"], "-1 is not in the range 0 …"),
        (["--share", "nan"], "nan is not in the range 0 …"),
        (["--colour", "green"], "'green' is not one of 'red', 'blue'"),
        (["--span", "from", "here"], "'here' is not a whole number"),
    ],
)
def test_refusals_say_what_would_do(arguments: list[str], message: str) -> None:
    with pytest.raises(typer.BadParameter) as raised:
        _run("x", *arguments)
    assert message in raised.value.format_message()


@pytest.mark.parametrize("name", COMMANDS)
def test_every_parameter_of_every_command_is_plain(name: str) -> None:
    """Otherwise that command waits for pydantic."""
    command: Any = load(name)
    for one in [command, *getattr(command, "commands", {}).values()]:
        heavy = [p.name for p in one.params if type(p._runtime_param).__module__ != "omptool.cli.coercion"]
        assert heavy == []


def test_completion_lists_commands(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from omptool.cli.app import main; main()"],
        env=clean_environment(
            tmp_path, {"_OMPTOOL_COMPLETE": "complete_bash", "COMP_WORDS": "omptool con", "COMP_CWORD": "1"}
        ),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stdout.split() == ["convert", "config"]
    assert os.environ.get("_OMPTOOL_COMPLETE") is None


@given(st.text())
def test_escaped_text_cannot_steer(text: str) -> None:
    shown = escape(text)
    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or 0x202A <= ord(c) <= 0x202E for c in shown)
    assert text != shown or escape(shown) == shown


@given(st.text(), st.integers(2, 20))
def test_clipped_text_fits(text: str, cells: int) -> None:
    assert width(clip(escape(text), cells)) <= cells
