"""Times at the ends of what a DateTime can say: a lake takes them, and finds them again."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from omptool.lake.compact import compact
from omptool.lake.convert import convert
from omptool.lake.table import Table
from omptool.lake.verify import verify
from tests.lake.recordings import START_US, FakeRecording, telemetry
from tests.lake.test_lake_convert import by_row, stored

FIRST_US, LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999
_ENDS = ((0, FIRST_US), (5, LAST_US - 10))


@pytest.mark.parametrize(("start_us", "step_us"), [(FIRST_US - 1, 1), (LAST_US - 10, 1), (0, -1)])
def test_the_first_and_the_last_moment_of_the_calendar(tmp_path: Path, start_us: int, step_us: int) -> None:
    lake, data = tmp_path / "lake", telemetry("c1", 0, 10, start_us=start_us, step_us=step_us, receive_us=START_US)
    convert([FakeRecording("c1", data)], lake)
    assert verify(lake, [FakeRecording("c1", data)]).is_whole
    assert by_row(stored(lake)).equals(data)


def test_both_ends_in_one_file(tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    parts = [telemetry("c1", first, 5, start_us=us, step_us=1, receive_us=START_US) for first, us in _ENDS]
    data = pa.concat_tables(parts).combine_chunks()
    convert([FakeRecording("c1", data)], lake)
    compact(lake)
    assert Table(lake, "telemetry").rows() == 10
    assert verify(lake, [FakeRecording("c1", data)]).is_whole
