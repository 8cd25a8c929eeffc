"""Several servers in one capture: one is killed and comes back, one freezes, one comes late; no other loses a row.

Every row is compared with what the plants must have shown: each absent one lies in a window of its server, windows are
no longer than the fault and what it takes to notice and to return, and where nothing happened there is none. The frozen
one keeps session, subscription and queues: what it had to say meanwhile comes when it is thawed, and nothing is lost.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from omptool.capture.reader import Capture
from omptool.capture.recording.recorder import record
from omptool.capture.recording.store import RecordingStore
from omptool.capture.recording.terms import Intervals, Limits, Progress, RecordingResult, Selection, Wanted
from omptool.capture.selecting.nodelist import Listed
from omptool.capture.verify import COMPLETE, WINDOWS, verify
from omptool.config import ServerConfig
from omptool.errors import NotFound, ServerRefused, Unreachable, UsageError
from omptool.model.times import unix_us
from omptool.model.vocabulary import GapReason, GapState
from omptool.opcua.subscribing import subscription
from tests.capture.counting import assert_counts_without_hole, counting_server
from tests.capture.counting_server import Options
from tests.capture.plants import PlantProcess, captured
from tests.conftest import clean_environment

PUBLISHING_S = 0.1
INTERVALS = Intervals(PUBLISHING_S * 1000, 0.0)
SILENT_S = 3.0
"""Time-out of each request."""

PATIENCE_S = 60.0
NOWHERE = "opc.tcp://127.0.0.1:9"
S = 1_000_000_000


@dataclass
class Story:
    """One recording with faults, and when what happened (Unix nanoseconds)."""

    folder: Path
    plants: dict[str, PlantProcess]
    at: dict[str, int] = field(default_factory=dict)
    result: RecordingResult | None = None

    @property
    def capture(self) -> Capture:
        return Capture.open(self.folder)

    def windows(self, server: str) -> list[tuple[int, int]]:
        """Start and end of the windows of a server, every one closed."""
        found = [(gap.start_ns, gap.end_ns) for gap in self.capture.gap_entries if gap.server == server]
        assert all(end is not None for _, end in found)
        return [(start, end or 0) for start, end in found]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  a plain figure, as a screen reads it
            await asyncio.sleep(0.01)


async def tell(story: Story) -> None:
    """Kill one plant and start it again, freeze another in the meantime, start a third late, leave the fourth alone."""
    progress, stop = Progress(), asyncio.Event()
    wanted = [
        Wanted(ServerConfig(plant.url, name=name, timeout_s=SILENT_S), INTERVALS)
        for name, plant in story.plants.items()
    ]
    wanted.append(Wanted(ServerConfig(NOWHERE, name="nobody"), INTERVALS))
    recording = asyncio.create_task(
        record(wanted, story.folder, selection=Selection(), limits=Limits(), stop=stop, progress=progress)
    )
    await until(lambda: len(progress.servers) == 5)
    alone, killed, frozen, late, _ = progress.servers

    def mark(what: str) -> None:
        story.at[what] = time.time_ns()

    await until(lambda: min(each.rows for each in (alone, killed, frozen)) > 300 or recording.done())
    story.plants["late"].start()
    mark("killed")
    story.plants["killed"].kill()
    await until(lambda: killed.phase == "waiting")
    mark("frozen")
    story.plants["frozen"].freeze()
    story.plants["killed"].start()
    await until(lambda: frozen.phase == "waiting")
    await asyncio.to_thread(story.plants["killed"].ready)
    mark("started")
    mark("thawed")
    story.plants["frozen"].thaw()
    await until(lambda: killed.phase == "capturing")
    mark("killed again there")
    await until(lambda: frozen.phase == "capturing")
    mark("frozen again there")
    await until(lambda: late.phase == "capturing")
    mark("late again there")
    rows = killed.rows, frozen.rows
    await until(lambda: killed.rows > rows[0] + 150 and frozen.rows > rows[1] + 150 and late.rows > 300)
    stop.set()
    story.result = await recording


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    home = tmp_path_factory.mktemp("plants")
    names = ("alone", "killed", "frozen", "late")
    plants = {name: PlantProcess(home, seed) for seed, name in enumerate(names, 1)}
    told = Story(home / "x.omcap", plants)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subscription, "KEEP_ALIVE_S", 1.0)
        try:
            plants["late"].reserve()
            for name in names[:3]:
                plants[name].start()
            for name in names[:3]:
                plants[name].ready()
            asyncio.run(tell(told))
            yield told
        finally:
            for plant in plants.values():
                plant.kill()


def bounds(story: Story, server: str) -> tuple[int, int]:
    """Between these, whatever a plant showed must be in the capture or in a window."""
    subscribed = min(
        entry.time for entry in story.capture.journal_entries if (entry.kind, entry.server) == ("subscribe", server)
    )
    live, _ = captured(story.folder, server)
    return subscribed, max(moment for _, moment in live) - round(3 * PUBLISHING_S * S)


@pytest.mark.parametrize("server", ["alone", "killed", "frozen", "late"])
def test_every_row_is_there_or_lies_in_a_window_of_its_server(story: Story, server: str) -> None:
    start, end = bounds(story, server)
    live, initial = captured(story.folder, server)
    moments = [at for _, at in live]
    truth = story.plants[server].truth(min(moments), max(moments) + 1)
    assert live <= truth, "a row that the plant never showed"
    windows = story.windows(server)
    shown = {(node, at) for node, at in truth if start <= at < end}
    absent = shown - live - initial
    assert [at for _, at in absent if not any(first <= at < last for first, last in windows)] == []
    assert len(shown - absent) > 50
    assert bool(absent) == (server == "killed")


@pytest.mark.parametrize("server", ["alone", "frozen"])
def test_a_server_that_lost_nothing_has_no_window(story: Story, server: str) -> None:
    assert story.windows(server) == []
    verdicts = {verdict.server: verdict for verdict in verify(story.capture).verdicts}
    assert {verdicts[name].verdict for name in ("alone", "frozen")} == {COMPLETE}
    assert {verdicts[name].verdict for name in ("killed", "late", "nobody")} == {WINDOWS}
    assert verdicts["nobody"].items == 0


def test_windows_are_no_longer_than_the_fault(story: Story) -> None:
    [(start, end)] = story.windows("killed")
    slack = round(2 * PUBLISHING_S * S)
    began, returned = story.at["killed"], story.at["killed again there"]
    assert began - slack - S < start <= began + slack
    assert start < end <= returned
    assert end - start <= returned - began + slack + S // 2


def test_one_that_comes_late_was_away_since_the_capture_began(story: Story) -> None:
    [(start, end)] = story.windows("late")
    began = min(e.time for e in story.capture.journal_entries if e.kind == "connect")
    assert abs(start - began) < S
    assert start < end <= story.at["late again there"]
    [(first, last)] = story.windows("nobody")
    assert abs(first - start) < S // 2 and last > end


def test_a_capture_that_is_killed_says_from_when_on_values_are_missing(story: Story, tmp_path: Path) -> None:
    plant, folder = story.plants["alone"], tmp_path / "x.omcap"
    process = subprocess.Popen(
        [sys.executable, "-m", "omptool", "capture", plant.url, "-o", str(folder), "--publishing-interval", "1s"],
        env=clean_environment(tmp_path), cwd=tmp_path, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + PATIENCE_S
    while not (any(folder.glob("seg-*")) and Capture.open(folder).rows > 300) and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.6)  # into the next publishing interval, whose values are lost with us
    process.kill()
    process.wait()
    killed = time.time_ns()
    capture = Capture.open(folder)
    [window] = capture.gaps().to_pylist()
    start = unix_us(window["start_time"]) * 1000
    assert (window["reason"], window["end_time"]) == ("client_stopped", None)
    subscribed = next(entry.time for entry in capture.journal_entries if entry.kind == "subscribe")
    live, initial = captured(folder, capture.servers[0].server)
    absent = plant.truth(subscribed, killed) - live - initial
    assert absent and min(at for _, at in absent) >= start
    assert killed - start < 10 * S


@pytest.mark.parametrize(("server", "back"), [("killed", "started"), ("frozen", "thawed")])
def test_data_flows_again_soon_after_the_fault(story: Story, server: str, back: str) -> None:
    assert story.at[f"{server} again there"] - story.at[back] < 50 * S


def test_the_journal_tells_what_happened_in_order(story: Story) -> None:
    def kinds(server: str) -> list[str]:
        wanted = ("connect", "subscribe", "lost", "unreachable", "resumed")
        found = [e.kind for e in story.capture.journal_entries if e.server == server and e.kind in wanted]
        return [kind for kind in found if kind != "unreachable"]

    assert kinds("alone") == kinds("late") == ["connect", "subscribe"]
    assert kinds("killed") == ["connect", "subscribe", "lost", "connect", "subscribe"]
    assert kinds("frozen") == ["connect", "subscribe", "lost", "resumed"]
    reasons = {gap.server: (gap.reason, gap.state) for gap in story.capture.gap_entries}
    assert reasons == {
        "killed": (GapReason.SERVER_RESTART, GapState.EXPLAINED),
        "late": (GapReason.CONNECTION_LOST, GapState.EXPLAINED),
        "nobody": (GapReason.CONNECTION_LOST, GapState.EXPLAINED),
    }


def test_each_life_has_an_epoch_and_a_handle_of_its_own(story: Story) -> None:
    bound = [e for e in story.capture.journal_entries if e.kind == "subscribe"]
    assert len({entry.sub for entry in bound}) == len(bound) == 5
    epochs = [(entry.server, entry.detail["epoch"]) for entry in bound]
    assert sorted(epochs) == [
        ("alone", 1), ("frozen", 1), ("killed", 1), ("killed", 2), ("late", 1),
    ]  # fmt: skip
    assert {entry.detail["items"] for entry in bound} == {bound[0].detail["items"]}
    handles = {(node.server, node.node.node_id): node.handle for node in story.capture.nodes() if node.handle}
    assert sorted(handles.values()) == list(range(1, len(handles) + 1))


def test_the_result_names_every_server(story: Story) -> None:
    assert story.result is not None
    by_name = {server.label: server for server in story.result.servers}
    assert [server.server for server in story.result.servers] == ["alone", "killed", "frozen", "late", "nobody"]
    assert by_name["alone"].is_complete and not by_name["alone"].cause
    assert not by_name["nobody"].was_reached
    assert "connection refused" in by_name["nobody"].away
    assert "not even a keep-alive" in by_name["frozen"].cause
    assert by_name["late"].was_reached and not by_name["late"].away
    assert story.result.reached == 4
    assert story.result.gaps == {GapReason.SERVER_RESTART: 1, GapReason.CONNECTION_LOST: 2}


def run(*wanted: Wanted, output: Path, limits: Limits, selection: Selection | None = None) -> RecordingResult:
    async def main() -> RecordingResult | None:
        return await record(wanted, output, selection=selection or Selection(), limits=limits, stop=asyncio.Event())

    result = asyncio.run(main())
    assert result is not None
    return result


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Wanted, Wanted]]:
    """Two that call themselves the same and have the same nodes in namespaces of other numbers; `b` refuses two."""
    with counting_server() as one, counting_server(Options(counters=4, fillers=3, refused=(2, 3))) as two:
        yield tuple(Wanted(ServerConfig(server.url, name=name), INTERVALS) for server, name in ((one, "a"), (two, "b")))


def test_servers_that_number_their_namespaces_differently_have_the_same_nodes(
    pair: tuple[Wanted, Wanted], tmp_path: Path
) -> None:
    some = Selection(("Line1/Counter{0,1}",))
    result = run(*pair, output=tmp_path / "x.omcap", limits=Limits(count=400), selection=some)
    assert (result.rows, result.nodes, result.gaps, result.reached) == (400, 4, {}, 2)
    capture = Capture.open(tmp_path / "x.omcap")
    nodes = [(entry.server, entry.node.node_id) for entry in capture.nodes() if entry.handle]
    assert {node for server, node in nodes if server == "b"} == {node for server, node in nodes if server == "a"}
    assert {len(server.namespaces) for server in capture.servers} == {3, 6}
    for server in ("a", "b"):
        live, initial = captured(tmp_path / "x.omcap", server)
        assert len(initial) > 0 and len(live) > 50


@pytest.mark.parametrize(
    ("named", "selection", "kind", "said"),
    [
        (False, Selection(), UsageError, "both call themselves urn:test:counting:server"),
        (True, Selection(("Line1/Counter9",)), NotFound, "'Line1/Counter9' is on none of the 2 servers"),
        (True, Selection(("Line1/Counter4",)), NotFound, "nothing on b is 'Line1/Counter4'"),
        (True, Selection((), (Listed("ns=2;s=Counter0"),)), UsageError, "another node on each server"),
    ],
)
def test_what_cannot_be_told_apart_or_had_is_refused_and_leaves_nothing(
    pair: tuple[Wanted, Wanted], tmp_path: Path, named: bool, selection: Selection, kind: type[Exception], said: str
) -> None:
    wanted = pair if named else [Wanted(ServerConfig(each.server.url), INTERVALS) for each in pair]
    with pytest.raises(kind, match=said):
        run(*wanted, output=tmp_path / "x.omcap", limits=Limits(), selection=selection)
    assert not (tmp_path / "x.omcap").exists()


def test_nobody_there_is_unreachable_and_leaves_nothing(tmp_path: Path) -> None:
    nobody = [Wanted(ServerConfig(f"opc.tcp://127.0.0.1:{port}"), INTERVALS) for port in (9, 10)]
    with pytest.raises(Unreachable, match="none of the 2 servers") as error:
        run(*nobody, output=tmp_path / "x.omcap", limits=Limits())
    assert error.value.hint.count("connection refused") == 2
    assert not (tmp_path / "x.omcap").exists()


def test_what_one_server_makes_omptool_fail_at_costs_no_other_server_a_row(
    pair: tuple[Wanted, Wanted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    booked, odd = RecordingStore.booked, iter([True])

    def fails_once(store: RecordingStore, *arguments: Any) -> None:
        if store.name != "a" and store.rows > 20 and next(odd, False):
            raise ValueError("odd bytes")
        booked(store, *arguments)

    monkeypatch.setattr(RecordingStore, "booked", fails_once)
    some = Selection(("Line1/Counter{0,1}",))
    result = run(*pair, output=tmp_path / "x.omcap", limits=Limits(count=1500), selection=some)
    a, b = result.servers
    assert (a.gaps, b.gaps) == ({}, {GapReason.CONNECTION_LOST: 1})
    assert b.cause == "omptool failed at what the server sent (ValueError: odd bytes)"
    assert b.rows > 30 and not b.away
    with pytest.raises(ValueError, match="odd bytes"):
        odd = iter([True])
        run(pair[1], output=tmp_path / "y.omcap", limits=Limits(count=200), selection=some)


def test_one_that_refuses_everything_disturbs_nobody(pair: tuple[Wanted, Wanted], tmp_path: Path) -> None:
    two = Selection(("Line1/Counter{2,3}",))
    result = run(*pair, output=tmp_path / "x.omcap", limits=Limits(count=300), selection=two)
    refused = result.servers[1]
    assert (refused.rows, refused.was_reached) == (0, False)
    assert "BadUserAccessDenied" in refused.cause
    assert result.servers[0].is_complete
    assert_counts_without_hole(tmp_path / "x.omcap")
    with pytest.raises(ServerRefused):
        run(pair[1], output=tmp_path / "y.omcap", limits=Limits(), selection=two)
    assert not (tmp_path / "y.omcap").exists()
