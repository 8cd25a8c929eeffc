"""The main job, end to end and against the truth: a live server, a capture, a lake, an answer; not one value off."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Result, running_demo

SPEED = 60
CONTRACT = ("value", "value_exact", "value_text", "value_list", "status")
SLACK = timedelta(seconds=3 * SPEED)
"""Plant time at the end of the capture that may not have been published yet: three publishing intervals."""

Key = tuple[str, str, int]


def _key(row: dict[str, Any]) -> Key:
    return row["node_id"], row["time"], row["time_ns"]


def _values(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(tuple(row[name]) if isinstance(row[name], list) else row[name] for name in CONTRACT)


def _by_node(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row["node_id"]].append(row)
    return found


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `x.omcap`: the whole plant for some seconds, an hour a minute; `truth` beside it."""
    import subprocess
    import sys

    folder = tmp_path_factory.mktemp("way")
    with running_demo(folder, "--speed", str(SPEED), "--seed", "7") as server:
        capture = [sys.executable, "-m", "omptool", "capture", server.url, "-o", "x.omcap", "--for", "8s"]
        subprocess.run(capture, cwd=folder, check=True, capture_output=True, timeout=100)
        (folder / "from").write_text(server.hello["from"])
    return folder


@pytest.fixture
def way(recorded: Path, run_cli: Callable[..., Result]) -> Callable[..., Result]:
    """The command line, in the folder with the capture; must succeed."""

    def run(*args: object) -> Result:
        result = run_cli(*args, cwd=recorded)
        assert result.code == 0, result.err
        return result

    return run


def test_a_capture_of_the_plant_holds_the_truth_and_nothing_else(way: Callable[..., Result], recorded: Path) -> None:
    rows = [row for row in way("cat", "x.omcap").rows if row["time_basis"] == "source"]
    assert len({_key(row) for row in rows}) == len(rows), "a value stands twice"
    last = max(datetime.fromisoformat(row["time"]) for row in rows)
    begin = (recorded / "from").read_text()
    truth_lines = way("demo", "--seed", 7, "--truth", begin, (last + timedelta(seconds=1)).isoformat()).rows
    truth = _by_node([row for row in truth_lines if row["kind"] == "value"])
    seen = {node: values for node, values in _by_node(rows).items() if node in truth}
    compared = 0
    for node, values in seen.items():
        first = datetime.fromisoformat(values[0]["time"])
        expected = {_key(row): _values(row) for row in truth[node] if datetime.fromisoformat(row["time"]) > first}
        found = {_key(row): _values(row) for row in values if datetime.fromisoformat(row["time"]) > first}
        assert found.items() <= expected.items(), f"{node} has rows that never happened"
        absent = [key for key in expected if key not in found and datetime.fromisoformat(key[1]) < last - SLACK]
        assert not absent, f"{node} lacks {len(absent)} values, first {absent[0]}"
        compared += len(found)
    assert compared > 1000
    assert way("verify", "x.omcap").code == 0


def test_lake_parquet_and_capture_answer_alike_and_convert_adds_nothing_twice(
    way: Callable[..., Result], recorded: Path
) -> None:
    first = way("convert", "x.omcap", "-o", "lake").rows[-1]
    again = way("convert", "x.omcap", "-o", "lake").rows[-1]
    way("convert", "x.omcap", "-o", "x.parquet", "--force")
    sql = (
        "select machine, count(*) n, min(time) a, max(time) b, count(distinct node_id) nodes, "
        "sum(hash(value, value_text, value_list, value_exact, status, seq)::hugeint) h "
        "from telemetry group by all order by 1"
    )
    answers = [way("query", sql, "--on", source).out for source in ("x.omcap", "lake", "x.parquet")]
    assert answers[0] == answers[1] == answers[2]
    assert first["rows"] == sum(row["n"] for row in Result(0, answers[0], "").rows)
    assert again["rows"] == 0


def test_places_come_from_the_server_itself(way: Callable[..., Result]) -> None:
    sql = "select distinct site, area, line, machine from telemetry where machine not like 'urn:%' order by all"
    places = way("query", sql, "--on", "x.omcap").rows
    assert len({row["machine"] for row in places}) >= 6
    assert len({row["line"] for row in places}) == 2
    assert len({row["site"] for row in places}) == 1
    assert all(row["area"] for row in places)
