"""What a report says in words and numbers, and what it leaves out of a chart."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.analytics.report.control import thin
from omptool.analytics.report.page import in_script
from omptool.analytics.report.production import overall
from omptool.analytics.report.shaping import chosen, named
from omptool.analytics.report.words import Clock, count, duration, number, percent


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0, "0"), (12.0, "12"), (1234.5, "1,234"), (3.14159, "3.142"), (0.012345, "0.01235"), (1e-9, "1.000e-09"),
     (float("nan"), "–"), (None, "–"), (-41.875, "-41.88")],
)  # fmt: skip
def test_numbers_have_four_digits(value: float | None, shown: str) -> None:
    assert number(value) == shown
    assert number(value, "kW") == f"{shown} kW".replace("– kW", "–")


@pytest.mark.parametrize(
    ("value", "shown"), [(1.0, "100.0 %"), (0.99999, "99.9 %"), (1.0421, "104.2 %"), (0.0, "0.0 %"), (None, "–")]
)
def test_what_is_not_whole_does_not_look_so(value: float | None, shown: str) -> None:
    assert percent(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(8.44, "8.4 s"), (725, "12:05 min"), (3600, "1:00 h"), (12_000, "3:20 h"), (98_400, "1 d 03:20 h"), (None, "–")],
)
def test_durations(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


def test_one_is_singular() -> None:
    assert [count(n, "gap") for n in (0, 1, 2000)] == ["0 gaps", "1 gap", "2,000 gaps"]


def test_a_chart_keeps_the_offset_of_its_start_and_says_so() -> None:
    start, end = datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC)
    clock = Clock(ZoneInfo("Europe/Berlin"), "Europe/Berlin", start, end)
    assert clock.changes
    assert clock.axis(end) - clock.axis(start) == 14 * 3600 * 1000, "a straight line"
    assert (clock.text(start), clock.text(end)) == ("2026-10-25 00:00:00", "2026-10-25 13:00:00")


def test_machines_of_one_name_are_told_apart() -> None:
    def place(site: str, line: str | None, machine: str) -> dict[str, object]:
        return {"site": site, "line": line, "machine": machine}

    rows = [place("A", "L1", "M"), place("A", "L2", "M"), place("B", "L2", "M"), place("A", None, "N")]
    assert [row["name"] for row in named(rows)] == ["L1 / M", "A / L2 / M", "B / L2 / M", "N"]


def test_what_a_chart_leaves_out_is_said() -> None:
    assert chosen([{}] * 3, "machines", "first", "cmd", most=3) == ([{}] * 3, [])
    shown, notes = chosen([{}] * 4, "machines", "with most", "cmd", most=3)
    assert (len(shown), notes) == (3, ["The chart shows the 3 machines with most of 4; all: cmd"])


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=3000), st.sets(st.integers(0, 2999), max_size=50))
def test_a_thinned_chart_keeps_extremes_ends_and_violations(values: list[float], bad: set[int]) -> None:
    rows = [{"at": at, "value": value, "violations": "WER1" if at in bad else None} for at, value in enumerate(values)]
    kept = thin(pa.table({name: [row[name] for row in rows] for name in rows[0]}))
    assert [row["at"] for row in kept] == sorted(row["at"] for row in kept)
    assert len(kept) <= 600 + 50 + 2
    assert {row["at"] for row in rows if row["violations"]} <= {row["at"] for row in kept}
    assert {min(values), max(values)} <= {row["value"] for row in kept}
    assert {0, len(rows) - 1} <= {row["at"] for row in kept}


def test_together_means_of_the_sums() -> None:
    one = {"pbt": 100.0, "apt": 50.0, "ideal_s": 40.0, "pq": 10.0, "gq": 9.0, "sq": 1.0, "rq": 0.0}
    other = {"pbt": 100.0, "apt": 100.0, "ideal_s": 80.0, "pq": 30.0, "gq": 30.0, "sq": 0.0, "rq": 0.0}
    whole = overall([one, other])
    assert whole["oee_index"] == pytest.approx(150 / 200 * 120 / 150 * 39 / 40)
    assert overall([one | {"ideal_s": None}])["oee_index"] is None
    assert overall([one | {"pq": 0.0, "gq": 0.0}])["oee_index"] == 0.0


@given(st.text())
def test_json_in_a_script_is_ascii_without_markup(text: str) -> None:
    import json

    written = in_script({"a": [text]})
    assert written.isascii()
    assert not set("<>&") & set(written)
    assert json.loads(written) == {"a": [text]}
