"""When recorded rows are due, which of them are played, and which stamps they carry."""

from __future__ import annotations

import asyncio
import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.capture.format import Flag
from omptool.errors import UsageError
from omptool.replay.lateness import Lateness
from omptool.replay.player import Group, Options, Player
from omptool.replay.stamps import Stamp
from omptool.replay.timeline import Batches, Choice, Pace, stretches, survey
from tests.capture import build

MS = 1_000_000
SECOND = 1000 * MS
STEPS = st.lists(st.lists(st.integers(0, 3 * SECOND), min_size=1, max_size=6), min_size=1, max_size=6)


def recording(steps: list[list[int]], *, initial: int = 0) -> Batches:
    """One batch per list; each row that much later than the one before, source time 5 ms before receipt."""
    batches, at, first = [], build.T0, 1
    for parts in steps:
        received = []
        for step in parts:
            at += step
            received.append(at)
        columns = build.doubles(range(first, first + len(parts)))
        columns.client_handle[:] = (np.arange(len(parts)) + first - 1) % 4
        columns.source_ticks[:] = (np.array(received) - 5 * MS) // 100 + 116_444_736_000_000_000
        flags = np.where(np.arange(first, first + len(parts)) <= initial, int(Flag.INITIAL), 0)
        batch = build.rows_of(columns, receive_ns=np.array(received), flags=flags)  # type: ignore[arg-type]
        batches.append((first, batch))
        first += len(parts)
    return lambda: iter(batches)


def stamps(batch: pa.RecordBatch, name: str = "source_time") -> list[int]:
    return list(batch.column(name).cast(pa.int64()).to_pylist())


class Clock:
    """Time that passes only while somebody sleeps, and a little with every sleep."""

    def __init__(self, late_ns: int = 0) -> None:
        self.now = 5 * SECOND
        self._late = late_ns

    def mono(self) -> int:
        return self.now

    def wall(self) -> int:
        return build.T0 + 10_000 * SECOND + self.now

    async def sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1e9) + self._late


def played(batches: Batches, options: Options, choice: Choice | None = None, late_ns: int = 0) -> list[Group]:
    choice, clock = choice or Choice(), Clock(late_ns)
    player = Player(
        batches,
        choice,
        survey(batches(), choice),
        options,
        mono=clock.mono,
        wall=clock.wall,
        sleep=clock.sleep,
    )
    player.prepare()

    async def collect() -> list[Group]:
        return [group async for group in player.groups()]

    return asyncio.run(collect())


@given(STEPS, st.sampled_from([0.25, 1.0, 8.0]))
def test_order_is_kept_and_due_times_are_absolute(steps: list[list[int]], rate: float) -> None:
    batches = recording(steps)
    found = list(stretches(batches, Choice(), survey(batches(), Choice()), rate=rate))
    offsets = np.cumsum(list(itertools.chain.from_iterable(steps)))
    due = [int(at) for stretch in found for at in stretch.due]
    assert [n for stretch in found for n in stretch.rows.seq.tolist()] == list(range(1, len(offsets) + 1))
    assert due == [int((at - offsets[0]) / rate) for at in offsets.tolist()]


@given(STEPS, st.integers(0, 50 * MS))
def test_lateness_does_not_add_up(steps: list[list[int]], late_ns: int) -> None:
    groups = played(recording(steps), Options(), late_ns=late_ns)
    assert [n for group in groups for n in group.rows.seq.tolist()] == list(range(1, sum(map(len, steps)) + 1))
    clock = Clock()
    moments = [stamp for g in played(recording(steps), Options(stamp=Stamp.NOW), late_ns=late_ns)
               for stamp in stamps(g.rows.batch)]  # fmt: skip
    due = np.cumsum(list(itertools.chain.from_iterable(steps)))
    late = np.array(moments) - clock.wall() - (due - due[0])
    assert late.min() >= -2 * MS
    assert late.max() <= late_ns * (2 + len(steps)) + 2 * MS


@given(STEPS, st.sampled_from([None, 0.5, 1.0, 20.0]), st.integers(1, 3))
def test_shifted_stamps_rise_from_round_to_round_and_are_never_ahead(
    steps: list[list[int]], rate: float | None, rounds: int
) -> None:
    groups = played(recording(steps, initial=2), Options(rate=rate, rounds=rounds, stamp=Stamp.SHIFTED))
    by_round = [[s for g in groups if g.number == number for s in stamps(g.rows.batch)] for number in range(rounds)]
    assert all(max(before) < min(after) for before, after in itertools.pairwise(by_round))
    for group in groups:
        assert max(stamps(group.rows.batch)) <= max(stamps(group.rows.batch, "receive_time")) + 2 * MS
    original = [s for _, batch in recording(steps)() for s in stamps(batch)]
    assert np.diff(by_round[0]).tolist() == np.diff(original).tolist()


def test_an_endless_loop_that_would_overtake_the_clock_is_refused() -> None:
    with pytest.raises(UsageError, match="into the future"):
        played(recording([[0, SECOND]]), Options(rate=10, rounds=None, stamp=Stamp.SHIFTED))


@given(STEPS, st.data())
def test_a_window_takes_what_lies_in_it_and_knows_what_held_before(steps: list[list[int]], data: st.DataObject) -> None:
    batches = recording(steps)
    rows = [(row["node"], ns // 1000, seq) for first, batch in batches() for seq, (row, ns) in
            enumerate(zip(batch.select(["node"]).to_pylist(), stamps(batch), strict=True), first)]  # fmt: skip
    start, end = sorted(data.draw(st.tuples(*[st.sampled_from([us + d for _, us, _ in rows for d in (0, 1)])] * 2)))
    choice = Choice(start, end)
    known = survey(batches(), choice)
    wanted = [seq for _, us, seq in rows if start <= us < end]
    found = [n for s in stretches(batches, choice, known, rate=None) for n in s.rows.seq.tolist()]
    assert (found, known.rows) == (wanted, len(wanted))
    before = {node: seq for node, us, seq in rows if us < start}
    assert known.opening is not None
    opening = dict(zip(known.opening["node"].to_pylist(), known.opening["v_f64"].to_pylist(), strict=True))
    assert opening == before


def test_initial_values_hold_from_the_start_and_chosen_nodes_are_played_alone() -> None:
    batches = recording([[0, 1, 2], [3, 4, 5]], initial=4)
    known = survey(batches(), Choice(handles=frozenset({2, 4})))
    assert known.opening is not None
    assert known.opening["node"].to_pylist() == [2, 4]
    assert (known.opened, known.rows, known.first_seq) == ({2, 4}, 3, 2)


def test_a_restarted_clock_goes_on_by_the_wall_and_disorder_does_not_drift() -> None:
    mono = np.array([100, 103, 101, 104, 5, 6]) * SECOND // 10
    mono[4:] = [5, 6]
    wall = np.array([0, 300, 100, 400, 900, 900]) * MS + build.T0
    batch = build.rows_of(build.doubles(range(6)), receive_ns=wall)  # type: ignore[arg-type]
    at = batch.schema.get_field_index("receive_mono")
    batch = batch.set_column(at, batch.schema.field(at), pa.array(mono))
    assert (Pace().of(batch) // MS).tolist() == [0, 300, 300, 400, 900, 900]


@given(st.lists(st.integers(0, 10 * SECOND), min_size=1))
def test_lateness_is_told_within_five_percent(late: list[int]) -> None:
    histogram = Lateness()
    histogram.note(np.array(late))
    exact = sorted(late)[max(0, -(-len(late) // 2) - 1)]
    assert exact - 1 <= histogram.percentile_ns(0.5) + 1 <= exact * 1.05 + 2000
    assert (histogram.max_ns, histogram.rows) == (max(late), len(late))
