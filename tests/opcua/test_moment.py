"""A process that stands still between two readings of its clocks has not set one of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from omptool.opcua.subscribing import moment

S = 1_000_000_000


class Clocks:
    """Both clocks, with pauses before some of their readings; the wall clock is ten seconds ahead."""

    def __init__(self, pauses: Iterator[int]) -> None:
        self._now, self._pauses = 0, pauses

    def _pass(self) -> int:
        self._now += next(self._pauses, 0) + 100
        return self._now

    def monotonic_ns(self) -> int:
        return self._pass()

    def time_ns(self) -> int:
        return self._pass() + 10 * S


@pytest.mark.parametrize(
    "pauses",
    [[], [5 * S], [0, 5 * S], [0, 0, 5 * S], [0, 5 * S, 0, 0, 5 * S], [0, 5 * S, 0] * 4],
)
def test_both_are_of_one_moment(pauses: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moment, "time", Clocks(iter(pauses)))
    wall, mono = moment.moment()
    assert abs(wall - mono - 10 * S) < 1_000_000


def test_where_it_never_gets_on_the_nearest_readings_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moment, "time", Clocks(iter([0, 3 * S, 0] + [0, 2 * S, 0] + [0, 4 * S, 0] * 9)))
    wall, mono = moment.moment()
    assert 2 * S < wall - mono - 10 * S < 3 * S
