"""What retention says of rows that no message brought, of initial values, and of files whose times are out of order."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.capture.format import Flag
from omptool.capture.reader import Capture
from omptool.capture.recording.retention import Closed, choose
from omptool.capture.recording.terms import Keep
from omptool.capture.retired import Story
from omptool.capture.verify import verify
from omptool.capture.writer import CaptureWriter
from tests.capture.build import SERVER, T0, doubles, rows_of, start
from tests.capture.test_retention import delete

SECOND = 1_000_000_000
MONTHS = 200 * 86_400 * SECOND
ACCOUNT = {"first": 1, "next": 7, "received": 6, "values": 24, "keep_alives": 0, "end": True, "missing": []}


def message(writer: CaptureWriter, number: int, flags: int = 0, stamped_ns: int | None = None) -> None:
    """Four values, received `number` seconds after the beginning."""
    at_ns = T0 + number * SECOND
    columns = doubles([1, 2, 3, 4], start_ns=at_ns if stamped_ns is None else stamped_ns)
    sequence = 0 if flags & ~int(Flag.INITIAL) else number
    writer.append(rows_of(columns, sequence=sequence, flags=flags, receive_ns=at_ns))


@pytest.mark.parametrize("flag", [Flag.HEARTBEAT, Flag.POLLED, Flag.HISTORY])
def test_rows_that_came_with_no_message_are_in_no_account(tmp_path: Path, flag: Flag) -> None:
    story = Story()
    writer = start(tmp_path / "x.omcap", ledger=True, rotate_seconds=0, story=story)
    for number in range(1, 7):
        message(writer, number)
        message(writer, number, flags=int(flag))
        writer.commit()
    delete(writer, story, 2)
    delete(writer, story, 2)
    writer.journal("ledger", server=SERVER.server, sub=1, detail=ACCOUNT | {"rows": 24, "row": 48})
    writer.close()
    verified = verify(Capture.open(tmp_path / "x.omcap"))
    assert not verified.has_unexplained
    windows = [window for verdict in verified.verdicts for window in verdict.windows]
    assert {window["reason"] for window in windows} == {"retention"}
    assert {window["missing"] for window in windows} == {32}


def test_a_message_is_missed_though_other_rows_would_make_up_for_it(tmp_path: Path) -> None:
    story = Story()
    writer = start(tmp_path / "x.omcap", ledger=True, rotate_seconds=0, story=story)
    for number in range(1, 7):
        message(writer, number, flags=int(Flag.HEARTBEAT) if number == 1 else 0)
        writer.commit()
    delete(writer, story, 2)
    writer.journal("ledger", server=SERVER.server, sub=1, detail=ACCOUNT | {"rows": 24, "row": 24})
    writer.close()
    assert verify(Capture.open(tmp_path / "x.omcap")).has_unexplained


@pytest.mark.parametrize("flag", [Flag.INITIAL, Flag.POLLED])
@pytest.mark.parametrize("clock_ns", [0, -2 * MONTHS])
def test_a_value_from_months_ago_makes_no_window_of_months(tmp_path: Path, flag: Flag, clock_ns: int) -> None:
    story = Story()
    writer = start(tmp_path / "x.omcap", rotate_seconds=0, story=story)
    message(writer, 1, flags=int(flag), stamped_ns=T0 - 2 * MONTHS - MONTHS)
    for number in range(2, 6):
        message(writer, number, stamped_ns=T0 + number * SECOND + clock_ns)
        if number != 2:
            writer.commit()
    delete(writer, story, 2)
    writer.close()
    [gap] = Capture.open(tmp_path / "x.omcap").gap_entries
    begun_ns = T0 + SECOND + clock_ns
    assert begun_ns - SECOND <= gap.start_ns <= begun_ns + SECOND // 10
    assert (gap.end_ns, gap.missing) == (T0 + 4 * SECOND + clock_ns + 3_000_001, 16)


def test_nothing_but_old_values_were_there_when_they_came(tmp_path: Path) -> None:
    story = Story()
    writer = start(tmp_path / "x.omcap", rotate_seconds=0, story=story)
    for number in range(1, 4):
        message(writer, number, flags=int(Flag.POLLED), stamped_ns=T0 - MONTHS)
        writer.commit()
    delete(writer, story, 2)
    writer.close()
    [gap] = Capture.open(tmp_path / "x.omcap").gap_entries
    assert (gap.start_ns, gap.end_ns) == (T0 + SECOND, T0 + 2 * SECOND + 1)


@given(
    st.lists(st.tuples(st.integers(0, 100), st.sampled_from(["telemetry", "events"])), max_size=12),
    st.integers(0, 120),
    st.integers(0, 100),
)
def test_of_each_kind_the_lowest_numbers_go_whatever_the_files_say(
    files: list[tuple[int, str]], size: int, age_s: int
) -> None:
    closed = [Closed(float(at), kind, n, f"{kind}-{n}", 10) for n, (at, kind) in enumerate(files, 1)]
    keep = Keep(size=size, age_s=float(age_s))
    chosen = choose(closed[::-1], keep, now_s=100.0, size=10 * len(files), free=0)
    gone = [segment.number for segment in chosen.segments]
    for kind in ("telemetry", "events"):
        own = [segment.number for segment in closed if segment.kind == kind]
        assert [number for number in gone if number in own] == own[: len(set(own) & set(gone))]
    left = [segment for segment in closed if segment.number not in gone]
    assert sum(segment.bytes for segment in left) <= size
