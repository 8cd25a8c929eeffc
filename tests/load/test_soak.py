"""Half an hour of many servers: memory stays where it was, and every row is right. Long, so `full` only."""

from __future__ import annotations

from pathlib import Path

import pytest

from omptool.capture.reader import Capture
from omptool.capture.verify import COMPLETE, verify
from tests.bench.bench_many import parsed, record
from tests.load.checker import check
from tests.load.running import load_server
from tests.load.server import Options

MACHINES, ITEMS, SECONDS = 300, 10, 1800


@pytest.mark.full
@pytest.mark.timeout(SECONDS + 900)
def test_half_an_hour_takes_no_more_memory_than_ten_minutes(tmp_path: Path) -> None:
    arguments = parsed(["--machines", str(MACHINES), "--items", str(ITEMS), "--seconds", str(SECONDS)])
    with load_server(Options(MACHINES, ITEMS)) as server:
        run = record(server, tmp_path, arguments)
        story = server.end()
    third = len(run.memory) // 3
    early, late = max(run.memory[1:third]), max(run.memory[-third:])
    assert late <= 1.05 * early, run.memory
    outcome = check(tmp_path / "x.omcap", story)
    assert not outcome.wrong, str(outcome)
    assert outcome.rows >= MACHINES * ITEMS * SECONDS
    assert {verdict.verdict for verdict in verify(Capture.open(tmp_path / "x.omcap")).verdicts} == {COMPLETE}
