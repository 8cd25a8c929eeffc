"""Tests that the documentation names as proof exist."""

from __future__ import annotations

import ast
import re

import pytest

from tests.conftest import ROOT
from tests.faults.cases import CASES

PAGES = sorted((ROOT / "docs").glob("**/*.md"))
NAMED = sorted(
    {name for page in PAGES for name in re.findall(r"`(tests/[\w/]+\.py(?:::[^`\s]+)?)`", page.read_text("utf-8"))}
)
CASE_FILE = "tests/faults/cases.py"


@pytest.mark.parametrize("named", NAMED)
def test_a_test_that_is_named_is_there(named: str) -> None:
    file, _, name = named.partition("::")
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    known = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    if file == CASE_FILE:
        known = set(CASES)
    assert not name or name in known


def test_rows_of_what_other_clients_lose_each_name_a_test() -> None:
    text = (ROOT / "docs/explanation/other-clients.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| what happens")]
    assert len(rows) >= 25
    assert [row for row in rows if "`tests/" not in row.rsplit("|", 2)[1]] == []
