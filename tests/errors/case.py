"""What a case of bad input is: the command line, what lies around it, and what the reference says of it.

Pure data, read by the tests (which run every case) and by docs/blocks.py (which makes docs/reference/errors.md of what
was really printed). Nothing here runs anything.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

GOLDEN = Path(__file__).parent / "golden"


@dataclass(frozen=True)
class Case:
    """One way in which a command fails, or comes out with nothing.

    Attributes:
        cause: what is wrong, in words; the first column of the page.
        typed: the command line behind `omptool`, as a shell takes it. Names of `given.MATERIALS` in it lie there.
        code: the exit code.
        files: files that lie there besides, by name; a name that ends in `/` is a folder.
        given: further names of `given.MATERIALS`.
        env, stdin: as they say.
        out: what stdout holds: nothing, or complete rows (`rows`), or text for people (`text`).
        leaves: names in the current folder that may be there afterwards.
        needs: `process` for what only a process of its own can show; `unprivileged` for one without root's powers;
            `full` for one whose files cannot grow beyond 4 kB; `few` for one that may have 256 files open;
            `lock NAME` while another process writes that capture; `without NAME` where that package is not installed.
        hint_free: why there is nothing that one could type next.
        option: of a shared case: every command that has it says the same. Empty: every command.
        only: of a shared case: the commands it is about, where not all with the option.
    """

    cause: str
    typed: str
    code: int
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    given: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: str = ""
    out: str = ""
    leaves: tuple[str, ...] = ()
    needs: str = ""
    hint_free: str = ""
    option: str = ""
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Said:
    """What a case really gave: exit code and stderr, with the names of servers instead of their ports."""

    code: int
    err: str

    @property
    def message(self) -> str:
        """The line that says what happened and why."""
        return self._blocks()[-1][0] if self.err else ""

    @property
    def hint(self) -> list[str]:
        """The lines that say what to do."""
        return self._blocks()[-1][1:] if self.err else []

    def _blocks(self) -> list[list[str]]:
        """The last one is the error; before it may stand notes."""
        blocks: list[list[str]] = []
        for line in self.err.splitlines():
            if line.startswith("  ") and blocks:
                blocks[-1].append(line.strip())
            else:
                blocks.append([line.removeprefix("omptool: ")])
        return blocks


def golden(section: str) -> dict[str, Said]:
    """What was printed when the golden file was last written, by cause."""
    path = GOLDEN / f"{section.replace(' ', '-')}.txt"
    if not path.exists():
        return {}
    found = {}
    for part in re.split(r"^### ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        cause, _, rest = part.partition("\n")
        _, _, rest = rest.partition("\n")
        code, _, err = rest.partition("\n")
        found[cause] = Said(int(code.removeprefix("exit ")), err.removesuffix("\n"))
    return found


def write_golden(section: str, cases: tuple[Case, ...], said: Mapping[str, Said]) -> None:
    """Write the golden file anew, in the order of the cases."""
    parts = [
        f"### {case.cause}\n$ omptool {case.typed}\nexit {said[case.cause].code}\n{said[case.cause].err}\n"
        for case in cases
        if case.cause in said
    ]
    (GOLDEN / f"{section.replace(' ', '-')}.txt").write_text("".join(parts), encoding="utf-8")
