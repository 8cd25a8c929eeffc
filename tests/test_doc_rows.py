"""The rows that commands print have the documented columns, in the documented order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from docs.row_meanings import ROWS
from omptool.analytics import modelling
from omptool.cli import capture_plan, diff, discover, doctor, info, lake_verify, pki, recover, samples, verify
from omptool.cli.capture_words import summary
from omptool.model.contracts import TELEMETRY
from tests.conftest import DemoServer, Result
from tests.sources.captures import capture as small_capture

Run = Callable[..., Result]


def _columns(result: Result) -> list[str]:
    assert result.code == 0, result.err
    row: dict[str, Any] = result.rows[0]
    return list(row)


def test_what_commands_declare() -> None:
    declared = {
        "discover": discover.COLUMNS,
        "diff": diff.COLUMNS,
        "doctor": doctor.COLUMNS,
        "plan": capture_plan.PLAN_COLUMNS,
        "info": info.COLUMNS,
        "info lake": info.LAKE_COLUMNS,
        "verify": verify.COLUMNS,
        "verify lake": lake_verify.LAKE_COLUMNS,
        "pki": pki.COLUMNS,
        "recover": recover.COLUMNS,
        "model check": modelling.Lack._fields,
        "samples list": samples.LIST_COLUMNS,
        "samples copy": samples.COPY_COLUMNS,
        "capture": summary(None).columns,
    }
    assert {name: list(columns) for name, columns in declared.items()} == {name: list(ROWS[name]) for name in declared}


def test_what_needs_no_server_prints(invoke: Run, tmp_path: Path) -> None:
    small_capture(tmp_path / "x.omcap", 12)
    assert _columns(invoke("config", "show")) == list(ROWS["config show"])
    assert _columns(invoke("info", "x.omcap")) == list(ROWS["info"])
    assert _columns(invoke("verify", "x.omcap")) == list(ROWS["verify"])
    assert _columns(invoke("convert", "x.omcap", "-o", "lake")) == list(ROWS["convert"])
    assert _columns(invoke("info", "lake")) == list(ROWS["info lake"])
    assert _columns(invoke("verify", "lake")) == list(ROWS["verify lake"])
    shown = _columns(invoke("cat", "x.omcap"))
    assert [name for name in shown if name not in ROWS["status_name"]] == TELEMETRY.names
    assert shown[shown.index("status") + 1] == "status_name"


def test_what_asks_a_server_prints(demo_server: DemoServer, invoke: Run) -> None:
    url = demo_server.url
    assert list(demo_server.hello) == list(ROWS["demo"])
    assert _columns(invoke("discover", url)) == list(ROWS["discover"])
    browsed = invoke("browse", url, "--select", "**/Press1/Power", "--values")
    assert _columns(browsed) == [*ROWS["browse"], *ROWS["values"]]
    read = invoke("read", url, "i=2258")
    assert set(_columns(read)) == {*TELEMETRY.names, "status_name"}
    assert [read.rows[0][name] for name in ("capture", "seq", "origin")] == ["", 1, "polled"]
    assert _columns(invoke("capture", url, "--dry-run", "--select", "**/Press1/Power")) == list(ROWS["plan"])
