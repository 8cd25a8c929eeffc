"""The examples of docs/how-to/query.md do what they are there for."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cloud.clouds import running_cloud
from tests.conftest import ROOT, Result
from tests.sources.captures import capture

PAGE = (ROOT / "docs" / "how-to" / "query.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [command for block in BLOCKS for command in re.split(r"^(?=omptool )", block, flags=re.MULTILINE) if command]
EMPTY = (" -o ", "from gaps")
"""Examples that write a file or may have no rows."""

Invoke = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    capture(tmp_path / "shift.omcap", 300)
    (tmp_path / "orders.csv").write_text(
        "product,machine,started,finished\nA,Press1,2026-01-01T00:00:00Z,2026-01-01T00:02:00Z\n"
    )
    (tmp_path / "kpi.sql").write_text("select count(*) as n from telemetry")
    return tmp_path


def _runs(invoke: Invoke, command: str) -> str:
    program, *arguments = shlex.split(command.replace("\\\n", " "))
    assert program == "omptool"
    result = invoke(*arguments)
    assert result.code == 0, f"{command}{result.err}"
    assert not re.search(r"^(omptool|note):", result.err, re.MULTILINE), f"{command}{result.err}"
    assert result.out.strip() or any(mark in command for mark in EMPTY), command
    return result.out


def test_every_example_runs(invoke: Invoke, home: Path) -> None:
    """Those with `--cloud` ask a server over the lake that the first example made, and get the same bytes."""
    local = [command for command in COMMANDS if "--cloud" not in command]
    assert len(local) >= 12 and len(COMMANDS) - len(local) >= 3
    printed = {command.replace("--on lake", "ENGINE"): _runs(invoke, command) for command in local}
    assert (home / "all.parquet").exists()
    with running_cloud(home, home / "lake") as cloud:
        (home / "omptool.toml").write_text(cloud.settings)
        for command in COMMANDS:
            if "--cloud" in command:
                out = _runs(invoke, command)
                assert printed.get(command.replace("--cloud plant", "ENGINE"), out) == out
    assert (home / "latest.parquet").exists()
    assert sum(command.replace("--cloud plant", "ENGINE") in printed for command in COMMANDS) >= 1
