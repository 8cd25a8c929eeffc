"""The active period method on periods that can be drawn by hand."""

from __future__ import annotations

import pyarrow as pa

from omptool.analytics.finish.bottleneck import finish

S = 1_000_000_000


def ask(runs: list[tuple[str, int, int]], end: int = 100, stations: str = "ABC") -> dict[str, tuple[float, float]]:
    given = [*runs, *((name, None, None) for name in stations if name not in {run[0] for run in runs})]
    rows = [
        {"g": 0, "p": 1, "station": name, "since": None if since is None else since * S,
         "till": None if till is None else till * S, "coverage": 1.0, "percent_good": 100.0}
        for name, since, till in given
    ]  # fmt: skip
    found = finish(pa.Table.from_pylist(rows), {"cut_nanos": [0], "end_nanos": end * S})
    return {row["station"]: (row["sole_s"], row["shifting_s"]) for row in found.to_pylist()}


def test_one_station_alone() -> None:
    assert ask([("A", 0, 100)]) == {"A": (100, 0), "B": (0, 0), "C": (0, 0)}


def test_the_longest_period_wins_and_hides_the_others() -> None:
    assert ask([("A", 0, 100), ("B", 20, 60), ("C", 70, 90)]) == {"A": (100, 0), "B": (0, 0), "C": (0, 0)}


def test_where_two_overlap_the_bottleneck_shifts() -> None:
    """A works 0 to 60, B 40 to 100: both are it from 40 to 60."""
    assert ask([("A", 0, 60), ("B", 40, 100)]) == {"A": (40, 20), "B": (40, 20), "C": (0, 0)}


def test_a_pause_of_all_ends_a_bottleneck() -> None:
    assert ask([("A", 0, 30), ("B", 50, 100)]) == {"A": (30, 0), "B": (50, 0), "C": (0, 0)}


def test_a_longer_period_takes_over_when_it_begins() -> None:
    """B from 30 on is longer than A as a whole, so A is it alone only until then."""
    assert ask([("A", 0, 50), ("B", 30, 100)]) == {"A": (30, 20), "B": (50, 20), "C": (0, 0)}


def test_overlaps_that_overlap_each_other_count_once() -> None:
    runs = [("A", 0, 100), ("B", 60, 150), ("C", 70, 155)]
    assert ask(runs, end=160) == {"A": (60, 40), "B": (0, 90), "C": (5, 50)}
    assert ask([("A", 0, 50), ("B", 30, 100), ("C", 45, 150)], end=150) == {"A": (30, 15), "B": (0, 70), "C": (50, 55)}
    assert ask([("A", 0, 150), ("B", 100, 260), ("C", 140, 290)], end=300) == {
        "A": (100, 50), "B": (0, 160), "C": (30, 110)
    }  # fmt: skip


def test_three_in_a_row() -> None:
    found = ask([("A", 0, 40), ("B", 30, 70), ("C", 60, 100)])
    assert found == {"A": (30, 10), "B": (20, 20), "C": (30, 10)}
