"""What each command loads: start-up is what may be imported, and no command pays for the libraries of another.

Import contracts cannot see imports inside functions, so a process looks at its own `sys.modules` at its end.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from omptool.cli.commands import COMMANDS
from tests.conftest import DemoServer, clean_environment

HEAVY = {"asyncio", "asyncua", "cryptography", "deltalake", "duckdb", "fastapi", "httpx", "numpy", "polars", "pyarrow"}
HEAVY |= {"pydantic", "rich", "uvicorn", "tomllib"}

_REPORT = """
import json, sys
from omptool.cli import app
code = app.run(sys.argv[1:])
with open(REPORT, "w") as report:
    json.dump([code, sorted({name.partition(".")[0] for name in sys.modules})], report)
"""


def _loaded(tmp_path: Path, *arguments: str) -> tuple[int, set[str]]:
    """Exit code of a command line, and which of HEAVY it loaded."""
    report = tmp_path / "modules.json"
    code = _REPORT.replace("REPORT", repr(str(report)))
    subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path,
        env=clean_environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )
    returned, modules = json.loads(report.read_text())
    return returned, HEAVY & set(modules)


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=lambda c: " ".join(c) or "omptool")
def test_help_loads_nothing_heavy(tmp_path: Path, command: list[str]) -> None:
    assert _loaded(tmp_path, *command, "--help") == (0, set())


def test_version_loads_nothing_heavy(tmp_path: Path) -> None:
    assert _loaded(tmp_path, "--version") == (0, set())


def test_a_usage_error_loads_nothing_heavy(tmp_path: Path) -> None:
    assert _loaded(tmp_path, "brwse") == (2, set())


ARROW = {"numpy", "pyarrow"}
CLIENT = {"asyncio", "asyncua", "cryptography"}


@pytest.mark.parametrize("arguments", [["config", "show"], ["config", "check"]], ids=" ".join)
def test_config_loads_a_parser_only_for_a_file(tmp_path: Path, arguments: list[str]) -> None:
    assert _loaded(tmp_path, *arguments) == (0, set())
    (tmp_path / "omptool.toml").write_text('[output]\nformat = "jsonl"\n')
    assert _loaded(tmp_path, *arguments) == (0, {"tomllib"})


@pytest.mark.parametrize("command", ["info", "verify", "cat"])
def test_looking_into_a_capture_needs_no_client_and_no_sql(tmp_path: Path, plant_capture: Path, command: str) -> None:
    code, loaded = _loaded(tmp_path, command, str(plant_capture))
    assert code == 0
    assert loaded <= ARROW | {"tomllib"}


def test_query_of_a_plain_table_loads_no_reader_of_captures_and_lakes(tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text("number\n1\n")
    code, loaded = _loaded(tmp_path, "query", "from orders", "--on", "orders.csv")
    assert (code, loaded & {"deltalake", "asyncio"}) == (0, set())


def test_query_loads_no_client(tmp_path: Path, plant_capture: Path) -> None:
    code, loaded = _loaded(tmp_path, "query", "select count(*) from telemetry", "--on", str(plant_capture))
    assert code == 0
    assert "duckdb" in loaded
    assert not loaded & (CLIENT | {"polars", "httpx", "fastapi", "rich", "pydantic"})


def test_analyze_loads_no_client(tmp_path: Path, plant_capture: Path) -> None:
    code, loaded = _loaded(tmp_path, "analyze", "time_in_state", "--on", str(plant_capture))
    assert code == 0
    assert "duckdb" in loaded
    assert not loaded & (CLIENT | {"polars", "httpx", "fastapi", "rich", "pydantic"})


def test_asking_a_cloud_loads_no_engine_and_no_loop(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-token-of-a-cloud")
    token.chmod(0o600)
    # nobody listens on the discard port
    (tmp_path / "omptool.toml").write_text('[cloud.plant]\nurl = "http://127.0.0.1:9"\ntoken_file = "token"\n')
    code, loaded = _loaded(tmp_path, "query", "select 1", "--cloud", "plant")
    assert code == 4
    assert "httpx" in loaded
    assert not loaded & {"asyncio", "asyncua", "cryptography", "deltalake", "duckdb", "polars", "fastapi", "rich"}


def test_listing_analyses_loads_no_sql(tmp_path: Path) -> None:
    code, loaded = _loaded(tmp_path, "analyze", "--list")
    assert code == 0
    assert loaded <= {"tomllib"}


def test_replay_to_stdout_loads_no_client_and_no_sql(tmp_path: Path, plant_capture: Path) -> None:
    code, loaded = _loaded(tmp_path, "replay", str(plant_capture), "--to", "stdout", "--rate", "max")
    assert code == 0
    assert not loaded & {"asyncua", "cryptography", "duckdb", "polars", "httpx", "fastapi", "rich", "pydantic"}


def test_convert_loads_no_client_and_no_sql(tmp_path: Path, plant_capture: Path) -> None:
    code, loaded = _loaded(tmp_path, "convert", str(plant_capture), "-o", "lake")
    assert code == 0
    assert not loaded & (CLIENT | {"duckdb", "polars", "httpx", "fastapi", "rich", "pydantic"})


@pytest.mark.parametrize("command", ["discover", "browse", "read"])
def test_asking_a_server_loads_no_sql_and_no_lake(tmp_path: Path, demo_server: DemoServer, command: str) -> None:
    node = ["i=2258"] if command == "read" else []
    code, loaded = _loaded(tmp_path, command, demo_server.url, *node)
    assert code == 0
    assert "asyncua" in loaded
    assert not loaded & {"duckdb", "deltalake", "polars", "fastapi", "rich"}


def test_capture_loads_no_sql_and_no_lake(tmp_path: Path, demo_server: DemoServer) -> None:
    code, loaded = _loaded(tmp_path, "capture", demo_server.url, "-o", "x.omcap", "--dry-run")
    assert code == 0
    assert not loaded & {"duckdb", "deltalake", "polars", "fastapi", "rich"}


def test_the_truth_of_the_demo_needs_no_server(tmp_path: Path) -> None:
    code, loaded = _loaded(tmp_path, "demo", "--truth", "2026-11-16T08:00:00Z", "2026-11-16T08:00:10Z")
    assert code == 0
    assert loaded <= {"numpy"}
