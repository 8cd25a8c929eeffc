"""`read --history` on a foreign server: every tick in its place, and the aggregates that it computes itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from omptool.model.times import unix_us
from tests.peers.plants import Plant, running_plant

TICK_MS = 50
COUNTER = "Plant/Changing/Counter"


@pytest.fixture(scope="module")
def historian(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    with running_plant(tmp_path_factory.mktemp("history"), history=True, steady=True) as plant:
        time.sleep(3)  # values to have been
        yield plant


def ticks(rows: list[dict]) -> list[int]:
    return [unix_us(datetime.fromisoformat(row["time"])) // 1000 // TICK_MS for row in rows]


def counted(row: dict) -> int:
    return int(row["value_exact"] or row["value"]) // 1000003


def test_every_tick_is_there_with_its_exact_value(historian: Plant, invoke) -> None:
    result = invoke("read", historian.url, COUNTER, "--history")
    assert (result.code, result.err) == (0, "")
    found = ticks(result.rows)
    assert len(found) > 2000 // TICK_MS
    assert found == list(range(found[0], found[0] + len(found)))
    assert [counted(row) for row in result.rows] == found
    assert {(row["type"], row["origin"], row["status_name"]) for row in result.rows} == {("Int64", "history", "Good")}


def test_the_newest_come_with_the_last_one_first(historian: Plant, invoke) -> None:
    found = ticks(invoke("read", historian.url, COUNTER, "--history", "-n", "4").rows)
    assert found == list(range(found[0], found[0] - 4, -1))


def test_many_nodes_and_a_limit_of_each(historian: Plant, invoke) -> None:
    options = ("--select", "Plant/Changing/*", "--history", "--start", "-1h", "--limit", "5")
    rows = invoke("read", historian.url, *options).rows
    by_path: dict[str, list[dict]] = {}
    for row in rows:
        by_path.setdefault(row["path"], []).append(row)
    assert len(by_path) == 8
    assert all(len(found) == 5 and ticks(found) == sorted(ticks(found)) for found in by_path.values())


def test_an_aggregate_is_computed_by_the_server(historian: Plant, invoke) -> None:
    end = datetime.now(UTC).replace(microsecond=0)
    window = ("--start", (end - timedelta(seconds=2)).isoformat(), "--end", end.isoformat())
    result = invoke("read", historian.url, COUNTER, "--history", *window, "--aggregate", "count", "--every", "1s")
    assert (result.code, result.err) == (0, "")
    assert [row["value"] for row in result.rows] == [1000 // TICK_MS] * 2
    whole = invoke("read", historian.url, COUNTER, "--history", *window, "--aggregate", "i=2352")
    assert whole.code == 0, whole.err


def test_what_it_does_not_compute_is_said_with_what_it_does(historian: Plant, invoke) -> None:
    result = invoke("read", historian.url, COUNTER, "--history", "--aggregate", "Total", "--every", "1s")
    assert (result.code, result.out) == (1, "")
    assert "BadAggregateNotSupported" in result.err
    assert "it says that it computes: Average, Interpolative, Maximum, Minimum" in result.err


def test_a_part_of_the_nodes_is_said_to_be_a_part(historian: Plant, invoke) -> None:
    result = invoke("read", historian.url, COUNTER, "i=2258", "--history", "-n", "2")
    assert (result.code, len(result.rows)) == (3, 2)
    assert "no history of Server/ServerStatus/CurrentTime" in result.err


def test_doctor_reads_some_of_it(historian: Plant, invoke) -> None:
    rows = {row["step"]: row for row in invoke("doctor", historian.url).rows}
    assert rows["history"]["state"] == "ok"
    assert "gave 10 old values" in rows["history"]["detail"]
