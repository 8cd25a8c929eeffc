"""Every command line that the documentation and the help texts show is one that the program takes."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from docs import blocks
from tests.conftest import ROOT

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").glob("**/*.md")])
OPTIONS = {name.removeprefix("omptool").strip(): _command.params for name, _command, _ in blocks.walk()}
_LINE = re.compile(r"\bomptool +([a-z][a-z ]*)?([^|;&`\n]*)")


def _shown() -> Iterator[tuple[str, str]]:
    """Page and command line, from fenced blocks and from `quoted code`."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        code = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        code += re.findall(r"`(omptool [^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
        for block in code:
            for match in _LINE.finditer(block):
                if match[1] and match[0].split()[1] in OPTIONS:
                    yield page.name, match[0].strip()


@pytest.mark.parametrize(("page", "line"), sorted(set(_shown())))
def test_command_lines_use_what_there_is(page: str, line: str) -> None:
    words = line.split()
    name = next(part for part in (" ".join(words[1:3]), words[1]) if part in OPTIONS)
    known = {option for parameter in OPTIONS[name] for option in (*parameter.opts, "--help")}
    bare = re.sub(r'"[^"]*"|\'[^\']*\'', "", line)
    assert [word for word in re.findall(r"(?<=\s)--?[a-zA-Z][\w-]*", bare) if word not in known] == [], page


def test_many_command_lines_are_shown() -> None:
    assert len({line for _, line in _shown()}) > 60
