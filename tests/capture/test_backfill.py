"""Windows filled from a server's history: what is new is stored once, and nothing is called whole that is not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from omptool.capture import view
from omptool.capture.reader import Capture
from omptool.capture.recording.recorder import record
from omptool.capture.recording.terms import Intervals, Limits, RecordingResult, Selection, Wanted
from omptool.capture.verify import WINDOWS, verify
from omptool.config import ServerConfig
from omptool.model.vocabulary import GapState, Origin
from tests.capture.counting import counting_server
from tests.capture.counting_server import Options

FAST = Intervals(publishing_ms=50.0, sampling_ms=0.0)


def killed_and_resumed(history: str, path: Path) -> RecordingResult:
    """A recording, a time without one, and one that fills the window and then ends."""

    async def main(url: str) -> RecordingResult:
        wanted = [Wanted(ServerConfig(url), FAST)]
        first = await record(wanted, path, selection=Selection(), limits=Limits(count=100), stop=asyncio.Event())
        assert first is not None
        await asyncio.sleep(1.0)
        stop = asyncio.Event()
        running = asyncio.create_task(
            record(wanted, path, selection=Selection(), limits=Limits(), stop=stop, resume=True, backfill=True)
        )
        async with asyncio.timeout(90):
            while not running.done() and not any(e.kind == "backfill" for e in Capture.open(path).journal_entries):  # noqa: ASYNC110  a file
                await asyncio.sleep(0.5)
        stop.set()
        result = await running
        assert result is not None
        return result

    with counting_server(Options(counters=2, history=history)) as server:
        return asyncio.run(main(server.url))


def telemetry(path: Path) -> list[dict[str, Any]]:
    batches = view.telemetry(Capture.open(path))
    return [row for batch in batches for row in batch.select(["path", "time", "value", "origin", "seq"]).to_pylist()]


def test_a_window_is_backfilled_when_history_has_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "x.omcap"
    result = killed_and_resumed("kept", path)
    rows = telemetry(path)
    assert {row["origin"] for row in rows} == {Origin.INITIAL, Origin.LIVE, Origin.HISTORY}
    for name in ("Line1/Counter0", "Line1/Counter1"):
        found = sorted((row["time"], row["value"]) for row in rows if row["path"] == name)
        numbers = [value for _, value in found]
        assert numbers == [numbers[0] + at for at in range(len(numbers))]  # nothing absent, nothing twice
    [gap] = Capture.open(path).gap_entries
    assert (gap.state, gap.detail["history"]["filled"]) == (GapState.BACKFILLED, 2)
    assert gap.detail["history"]["rows"] == sum(row["origin"] == Origin.HISTORY for row in rows) > 100
    [verdict] = verify(Capture.open(path)).verdicts
    assert (verdict.verdict, verdict.windows[0]["state"]) == (WINDOWS, GapState.BACKFILLED)
    assert result.servers[0].filled == 1 and not result.is_complete  # backfilled is never complete


@pytest.mark.parametrize(
    ("history", "why", "has_rows"),
    [
        ("", "keeps no history", False),
        ("sampled", "is not in it", True),
        ("breaks", "BadHistoryOperationInvalid", True),
    ],
)
def test_a_window_that_history_does_not_have_whole_stays_explained(
    tmp_path: Path, history: str, why: str, has_rows: bool
) -> None:
    path = tmp_path / "x.omcap"
    result = killed_and_resumed(history, path)
    [gap] = Capture.open(path).gap_entries
    assert gap.state == GapState.EXPLAINED and gap.end_ns is not None
    causes = gap.detail["history"]["not_filled"]
    assert any(why in cause for cause in causes), causes
    rows = telemetry(path)
    assert any(row["origin"] == Origin.HISTORY for row in rows) == has_rows
    moments = [(row["path"], row["time"], row["value"]) for row in rows]
    assert len(set(moments)) == len(moments)
    assert result.servers[0].filled == 0
