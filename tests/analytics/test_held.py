"""Rows that an engine holds give what the recipe's own statement gives, in whatever order they are stored."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from omptool.analytics import catalog, held
from omptool.analytics.onepass import in_one_pass
from omptool.analytics.run import Request, analyse
from omptool.sources.lake import LakeSource
from omptool.sources.source import Named
from omptool.sql.engine import LocalEngine
from tests.analytics.plants import Recorded, gap
from tests.analytics.test_gaps_and_quality import T0, sample
from tests.bench.shopfloor import FAMILY, START_US, lake_of

START = datetime.fromtimestamp(START_US // 1_000_000, UTC)
NAMES = ("oee", "cycle_time", "changeover", "energy", "state_timeline")
ORDERS = ("by node", "as it came", "two captures", "at random")


class Plain:
    """An engine that holds nothing, as a cloud API."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine

    def run(self, statement: str, parameters: Mapping[str, object] | None = None) -> pa.RecordBatchReader:
        return self._engine.run(statement, parameters)

    def cancel(self) -> None:
        self._engine.cancel()


def rows_in(order: str) -> list[dict[str, object]]:
    draw = random.Random(order)
    rows = []
    for machine in ("M", "N"):
        for place in range(60):
            at = {"machine": machine, "seq": 2 * place + 1, "capture": "c1" if place < 31 else "c2"}
            at |= {"origin": draw.choice(["live", "live", "live", "history"])}
            good = {"quality": draw.choice(["Good", "Good", "Uncertain", "Bad"])}
            told = {
                "State": draw.choice(["Executing", "NotExecuting", "Setup", "OutOfService"]),
                "GoodCount": place % 23 if place % 7 else float("nan"), "ScrapCount": place // 9,
                "Product": "AB"[place // 9 % 2], "IdealCycleTime": 1 + place // 20, "Power": place % 5 + 0.25,
            }  # fmt: skip
            for tag, value in told.items():
                row = sample(draw.choice([place, place, place - 2]), tag, value, **good)
                rows.append(row | at | {"node_id": f"s={machine}.{tag}"})
    if order == "at random":
        draw.shuffle(rows)
    elif order == "by node":
        rows.sort(key=lambda row: (row["node_id"], row["time"], row["capture"], row["seq"]))
    elif order == "two captures":
        rows.sort(key=lambda row: (row["capture"], row["node_id"], row["time"], row["seq"]))
    return rows


@pytest.mark.parametrize("most_runs", [held.MOST_RUNS, 3])
@pytest.mark.parametrize("order", ORDERS)
def test_held_rows_give_the_same(order: str, most_runs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "MOST_RUNS", most_runs)
    lost = [gap("2026-01-01T00:00:12+00:00", "2026-01-01T00:00:15+00:00"), gap("2026-01-01T00:00:20+00:00", None)]
    with LocalEngine([Named(Recorded(rows_in(order), lost))]) as engine:
        for name in NAMES:
            asked = Request(T0, T0 + timedelta(seconds=70), strangers=True)
            found = [analyse(each, catalog.load(name), asked).rows for each in (engine, Plain(engine))]
            assert found[0].num_rows
            assert found[0].to_pylist() == found[1].to_pylist() or str(found[0]) == str(found[1]), name


def test_nothing_is_held_behind_the_block() -> None:
    with LocalEngine([Named(Recorded(rows_in("by node"), []))]) as engine:
        analyse(engine, catalog.load("oee"), Request(T0, T0 + timedelta(seconds=70), strangers=True))
        left = engine.run("SELECT table_name FROM duckdb_tables()").read_all()
        plan = engine.run("SELECT current_setting('disabled_optimizers') AS off").read_all()
    assert left.num_rows == 0
    assert not plan["off"][0].as_py()


@pytest.mark.parametrize("name", ["oee", "data_quality"])
def test_little_memory_gives_the_same(name: str, tmp_path: Path) -> None:
    lake = lake_of(tmp_path, 2, {tag: max(1, count // 2) for tag, count in FAMILY.items()})
    found = []
    for limit in ("1GB", "40MB"):
        with LocalEngine([Named(LakeSource(lake))]) as engine:
            engine._connection.execute(f"SET memory_limit = '{limit}'")
            found.append(
                analyse(engine, catalog.load(name), Request(START, START + timedelta(days=1))).rows.to_pylist()
            )
    assert found[0] and found[0] == found[1]


@pytest.mark.parametrize("text", [catalog.part("timeline"), catalog.load("energy").sections["telemetry"]])
def test_what_lasts_is_found_in_one_pass(text: str) -> None:
    found = in_one_pass(text)
    assert text.count("OVER machine") == 2 and "PARTITION BY m ORDER BY nanos NULLS FIRST, tie" in text
    assert "ORDER BY m, nanos NULLS FIRST, tie) in_order WINDOW machine AS (), so_far AS (ROWS BETWEEN" in found
    assert "nanos NULLS FIRST, tie ROWS" not in found and in_one_pass(found) == found
