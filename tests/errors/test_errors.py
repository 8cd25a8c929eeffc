"""Every case of bad input: what is said, the exit code, nothing on stdout, nothing left behind, nothing lost.

`REGOLD=1 pytest tests/errors -p no:xdist` writes the golden files anew; then `python -m cogapp -r -I .
docs/reference/errors.md` writes the page. Exit codes stand in the cases and are never taken over.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import Result
from tests.errors.case import Case, Said, golden, write_golden
from tests.errors.cases import SECTIONS
from tests.errors.given import Store
from tests.errors.peers import Peers

Run = Callable[[Case], Result]
CASES = [(section, case) for section, cases in SECTIONS.items() for case in cases]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("given"))


@pytest.fixture(scope="session")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peers]:
    servers = Peers(tmp_path_factory.mktemp("peers"))
    yield servers
    servers.close()


@pytest.mark.parametrize(("section", "case"), CASES, ids=[f"{section}: {case.cause}" for section, case in CASES])
def test_bad_input(
    section: str, case: Case, invoke: Callable[..., Result], store: Store, peers: Peers, tmp_path: Path
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    store.lay_out(case, here)
    before = _contents(here)
    result = invoke(*shlex.split(peers.real(case.typed)), cwd=here, env=dict(case.env))
    said = Said(result.code, _neutral(peers.shown(result.err), tmp_path))
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
    assert said.message, "it says nothing"
    assert len(said.message) < 400
    assert said.hint or case.hint_free, f"no next step: {said.err}"


@pytest.mark.parametrize("section", SECTIONS)
def test_golden_files_hold_the_cases_and_nothing_else(section: str) -> None:
    causes = [case.cause for case in SECTIONS[section]]
    assert len(set(causes)) == len(causes)
    assert list(golden(section)) == causes


def _contents(folder: Path) -> dict[str, str]:
    """Everything below `folder`, with what identifies its content."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "folder"
        for path in sorted(folder.rglob("*"))
    }


def _neutral(text: str, tmp_path: Path) -> str:
    """`text` without what differs from run to run."""
    return re.sub(re.escape(str(tmp_path / "here")) + "/?", "", text).replace(str(tmp_path), "~")
