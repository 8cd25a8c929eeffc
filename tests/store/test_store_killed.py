"""A conversion into a store, killed while a chosen request is under way: the next one makes the lake whole."""

from __future__ import annotations

import subprocess
import sys

import pytest

from omptool.lake.convert import convert
from omptool.lake.table import Table
from omptool.lake.verify import verify
from tests.conftest import ROOT
from tests.store.emulators import Store, clean
from tests.store.test_store_lake import ROWS, At, loose, recording

WORKER = """
import sys
from omptool.lake.convert import convert
from omptool.store.location import location
from tests.store.test_store_lake import recording
convert([recording()], location(sys.argv[1]))
"""

FULL = pytest.mark.full
MOMENTS = [
    pytest.param("moves.json", "cut", 0, id="before-files-are-announced", marks=FULL),
    pytest.param("telemetry/site", "cut", 0, id="while-files-are-uploaded"),
    pytest.param("nodes/_delta_log/00000000000000000001", "cut", 0, id="between-two-commits", marks=FULL),
    pytest.param("telemetry/_delta_log/00000000000000000001", "cut", 0, id="before-the-last-commit"),
    pytest.param("telemetry/_delta_log/00000000000000000001", "lost", ROWS, id="behind-the-last-commit"),
]


@pytest.mark.parametrize(("name", "verdict", "committed"), MOMENTS)
def test_the_next_run_makes_it_whole(store: Store, at: At, name: str, verdict: str, committed: int) -> None:
    lake, killed = at("lake"), []
    process = subprocess.Popen([sys.executable, "-c", WORKER, str(lake)], env=clean(store.environment), cwd=ROOT)

    def kill(path: str) -> None:
        process.kill()
        process.wait()
        killed.append(path)

    def rule(method: str, path: str, _count: int) -> str:
        if killed or method != "PUT" or name not in path:
            return ""
        if verdict == "cut":
            kill(path)
        return verdict

    def then(path: str) -> None:
        if not killed and name in path:
            kill(path)

    store.weather.rule, store.weather.then = rule, then
    process.wait(timeout=280)
    assert killed
    store.weather.clear()
    assert Table(lake, "telemetry").rows() == committed
    assert convert([recording()], lake).rows == ROWS - committed
    assert Table(lake, "telemetry").rows() == ROWS
    assert Table(lake, "gaps").rows() == 1
    assert verify(lake, [recording()]).is_whole
    assert loose(lake) == set()
