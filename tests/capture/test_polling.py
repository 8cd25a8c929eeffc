"""Cycles that passed between two sessions: a window where the subscription came through, none of its own else."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from omptool.capture.reader import Capture
from omptool.capture.recording import polling
from omptool.capture.recording.polling import Polling
from omptool.capture.writer import CaptureWriter
from tests.capture.build import SERVER, doubles, start

NODES = {1: "nsu=urn:test:plant;s=Line1.T0", 2: "nsu=urn:test:plant;s=Line1.T1"}
EVERY_MS, AWAY_S = 20.0, 0.2


class Recording:
    """Works at once, and tells of it."""

    def __init__(self) -> None:
        self.worked = asyncio.Event()

    async def in_thread(self, work: Callable[[], Any]) -> None:
        work()
        self.worked.set()


def store_of(writer: CaptureWriter) -> Any:
    quota = SimpleNamespace(left=1000, take=lambda rows: None)
    books = SimpleNamespace(writer=writer, quota=quota)
    return SimpleNamespace(sub=1, name=SERVER.server, books=books, gaps=Counter(), note=lambda kind, detail: None)


async def two_sessions(cycles: Polling, recording: Recording, store: Any, later_sub: int) -> None:
    for sub in (1, later_sub):
        session: Any = SimpleNamespace(closed=asyncio.Event())
        store.sub, rows = sub, cycles.rows
        await cycles.start(session, store, {EVERY_MS: NODES})
        while cycles.rows == rows:
            recording.worked.clear()
            await recording.worked.wait()
        session.closed.set()
        await cycles.stop()
        await asyncio.sleep(AWAY_S)


@pytest.mark.parametrize(("later_sub", "is_told"), [(1, True), (2, False)])
def test_nothing_was_read_while_the_connection_was_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, later_sub: int, is_told: bool
) -> None:
    async def read(session: Any, node_ids: list[str]) -> Any:
        await asyncio.sleep(0)
        return doubles([1, 2])

    monkeypatch.setattr(polling, "read_values", read)
    writer = start(tmp_path / "x.omcap")

    async def run() -> int:
        recording = Recording()
        cycles = Polling(recording)  # type: ignore[arg-type]
        await two_sessions(cycles, recording, store_of(writer), later_sub)
        return cycles.missed

    missed = asyncio.run(run())
    writer.commit()
    writer.close()
    capture = Capture.open(tmp_path / "x.omcap")
    gaps = {gap.node: gap for gap in capture.gap_entries if gap.detail["cause"] == "the connection was gone"}
    if not is_told:
        assert gaps == {}
        return
    assert missed >= AWAY_S * 1000 / EVERY_MS - 1
    times = [at for _, rows in capture.batches() for at in rows.column("receive_time").cast("int64").to_pylist()]
    longest = max(range(len(times) - 1), key=lambda at: times[at + 1] - times[at])
    assert set(gaps) == {1, 2}
    for gap in gaps.values():
        assert gap.end_ns is not None and gap.end_ns - gap.start_ns >= AWAY_S * 1e9
        assert times[longest] <= gap.start_ns < gap.end_ns <= times[longest + 1]
