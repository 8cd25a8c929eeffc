"""A server may send a value again, in a message of another number (node-opcua does, when bytes were held for seconds).

That is two messages, so it is two rows: views keep duplicates, and dropping one would contradict the account. Whoever
wants them gone has `convert --compact`, which counts them. A message that comes twice is one.
"""

from __future__ import annotations

import struct
from pathlib import Path

from omptool.capture import view
from omptool.capture.reader import Capture
from omptool.capture.recording.store import RecordingStore
from omptool.capture.recording.together import Books
from omptool.capture.rows import Block
from omptool.capture.verify import COMPLETE, verify
from omptool.capture.writer import CaptureWriter
from omptool.model.times import EPOCH_TICKS
from omptool.protocol.statement import BLANK
from tests.capture import build

S = 1_000_000_000
START = 1_767_225_600 * S


def value(second: int) -> bytes:
    return struct.pack("<IBBdIq", 1, 0b111, 11, float(second), 0, EPOCH_TICKS + (START + second * S) // 100)


def test_a_value_sent_again_in_another_message_is_another_row(tmp_path: Path) -> None:
    path = tmp_path / "a.omcap"
    writer = CaptureWriter.create(path)
    store = RecordingStore(Books(writer), 0, "press")
    store.describe(build.SERVER, build.nodes())
    store.name = build.SERVER.server
    store.subscribed(
        subscription_id=77, handles=range(1, 5), created_ns=(START, START), now_ns=(START, START),
        publishing_ms=500.0, facts={},
    )  # fmt: skip
    for number, second in enumerate((1, 2, 2, 3), 1):
        said = BLANK._replace(next=number + 1, received=number, values=number)
        at = START + number * S
        store.append([Block(1, value(second), at, at, number, at)], statement=said)
    store.finish()
    writer.close()
    capture = Capture.open(path)
    rows = [row for batch in view.telemetry(capture) for row in batch.select(["value", "seq"]).to_pylist()]
    assert [(row["value"], row["seq"]) for row in rows] == [(1.0, 1), (2.0, 2), (2.0, 3), (3.0, 4)]
    assert {verdict.verdict for verdict in verify(capture).verdicts if verdict.rows} == {COMPLETE}
