"""Every case of bad input: what is said, the exit code, nothing on stdout, nothing left behind, nothing lost.

`REGOLD=1 pytest tests/errors -p no:xdist` writes the golden files anew; then `python -m cogapp -r -I .
docs/reference/errors.md` writes the page. Exit codes stand in the cases and are never taken over.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from docs import blocks
from tests.conftest import Result
from tests.errors.case import Case, Said, golden, write_golden
from tests.errors.cases import SECTIONS, SHARED
from tests.errors.cases_shared import BASES
from tests.errors.given import Store
from tests.errors.peers import Peers
from tests.errors.running import run

CASES = [(section, case) for section, cases in SECTIONS.items() for case in cases]


def _options() -> dict[str, set[str]]:
    """Options of every command."""
    return {
        path.removeprefix("omptool "): {name for parameter in command.params for name in parameter.opts}
        for path, command, _ in blocks.walk()
        if not hasattr(command, "list_commands")
    }


def _lines() -> Iterator[tuple[str, Case, str]]:
    """Section, case and command line of all that is run."""
    known = _options()
    assert known.keys() == BASES.keys()
    for section, case in CASES:
        if section != SHARED:
            yield section, case, case.typed
            continue
        for name, base in BASES.items():
            if (not case.option or case.option in known[name]) and (not case.only or name in case.only):
                yield section, case, case.typed.replace("COMMAND", base)


LINES = list(_lines())


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("given"))


@pytest.fixture(scope="session")
def peers(tmp_path_factory: pytest.TempPathFactory, store: Store) -> Iterator[Peers]:
    servers = Peers(tmp_path_factory.mktemp("peers"), store)
    yield servers
    servers.close()


@pytest.mark.parametrize(
    ("section", "case", "typed"),
    LINES,
    ids=[f"{section}: {case.cause}: {typed[:60]}" for section, case, typed in LINES],
)
def test_bad_input(
    section: str,
    case: Case,
    typed: str,
    invoke: Callable[..., Result],
    store: Store,
    peers: Peers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    store.lay_out(case, typed, here)
    for path in here.glob("omptool.toml"):
        path.write_bytes(peers.real(path.read_text()).encode()) if case.given else None
    line = peers.real(typed)
    if "cloud.own" in case.given:
        (here / "cloud.token").write_bytes(peers.token)
        (here / "cloud.token").chmod(0o600)
    before = _contents(here)
    result = run(case, line, here, invoke)
    said = Said(int(result.code), _neutral(peers.shown(result.err), tmp_path, section))
    assert result.code == case.code, said.err
    assert "Traceback" not in said.err
    assert result.out == "" or case.out, result.out
    after = {name: content for name, content in _contents(here).items() if name.split("/")[0] not in case.leaves}
    assert after == {name: content for name, content in before.items() if name.split("/")[0] not in case.leaves}
    known = golden(section)
    if os.environ.get("REGOLD"):
        known[case.cause] = said
        write_golden(section, SECTIONS[section], known)
    assert said == known[case.cause]


@pytest.mark.parametrize(("section", "case"), CASES, ids=[f"{section}: {case.cause}" for section, case in CASES])
def test_every_error_says_what_to_do(section: str, case: Case) -> None:
    said = golden(section)[case.cause]
    assert said.message or case.code == 0, "it says nothing"
    assert len(said.message) < 400
    assert said.hint or case.hint_free or case.code == 0, f"no next step: {said.err}"


@pytest.mark.parametrize("section", SECTIONS)
def test_golden_files_hold_the_cases_and_nothing_else(section: str) -> None:
    causes = [case.cause for case in SECTIONS[section]]
    assert len(set(causes)) == len(causes)
    assert list(golden(section)) == causes


def _contents(folder: Path) -> dict[str, str]:
    """Everything below `folder`, with what identifies its content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        facts = path.lstat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(facts.st_mode) else ""
        found[str(path.relative_to(folder))] = f"{stat.filemode(facts.st_mode)} {content}"
    return found


def _neutral(text: str, tmp_path: Path, section: str) -> str:
    """`text` without what differs from run to run."""
    text = re.sub(re.escape(str(tmp_path / "here")) + "/?", "", text).replace(str(tmp_path), "~")
    text = re.sub(r"by pid \d+ on \S+", "by pid 4711 on this computer", text)
    text = re.sub(r"(its first version is of) \S+", r"\1 2026-11-22T10:18:00Z", text)
    text = re.sub(r"it says \S+ \S+ UTC", "it says 2026-11-22 10:18 UTC", text)
    text = re.sub(r"in \d+\.\d s", "in 0.1 s", text)
    text = re.sub(r"\b([0-9A-F]{2}:){19,31}[0-9A-F]{2}\b", "3F:0A:7C:…:91", text)
    text = re.sub(r"\b[0-9A-F]{40}([0-9A-F]{24})?\b", "3F0A7C…91", text)
    text = re.sub(r"-[0-9A-F]{8}\.(der|crl)", r"-3F0A7C41.\1", text)
    if section == SHARED:
        text = re.sub(r"omptool [a-z]+( [a-z]+)? --help", "omptool COMMAND --help", text)
        text = re.sub(r"(no option --\w+ in) omptool .*", r"\1 omptool COMMAND", text)
    return text
