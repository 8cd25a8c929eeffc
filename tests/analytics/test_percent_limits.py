"""PercentDataGood and PercentDataBad of Part 13: a share that meets its limit is enough, however it is rounded."""

from __future__ import annotations

import numpy as np
import pytest

from omptool.analytics.part13.aggregates import compute
from omptool.analytics.part13.series import Settings, series, windows

NANO = 10**9
BAD = 0x80000000


def _severity(name: str, status: list[int], seconds: list[int], end: int, **limits: float) -> int:
    """0, 1 or 2 of the only window; a value per moment."""
    settings = Settings(stepped=True, **limits)  # type: ignore[arg-type]
    time, codes = np.array(seconds, np.int64) * NANO, np.array(status, np.uint32)
    raw = series(time, np.ones(time.size), codes, np.zeros(time.size, np.bool_), settings)
    return int(compute(name, raw, windows(0, end * NANO, 0), settings).status[0] >> 30)


@pytest.mark.parametrize("whole", [7, 10, 100, 300, 1000])
def test_a_number_of_values(whole: int) -> None:
    wrong = []
    for good in range(1, whole):
        if 100 * good % whole:
            continue
        percent, status = 100 * good // whole, [0] * good + [BAD] * (whole - good)
        rows = (status, list(range(whole)), whole)
        found = (
            _severity("Count", *rows, percent_data_good=percent),
            _severity("Count", *rows, percent_data_good=percent + 1),
            _severity("Count", *rows, percent_data_bad=100 - percent),
            _severity("Count", *rows, percent_data_bad=100 - percent + 1),
        )
        if found != (0, 1, 2, 1):
            wrong.append((percent, *found))
    assert wrong == []


@pytest.mark.parametrize("second", [1, 7, 60, 3600])
def test_a_time(second: int) -> None:
    wrong = []
    for percent in range(1, 100):
        rows = ([0, BAD, 0], [0, percent * second, 100 * second], 100 * second)
        found = (
            _severity("TimeAverage2", *rows, percent_data_good=percent),
            _severity("TimeAverage2", *rows, percent_data_good=percent + 1),
            _severity("TimeAverage2", *rows, percent_data_bad=100 - percent),
            _severity("TimeAverage2", *rows, percent_data_bad=100 - percent + 1),
        )
        if found != (0, 1, 2, 1):
            wrong.append((percent, *found))
    assert wrong == []
