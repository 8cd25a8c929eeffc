"""The examples of docs/how-to/query.md do what they are there for."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from pathlib import Path

from tests.conftest import ROOT, Result
from tests.sources.captures import capture

EMPTY = ("not-good.csv", "all.parquet", "from gaps")
"""Examples that write a file or may have no rows."""


def test_every_example_runs(invoke: Callable[..., Result], tmp_path: Path) -> None:
    capture(tmp_path / "shift.omcap", 300)
    (tmp_path / "orders.csv").write_text(
        "product,machine,started,finished\nA,Press1,2026-01-01T00:00:00Z,2026-01-01T00:02:00Z\n"
    )
    (tmp_path / "kpi.sql").write_text("select count(*) as n from telemetry")
    page = (ROOT / "docs" / "how-to" / "query.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    commands = [
        command for block in blocks for command in re.split(r"^(?=omptool )", block, flags=re.MULTILINE) if command
    ]
    assert len(commands) >= 12
    for command in commands:
        program, *arguments = shlex.split(command.replace("\\\n", " "))
        assert program == "omptool"
        result = invoke(*arguments)
        assert result.code == 0, f"{command}{result.err}"
        assert not re.search(r"^(omptool|note):", result.err, re.MULTILINE), f"{command}{result.err}"
        assert result.out.strip() or any(mark in command for mark in EMPTY), command
    assert (tmp_path / "all.parquet").exists()
