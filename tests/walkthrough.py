"""Pages that show commands with their output: every command is run in a folder with samples, and its output compared.

`REGOLD=1 pytest` writes what was really printed into the page.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.conftest import Result

_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def steps(page: str) -> Iterator[tuple[str, str]]:
    """Command and output; a command goes on until its quotes are closed, as in a shell."""
    for block in _BLOCK.findall(page):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = step.splitlines(keepends=True)
            for count in range(1, len(lines) + 1):
                if "".join(lines[:count]).count('"') % 2 == 0:
                    yield "".join(lines[:count]).rstrip("\n"), "".join(lines[count:])
                    break


def follow(path: Path, cwd: Path, invoke: Callable[..., Result]) -> list[Result]:
    """Run every command of a page, as on a terminal; spaces at the ends of lines do not count."""
    page = path.read_text(encoding="utf-8")
    found = []
    for command, expected in steps(page):
        program, *arguments = shlex.split(command)
        assert program == "omptool"
        result = invoke(*arguments, cwd=cwd, env={"OMPTOOL_OUTPUT_FORMAT": "table", "COLUMNS": "120"})
        said = "".join(f"{line.rstrip()}\n" for line in (result.out + result.err).splitlines())
        if os.environ.get("REGOLD"):
            page = page.replace(f"$ {command}\n{expected}", f"$ {command}\n{said}")
        else:
            assert said == "".join(f"{line.rstrip()}\n" for line in expected.splitlines()), command
        found.append(result)
    if os.environ.get("REGOLD"):
        path.write_text(page, encoding="utf-8")
    return found
