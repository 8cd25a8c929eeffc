"""An answer is the same, bit by bit, where rows have to be spilled and Variables are taken in small portions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from omptool.analytics import catalog, streams
from omptool.analytics.run import Request, analyse
from omptool.config.loading import load
from omptool.sources.lake import LakeSource
from omptool.sources.source import Named
from omptool.sql.engine import LocalEngine
from tests.bench.shopfloor import START_US, lake_of

LITTLE = 48_000_000
"""Bytes for 200,000 rows: some tens of megabytes are spilled."""
VALUES = {
    "State": 750, "StateReason": 250, "GoodCount": 10_000, "ScrapCount": 500, "IdealCycleTime": 6, "Product": 6,
    "SerialNumber": 3_488, "Power": 35_000,
}  # fmt: skip
START = datetime.fromtimestamp(START_US // 1_000_000, UTC)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lake_of(tmp_path_factory.mktemp("lakes"), 4, VALUES)


def rows(lake: Path, name: str, parameters: Mapping[str, object], memory: int | None) -> pa.Table:
    maps = {} if name in ("data_quality", "energy", "genealogy") else {"value": "Power"}
    request = Request(START, START + timedelta(days=1), maps=maps, parameters=parameters)
    with LocalEngine([Named(LakeSource(lake))], memory=memory) as engine:
        engine._connection.execute("SET threads = 2")  # each thread needs some of it
        return analyse(engine, catalog.load(name), request).rows


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("data_quality", {}),
        ("energy", {}),
        ("genealogy", {}),
        ("aggregate", {"aggregate": "TimeAverage", "interval": "1h"}),
        ("i_mr", {}),
        ("drift", {}),
    ],
)
def test_the_same_with_little_memory(
    lake: Path, monkeypatch: pytest.MonkeyPatch, name: str, parameters: Mapping[str, object]
) -> None:
    plenty = rows(lake, name, parameters, None)
    monkeypatch.setattr(streams, "PORTION", 20_000)
    little = rows(lake, name, parameters, LITTLE)
    assert plenty.num_rows > 0
    assert little.combine_chunks().equals(plenty.combine_chunks())


def test_the_setting_is_what_the_engine_gets() -> None:
    loaded = load({}, {"OMPTOOL_SQL_MEMORY": "100MB"}, [])
    with LocalEngine(memory=loaded["sql.memory"]) as engine:
        said = engine.run("SELECT current_setting('memory_limit') AS said").read_all()["said"][0].as_py()
    assert said == "95.3 MiB"
