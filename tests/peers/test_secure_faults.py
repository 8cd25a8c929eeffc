"""A signature tells a byte that was changed on the way, as nothing else does: no wrong value, and none missing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from omptool.capture.reader import Capture
from omptool.capture.recording.recorder import record
from omptool.capture.recording.terms import Intervals, Limits, Progress, Selection, Wanted
from tests.faults.faults import Fault, Kind, Way
from tests.faults.proxy import Workshop
from tests.peers.test_reconnect import until
from tests.peers.test_secure import Peer, start

SIGNATURE = 32
"""Bytes at the end of a signed message (HMAC-SHA256); before them stand the last value and its two stamps."""


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    yield from start(tmp_path_factory.mktemp("secure"), anonymous=True)


def test_a_changed_byte_of_a_signed_value_is_no_value(secure: Peer, tmp_path: Path) -> None:
    path = tmp_path / "x.omcap"
    fault = Fault(Kind.CORRUPT, way=Way.DOWN, message="PublishResponse", count=3, offset=-(SIGNATURE + 20))

    async def main(url: str) -> None:
        progress, stop = Progress(), asyncio.Event()
        server = replace(secure.server, url=url, security_mode="Sign", timeout_s=10.0)
        wanted = Wanted(server, Intervals(100.0, 0.0))
        limits, selection = Limits(), Selection(("Plant/Counter",))
        recording = asyncio.create_task(
            record([wanted], path, selection=selection, limits=limits, stop=stop, progress=progress)
        )
        await until(lambda: (bool(progress.servers) and progress.servers[0].rows > 20) or recording.done())
        incident = await asyncio.to_thread(proxy.inflict, fault)
        await until(incident.begun.done)
        before = progress.servers[0].rows
        await until(lambda: progress.servers[0].phase == "capturing" and progress.servers[0].rows > before + 40)
        stop.set()
        await recording

    with Workshop() as workshop, workshop.proxy(secure.server.url) as proxy:
        asyncio.run(main(proxy.url))
    capture = Capture.open(path)
    assert capture.gap_entries == []
    assert {"lost", "resumed"} <= {entry.kind for entry in capture.journal_entries}
    values = sorted({value for _, batch in capture.batches() for value in batch.column("v_i64").to_pylist()})
    assert values == list(range(values[0], values[-1] + 1))
