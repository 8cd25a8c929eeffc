"""The documentation says everything the program can do, and what it shows is what happens."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from docs import blocks, column_meanings
from omptool import config, errors
from omptool.cli import exits
from omptool.cli.commands import COMMANDS, load
from omptool.model.contracts import VIEWS
from omptool.model.vocabulary import GapReason, GapState, Origin, Quality, TimeBasis
from tests.conftest import Result

ROOT = Path(__file__).parent.parent
DOCS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("**/*.md")])
GENERATED = sorted((ROOT / "docs" / "reference").glob("*.md"))


def test_generated_parts_are_fresh() -> None:
    """To write them anew: `python -m cogapp -r -I . docs/reference/*.md`."""
    done = subprocess.run(
        [sys.executable, "-m", "cogapp", "--check", "-I", str(ROOT), *map(str, GENERATED)],
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _sections() -> dict[str, str]:
    parts = re.split(r"^## (.+)$", (ROOT / "docs/reference/cli.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_command_and_option_is_documented_with_an_example() -> None:
    sections = _sections()
    commands = {name: command for name, command, _ in blocks.walk()}
    assert {f"omptool {name}" for name in COMMANDS} <= set(commands)
    for name, command in commands.items():
        for parameter in command.params:
            assert parameter.help or parameter.hidden, f"{name}: {parameter.name} has no help"
            assert all(option in sections[name] for option in parameter.opts if option.startswith("-"))
        if not hasattr(command, "list_commands"):
            assert "Examples:" in sections[name], f"{name} shows no example"
            assert f"    {name}" in sections[name]


def test_the_list_of_commands_says_what_each_says_itself() -> None:
    for name, summary in COMMANDS.items():
        first_paragraph = (load(name).help or "").strip().split("\n\n")[0]
        assert " ".join(first_paragraph.split()) == summary


def test_every_setting_is_documented() -> None:
    page = (ROOT / "docs/reference/config.md").read_text(encoding="utf-8")
    for setting in config.SETTINGS:
        assert f"`{setting.key}`" in page
        assert f"`{setting.variable}`" in page
    for setting in config.SERVER_SETTINGS:
        assert f"| `{setting.key}` |" in page


def test_every_exit_code_is_documented() -> None:
    page = (ROOT / "docs/reference/exit-codes.md").read_text(encoding="utf-8")
    for code in exits.ExitCode:
        assert f"| {code.value} | {code.name} |" in page


def test_every_error_is_documented_with_its_exit_code() -> None:
    page = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    kinds.remove(errors.OmptoolError)
    assert kinds
    for kind in kinds:
        assert f"| {kind.__name__} | {exits.exit_code_for(kind('x')):d} |" in page


@pytest.mark.parametrize("view", VIEWS)
def test_every_column_is_documented(view: str) -> None:
    assert list(column_meanings.VIEWS[view]) == VIEWS[view].names
    page = (ROOT / "docs/reference/columns.md").read_text(encoding="utf-8")
    for name in VIEWS[view].names:
        assert f"| `{name}` |" in page


def test_every_word_of_a_closed_set_is_documented() -> None:
    columns = (ROOT / "docs/reference/columns.md").read_text(encoding="utf-8")
    capture = (ROOT / "docs/reference/capture-format.md").read_text(encoding="utf-8")
    for words in (Origin, TimeBasis, Quality, GapReason, GapState):
        assert [word for word in words if f"`{word}`" not in columns] == []
    assert [word for word in (*GapReason, *GapState) if f"`{word}`" not in capture] == []


def test_every_kind_of_journal_entry_is_documented() -> None:
    page = (ROOT / "docs/reference/capture-format.md").read_text(encoding="utf-8")
    sources = [path for folder in ("capture", "opcua") for path in (ROOT / "omptool" / folder).rglob("*.py")]
    written = re.compile(r"\b(?:note|journal|Event|close|_tell)\(\s*\"(\w+)\"")
    kinds = {kind for path in sources for kind in written.findall(path.read_text(encoding="utf-8"))}
    assert {"start", "subscribe", "malformed", "stop"} <= kinds
    assert [kind for kind in sorted(kinds) if f"`{kind}`" not in page] == []


@pytest.mark.parametrize("page", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_every_page_can_be_reached() -> None:
    index = (ROOT / "docs/index.md").read_text(encoding="utf-8")
    linked = {(ROOT / "docs" / target).resolve() for target in re.findall(r"\]\(([^)#:]+)\)", index)}
    pages = {path.resolve() for path in (ROOT / "docs").glob("**/*.md")} - {(ROOT / "docs/index.md").resolve()}
    assert pages <= linked


def test_dependencies_are_explained() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (ROOT / "docs/explanation/dependencies.md").read_text(encoding="utf-8")
    wanted = [*project["dependencies"], *(d for extra in project["optional-dependencies"].values() for d in extra)]
    for requirement in wanted:
        name = re.split(r"[<>=\[]", requirement)[0]
        assert f"**{name}**" in page, f"{name} has no reason in dependencies.md"


def _console_blocks() -> Iterator[tuple[str, str]]:
    """Page and text of every block that shows a command with its output; the tutorial has a test of its own."""
    for page in DOCS:
        if page.parent.name == "tutorial":
            continue
        for block in re.findall(r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
            yield str(page.relative_to(ROOT)), block


def test_there_is_a_console_block_in_the_readme() -> None:
    assert "README.md" in {page for page, _ in _console_blocks()}


@pytest.mark.parametrize(("page", "block"), list(_console_blocks()))
def test_console_blocks_are_what_happens(invoke: Callable[..., Result], page: str, block: str) -> None:
    """Each `$ omptool …` line is run; the lines below it are its exact output, stderr after stdout."""
    steps = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
    assert steps
    for step in steps:
        command, _, expected = step.partition("\n")
        program, *arguments = shlex.split(command)
        assert program == "omptool", f"{page}: {command}"
        result = invoke(*arguments)
        assert result.out + result.err == expected
