"""A gap in the capture of a foreign server filled from the history that it keeps: every tick there, none twice."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path

import polars as pl
import pytest

from omptool.capture import view
from omptool.capture.reader import Capture
from omptool.capture.recording.recorder import record
from omptool.capture.recording.terms import Intervals, Limits, Selection, Wanted
from omptool.capture.verify import verify
from omptool.config import ServerConfig
from omptool.lake.convert import convert
from omptool.model.times import unix_us
from omptool.model.vocabulary import GapState
from omptool.sources.capture import CaptureSource
from tests.peers.plants import Plant, running_plant

CHANGING = Selection(globs=("Plant/Changing/*",))
EVERY_TICK = ("Counter", "Ratio", "Text", "Image", "Moment", "Anything")
"""The values that are another one at every tick."""


def has_backfill(path: Path) -> bool:
    return any(entry.kind == "backfill" for entry in Capture.open(path).journal_entries)


async def killed_and_resumed(plant: Plant, path: Path) -> None:
    wanted = [Wanted(ServerConfig(plant.url), Intervals(200.0, 0.0))]
    await record(wanted, path, selection=CHANGING, limits=Limits(count=200), stop=asyncio.Event())
    await asyncio.sleep(1.0)
    stop = asyncio.Event()
    running = asyncio.create_task(
        record(wanted, path, selection=CHANGING, limits=Limits(), stop=stop, resume=True, backfill=True)
    )
    async with asyncio.timeout(90):
        while not running.done() and not has_backfill(path):  # noqa: ASYNC110  a file
            await asyncio.sleep(0.5)
    stop.set()
    await running


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("history")
    with running_plant(home, history=True) as plant:
        asyncio.run(killed_and_resumed(plant, home / "x.omcap"))
    return home / "x.omcap"


def test_every_tick_is_there_once_and_the_window_is_backfilled(capture: Path) -> None:
    ticks: dict[str, list[int]] = defaultdict(list)
    origins = set()
    for batch in view.telemetry(Capture.open(capture)):
        for row in batch.select(["tag", "path", "time", "origin"]).to_pylist():
            origins.add(row["origin"])
            if row["origin"] != "initial":
                ticks[row["path"].rpartition("/")[2]].append(unix_us(row["time"]) // 50_000)
    assert "history" in origins
    for name in EVERY_TICK:
        found = sorted(ticks[name])
        assert len(set(found)) == len(found), name
        absent = set(range(found[0], found[-1])) - set(found)
        assert len(absent) <= 1, name  # the tick that came as an initial value
    [gap] = Capture.open(capture).gap_entries
    assert (gap.state, gap.detail["history"]["filled"]) == (GapState.BACKFILLED, 8)
    assert not verify(Capture.open(capture)).has_unexplained


def test_the_lake_has_the_older_rows_in_their_place(capture: Path, tmp_path: Path) -> None:
    convert([CaptureSource(capture)], tmp_path / "lake")
    rows = pl.concat([pl.read_parquet(file) for file in (tmp_path / "lake" / "telemetry").rglob("*.parquet")])
    assert len(rows) == Capture.open(capture).rows
    for (_,), one in rows.group_by("node_id", maintain_order=True):
        assert one["time"].is_sorted()
