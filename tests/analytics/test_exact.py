"""Analyses give the same bytes whatever number of threads adds them up: their sums are of integers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omptool.analytics import catalog
from omptool.analytics.run import Request, analyse
from omptool.model.contracts import TELEMETRY
from omptool.sources.resolve import resolve_all
from omptool.sql.engine import LocalEngine

MACHINES, ROWS = 3, 60_000
SUMS = "SELECT machine, sum(value) AS s, avg(value) AS a FROM telemetry WHERE isfinite(value) GROUP BY 1 ORDER BY 1"
START_US = 1_767_225_600_000_000


def _column(name: str, texts: list[str]) -> pa.Array:
    return pa.array(texts, TELEMETRY.field(name).type)


@pytest.fixture(scope="module")
def telemetry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """States, and counters of goods by weight, in many small row groups: work for every thread, in any order."""
    random = np.random.default_rng(7)
    tags = ["State", "GoodCount", "ScrapCount", "IdealCycleTime"]
    seq = np.arange(MACHINES * ROWS)
    machine, tag = seq % MACHINES, random.integers(0, len(tags), seq.size)
    rising = np.cumsum(random.exponential(0.1, seq.size)) + 0.1
    value = np.select(
        [tag == 0, tag == 3],
        [random.integers(1, 6, seq.size).astype(float), random.uniform(0.1, 0.3, seq.size)],
        rising,
    )
    value[random.integers(0, seq.size, 500)] = np.nan
    value[random.integers(0, seq.size, 50)] = np.inf
    words = np.array(["", "Executing", "NotExecuting", "OutOfService", "Setup", "NotAvailable"])
    text = [str(words[int(v)]) if t == 0 and 0 < v < 6 else None for v, t in zip(value, tag, strict=True)]
    given = {
        "time": pa.array(START_US + seq * 1000 + random.integers(0, 1000, seq.size), TELEMETRY.field("time").type),
        "time_ns": pa.array(random.integers(0, 10, seq.size) * 100, pa.int16()),
        "value": pa.array(value),
        "value_text": pa.array(text),
        "machine": _column("machine", [f"M{n}" for n in machine]),
        "tag": _column("tag", [tags[n] for n in tag]),
        "node_id": _column("node_id", [f"s={m}.{n}" for m, n in zip(machine, tag, strict=True)]),
        "status": pa.array(np.zeros(seq.size, np.int64)),
        "overflow": pa.array(np.zeros(seq.size, bool)),
        "seq": pa.array(seq + 1),
    }  # fmt: skip
    fixed = {"time_basis": "source", "site": "S", "server": "urn:x", "type": "x", "quality": "Good", "origin": "live"}
    fixed |= {"path": "p", "capture": "c1"}
    for name, text in fixed.items():
        given[name] = _column(name, [text] * seq.size)
    arrays = [given.get(field.name, pa.nulls(seq.size, field.type)) for field in TELEMETRY]
    path = tmp_path_factory.mktemp("exact") / "telemetry.parquet"
    pq.write_table(pa.table(arrays, schema=TELEMETRY), path, row_group_size=2048)
    return path


def _answer(path: Path, name: str, threads: int) -> pa.Table:
    with LocalEngine(resolve_all([str(path)])) as engine:
        engine._connection.execute(f"SET threads = {threads}")  # no statement may, and no flag does
        return analyse(engine, catalog.load(name), Request(strangers=True)).rows


@pytest.mark.parametrize("name", ["oee", "time_in_state", "data_quality"])
def test_the_number_of_threads_changes_no_digit(telemetry: Path, name: str) -> None:
    first = _answer(telemetry, name, 1)
    assert first.num_rows >= MACHINES
    for threads in (2, 8):
        assert _answer(telemetry, name, threads).equals(first)


def test_these_rows_would_tell_a_sum_of_doubles(telemetry: Path) -> None:
    """Else the test above proves nothing."""
    found = set()
    for threads in (1, 2, 3, 5, 8):
        with LocalEngine(resolve_all([str(telemetry)])) as engine:
            engine._connection.execute(f"SET threads = {threads}")
            found.add(str(engine.run(SUMS).read_all().to_pylist()))
    assert len(found) > 1


def test_repeatable_gives_the_same_digits_every_time(telemetry: Path) -> None:
    found = set()
    for _ in range(3):
        with LocalEngine(resolve_all([str(telemetry)]), repeatable=True) as engine:
            found.add(str(engine.run(SUMS).read_all().to_pylist()))
    assert len(found) == 1
