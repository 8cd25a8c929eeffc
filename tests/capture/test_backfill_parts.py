"""Windows of a subscription that stands, filled from a history that the test thinks of."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary

from omptool.capture.reader import Capture
from omptool.capture.recording.filler import Filler
from omptool.capture.recording.outage import Hole
from omptool.capture.recording.recent import KEPT_NS, Recent
from omptool.capture.recording.recorder import record
from omptool.capture.recording.store import RecordingStore
from omptool.capture.recording.terms import Intervals, Limits, Selection, Wanted
from omptool.capture.recording.together import Books
from omptool.capture.rows import Block
from omptool.capture.verify import verify
from omptool.capture.writer import CaptureWriter
from omptool.config import ServerConfig
from omptool.model.times import datetime_of, unix_ns_to_ticks
from omptool.model.vocabulary import GapReason, GapState, Origin
from omptool.protocol.columns import ItemColumns
from tests.capture import build
from tests.capture.counting import counting_server
from tests.capture.counting_server import Options

S = 1_000_000_000
OVERFLOW = 0x480


def block(sequence: int, *values: tuple[int, int], status: int = 0) -> Block:
    """Values of nodes, each stamped with and worth so many seconds."""
    items = b""
    for node, at in values:
        stamp = datetime_of((build.T0 + at * S) // 1000)
        double = ua.Variant(float(at), ua.VariantType.Double)
        value = ua.DataValue(double, ua.StatusCode(status), SourceTimestamp=stamp)
        items += bytes(struct_to_binary(ua.MonitoredItemNotification(ClientHandle=node, Value=value)))
    newest = build.T0 + max(at for _, at in values) * S
    return Block(len(values), items, newest, newest, sequence, newest)


def history(*at: int) -> ItemColumns:
    columns = build.doubles([float(each) for each in at])
    columns.source_ticks[:] = unix_ns_to_ticks(build.T0) + np.array(at) * 10_000_000
    return columns


class Stored:
    """A store that fills its windows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.writer = CaptureWriter.create(path)
        self.store = RecordingStore(Books(self.writer), 0, build.SERVER.server, fills=True)
        self.store.describe(build.SERVER, build.nodes())
        self.store.subscribed(
            subscription_id=4711, handles=range(1, 5), created_ns=(build.T0, build.T0), now_ns=(build.T0, 0),
            publishing_ms=500.0, facts={},
        )  # fmt: skip

    @property
    def filler(self) -> Filler:
        assert self.store.filler is not None
        return self.store.filler

    def fill(self, answers: dict[int, tuple[int, ...]], ending: str = "", handles: range = range(1, 5)) -> list[int]:
        """Ask a history that has these values of nodes; the nodes that were asked for."""
        plan = self.filler.begin(list(handles))
        assert plan is not None
        asked = plan.asked(set(handles))
        endings = ["no history"] * len(plan.handles)
        for number in asked:
            self.filler.fill(number, history(*answers[plan.handles[number]]), 1)
            endings[number] = ending
        self.filler.end(endings, build.SERVER.server, 1)
        return [plan.handles[number] for number in asked]

    def close(self) -> Capture:
        self.store.finish()
        self.writer.close()
        return Capture.open(self.path)


@pytest.fixture
def stored(tmp_path: Path) -> Stored:
    return Stored(tmp_path / "a.omcap")


def rows(capture: Capture) -> dict[int, list[int]]:
    """By node the seconds of its rows, in the order of time."""
    found: dict[int, list[int]] = {}
    for _, batch in capture.batches():
        for node, value in zip(batch.column("node").to_pylist(), batch.column("v_f64").to_pylist(), strict=True):
            found.setdefault(node, []).append(int(value))
    return {node: sorted(each) for node, each in found.items()}


def lose(stored: Stored) -> None:
    """Messages 3 and 4 of six; what came between them and their window is known."""
    for number in (1, 2):
        stored.store.append([block(number, (1, number), (2, number))])
    missing = Hole(build.T0 + 2 * S, build.T0 + 5 * S, 2, {"first": 3, "last": 4})
    stored.store.append([block(5, (1, 5), (2, 5))], [missing])
    stored.store.append([block(6, (1, 6), (2, 6))])


def test_lost_messages_are_filled_where_history_joins_both_sides(stored: Stored) -> None:
    lose(stored)
    assert stored.filler.is_waiting
    asked = stored.fill({1: (1, 2, 3, 4, 5), 2: (1, 2, 2, 3, 3, 4, 5, 6)}, handles=range(1, 3))
    assert asked == [1, 2] and not stored.filler.is_waiting
    capture = stored.close()
    [gap] = capture.gap_entries
    assert (gap.reason, gap.state, gap.missing) == (GapReason.SEQUENCE_LOST, GapState.BACKFILLED, 2)
    assert gap.detail["history"] == {"nodes": 2, "filled": 2, "rows": 4, "duplicates": 4, "not_filled": {}}
    assert (gap.detail["first"], gap.detail["last"]) == (3, 4)
    assert rows(capture) == {1: [1, 2, 3, 4, 5, 6], 2: [1, 2, 3, 4, 5, 6]}
    assert (stored.filler.rows, stored.filler.windows) == (4, 1)


@pytest.mark.parametrize(
    ("answer", "ending", "why"),
    [
        ((3, 4, 5), "", "the value before the window is not in it"),
        ((1, 2, 3, 4), "", "the value after the window is not in it"),
        ((1, 2, 3, 4, 5), "BadHistoryOperationInvalid", "BadHistoryOperationInvalid"),
    ],
)
def test_what_joins_one_side_is_stored_and_proves_nothing(
    stored: Stored, answer: tuple[int, ...], ending: str, why: str
) -> None:
    lose(stored)
    stored.fill({1: answer}, ending, handles=range(1, 2))
    capture = stored.close()
    [gap] = capture.gap_entries
    assert (gap.state, gap.detail["history"]["not_filled"]) == (GapState.EXPLAINED, {why: 1})
    assert rows(capture)[1] == [1, 2, 3, 4, 5, 6]


def test_a_node_without_a_value_beside_the_window_is_not_filled(stored: Stored) -> None:
    lose(stored)
    assert stored.fill({1: (1, 2, 3, 4, 5), 2: (1, 2, 3, 4, 5)}) == [1, 2]
    [gap] = stored.close().gap_entries
    assert gap.state == GapState.EXPLAINED and gap.detail["history"]["filled"] == 2


def test_a_queue_that_ran_over_is_a_window_of_its_node_and_filled_alone(stored: Stored) -> None:
    """Of several windows of a node one after the other, of several nodes at once; each has its own outcome."""
    stored.store.append([block(1, (1, 1), (2, 1))])
    stored.store.append([block(2, (1, 4), (2, 4), status=OVERFLOW)])
    stored.store.append([block(3, (1, 7), status=OVERFLOW)])
    assert stored.fill({1: (1, 2, 3, 4), 2: (1, 2, 3)}) == [1, 2]
    assert stored.fill({1: (4, 5, 6, 7)}) == [1]
    assert stored.filler.begin([1, 2]) is None
    capture = stored.close()
    outcome = [(gap.node, gap.missing, gap.state, gap.detail["history"]["rows"]) for gap in capture.gap_entries]
    explained, backfilled = GapState.EXPLAINED, GapState.BACKFILLED
    assert sorted(outcome) == [(1, 1, backfilled, 2), (1, 1, backfilled, 2), (2, 1, explained, 2)]
    assert rows(capture) == {1: [1, 2, 3, 4, 5, 6, 7], 2: [1, 2, 3, 4]}


def test_without_backfill_nothing_is_named_and_nothing_waits(tmp_path: Path) -> None:
    writer = CaptureWriter.create(tmp_path / "a.omcap")
    store = RecordingStore(Books(writer), 0, build.SERVER.server)
    assert store.filler is None
    writer.close()


def test_what_is_forgotten_is_not_filled_twice() -> None:
    """A minute later only the last row of each node is known: nobody can say what of history is new."""
    columns = build.doubles([1.0, 2.0, 3.0], handles=1)
    columns.source_ticks[:] = unix_ns_to_ticks(build.T0) + np.arange(1, 4) * 10_000_000
    known = build.rows_of(columns)
    recent = Recent(known.slice(0, 0))
    recent.add(known, 0)
    recent.add(known.slice(0, 0), 3 * KEPT_NS)

    class Span:
        start_ns, end_ns = build.T0 + S, build.T0 + 3 * S

    around = recent.around({1: Span()})  # type: ignore[dict-item]
    assert [batch.num_rows for batch in around] == [0, 1, 0]


def test_messages_that_a_server_lost_are_filled_from_its_history(tmp_path: Path) -> None:
    """On a server: every twentieth message is never sent, nor had by Republish."""
    path = tmp_path / "x.omcap"

    async def main(url: str) -> None:
        stop = asyncio.Event()
        wanted = [Wanted(ServerConfig(url), Intervals(50.0, 0.0))]
        running = asyncio.create_task(
            record(wanted, path, selection=Selection(), limits=Limits(), stop=stop, backfill=True)
        )
        async with asyncio.timeout(60):
            while not running.done() and filled(path) < 2:  # noqa: ASYNC110  a file
                await asyncio.sleep(0.2)
        stop.set()
        await running

    with counting_server(Options(counters=2, history="kept", swallow=20, forgets=True)) as server:
        asyncio.run(main(server.url))
    capture = Capture.open(path)
    whole = [gap for gap in capture.gap_entries if gap.state == GapState.BACKFILLED]
    assert len(whole) >= 2 and {gap.reason for gap in whole} == {GapReason.SEQUENCE_LOST}
    assert not verify(capture).has_unexplained
    numbers: dict[str, list[int]] = {}
    last = max(gap.end_ns or 0 for gap in whole)
    for row in build.rows(path):
        if row["origin"] != Origin.INITIAL and row["time"] <= datetime_of(last // 1000):
            numbers.setdefault(row["path"], []).append(int(row["value"]))
    for each in numbers.values():
        assert sorted(each) == list(range(min(each), max(each) + 1))


def filled(path: Path) -> int:
    try:
        entries: Any = Capture.open(path).journal_entries
    except Exception:  # noqa: BLE001  it is not there yet
        return 0
    return sum(entry.kind == "backfill" and entry.detail["state"] == GapState.BACKFILLED for entry in entries)


@pytest.mark.parametrize("is_asked_before", [False, True], ids=["before history is asked", "while it is asked"])
def test_a_window_that_lasts_longer_than_was_said_is_filled_once_and_not_cut_back(
    stored: Stored, is_asked_before: bool
) -> None:
    stored.store.append([block(1, (1, 1))])
    stored.store.lost(GapReason.CONNECTION_LOST, build.T0 + S, "reset")
    stored.store.ended(GapReason.CONNECTION_LOST)
    created = build.T0 + 4 * S
    stored.store.subscribed(
        subscription_id=4712, handles=range(1, 5), created_ns=(created, created), now_ns=(created, 0),
        publishing_ms=500.0, facts={},
    )  # fmt: skip
    if is_asked_before:
        plan = stored.filler.begin([1])
        assert plan is not None
        stored.store.append([block(1, (1, 6))])  # the first value comes two seconds behind the items
        stored.filler.fill(0, history(1, 2, 3), 1)
        stored.filler.end([""], build.SERVER.server, 1)
    else:
        stored.store.append([block(1, (1, 6))])
        stored.fill({1: (1, 2, 3, 4, 5, 6)}, handles=range(1, 2))
    assert not stored.filler.is_waiting
    capture = stored.close()
    [gap] = capture.gap_entries
    assert gap.end_ns == build.T0 + 6 * S
    assert gap.state == (GapState.EXPLAINED if is_asked_before else GapState.BACKFILLED)
    assert rows(capture)[1] == ([1, 2, 3, 6] if is_asked_before else [1, 2, 3, 4, 5, 6])
