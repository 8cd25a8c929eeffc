"""Options in groups: typer sees each of them, the command gets them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import typer
from typer.testing import CliRunner

from omptool.cli.grouping import grouped

NameOption = Annotated[str | None, typer.Option("--name", help="Who.")]


@dataclass(frozen=True)
class Who:
    """A group."""

    name: NameOption = None
    times: Annotated[int, typer.Option("--times", min=1)] = 1


NOBODY = Who()


@grouped
def greet(word: Annotated[str, typer.Argument()], who: Who = NOBODY, loud: bool = False) -> None:
    """Say a word."""
    typer.echo(" ".join([word, who.name or "you"] * who.times) + "!" * loud)


def run(*typed: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(greet)
    result = CliRunner().invoke(app, typed)
    return result.exit_code, result.output


def test_options_of_a_group_are_options_of_the_command() -> None:
    assert run("hello") == (0, "hello you\n")
    assert run("hello", "--loud", "--times", "2", "--name", "Ann") == (0, "hello Ann hello Ann!\n")
    code, said = run("--help")
    assert code == 0 and said.index("--name") < said.index("--times") < said.index("--loud")
    assert run("hello", "--times", "0")[0] == 2
