"""The tutorial: every command of it, in a folder with the samples, and every analysis in it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from omptool.analytics import catalog
from omptool.demo.samples import samples
from tests import walkthrough
from tests.conftest import ROOT, Result

PAGES = sorted((ROOT / "docs" / "tutorial").glob("[0-9]*.md"))


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tutorial")
    for sample in samples():
        shutil.copytree(sample.path, folder / sample.name)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_shows_what_happens(invoke: Callable[..., Result], copies: Path, page: Path) -> None:
    results = walkthrough.follow(page, copies, invoke)
    assert {result.code for result in results} <= {0, 3}


def test_all_analyses_are_in_it() -> None:
    shown = {name for page in PAGES for name in re.findall(r"^\$ omptool analyze (\w+)", page.read_text("utf-8"), re.M)}
    assert set(catalog.names()) - shown == set()
    told = (ROOT / "docs" / "tutorial" / "index.md").read_text("utf-8")
    assert [name for name in shown if not re.search(rf"\b{name}\b", told)] == []
