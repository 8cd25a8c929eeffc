"""What was not seen is not made up: gaps, Bad values, restarts of a counter, states nobody explained."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from omptool.analytics import catalog
from omptool.analytics.run import Analysis, Request, analyse
from omptool.errors import NotFound, UsageError
from omptool.model.plant import PlantModel
from omptool.sources.source import Named
from omptool.sql.engine import LocalEngine
from tests.analytics.plants import SERVER, Recorded, gap

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def sample(second: float, tag: str, value: object, quality: str = "Good", **changes: Any) -> dict[str, object]:
    """A row of machine M; a text goes to value_text."""
    text = value if isinstance(value, str) else None
    return {
        "time": T0 + timedelta(seconds=second), "time_ns": 0, "time_basis": "source", "site": "S", "machine": "M",
        "tag": tag, "path": f"M/{tag}", "server": SERVER, "node_id": f"s=M.{tag}", "type": "x",
        "value": None if text is not None or value is None else float(value),  # type: ignore[arg-type]
        "value_text": text, "status": 0 if quality == "Good" else 0x80000000, "quality": quality, "overflow": False,
        "origin": "live", "capture": "c1", "seq": int(second * 10) + 1,
    } | changes  # fmt: skip


def run(
    name: str, rows: list[dict[str, object]], gaps: list[dict[str, object]] | None = None, **request: Any
) -> Analysis:
    asked = {"start": T0, "end": T0 + timedelta(seconds=100), "strangers": True} | request
    with LocalEngine([Named(Recorded(rows, gaps or []))]) as engine:
        return analyse(engine, catalog.load(name), Request(**asked))


def states(analysis: Analysis) -> dict[str, float]:
    return {row["state"]: row["seconds"] for row in analysis.rows.to_pylist()}


RUNS = [sample(-10, "State", "Run"), sample(40, "State", "Stop")]


def test_time_in_a_gap_has_no_state() -> None:
    result = run("time_in_state", RUNS, [gap("2026-01-01T00:00:10+00:00", "2026-01-01T00:00:30+00:00")])
    assert states(result) == {"Stop": 60.0, "Run": 20.0, "UNASSIGNED": 20.0}
    assert {row["coverage"] for row in result.rows.to_pylist()} == {0.8}
    assert {row["percent_good"] for row in result.rows.to_pylist()} == {80.0}
    assert "coverage down to 0.8" in result.touched


def test_overlapping_gaps_count_once_and_others_not_at_all() -> None:
    gaps = [
        gap("2026-01-01T00:00:10+00:00", "2026-01-01T00:00:30+00:00"),
        gap("2026-01-01T00:00:20+00:00", "2026-01-01T00:00:40+00:00", node_id="s=M.State"),
        gap("2026-01-01T00:00:50+00:00", "2026-01-01T00:00:60+00:00".replace(":60", ":59"), node_id="s=M.Other"),
        gap("2026-01-01T00:00:50+00:00", "2026-01-01T00:00:59+00:00", server="urn:other"),
        gap("2026-01-01T00:00:50+00:00", "2026-01-01T00:00:59+00:00", state="backfilled"),
    ]
    assert states(run("time_in_state", RUNS, gaps)) == {"Stop": 60.0, "UNASSIGNED": 30.0, "Run": 10.0}


def test_a_gap_without_end_lasts_until_another_capture_goes_on() -> None:
    open_gap = [gap("2026-01-01T00:00:50+00:00", None)]
    assert states(run("time_in_state", RUNS, open_gap)) == {"UNASSIGNED": 50.0, "Run": 40.0, "Stop": 10.0}
    later = [*RUNS, sample(80, "State", "Run", capture="c2")]
    assert states(run("time_in_state", later, open_gap)) == {"Run": 60.0, "UNASSIGNED": 30.0, "Stop": 10.0}


def test_for_aggregates_too_such_a_gap_ends() -> None:
    rows = [sample(0, "A", 1), sample(80, "A", 2, capture="c2")]
    asked = {"aggregate": "Count", "interval": "10s"}
    result = run("aggregate", rows, [gap("2026-01-01T00:00:50+00:00", None)], parameters=asked)
    assert [row["coverage"] for row in result.rows.to_pylist()] == [1, 1, 1, 1, 1, 0, 0, 0, 1, 1]


def test_before_the_first_value_nothing_is_known() -> None:
    result = run("time_in_state", RUNS[1:])
    assert states(result) == {"Stop": 60.0, "UNASSIGNED": 40.0}
    assert result.rows["coverage"][0].as_py() == 0.6


def test_a_value_from_long_ago_holds() -> None:
    old = [sample(-40 * 86_400, "State", "Run", seq=1)]
    assert states(run("time_in_state", old)) == {"Run": 100.0}


def test_a_bad_state_is_no_state_and_an_uncertain_one_is_one() -> None:
    bad = run("time_in_state", [*RUNS, sample(60, "State", "Run", "Bad"), sample(80, "State", "Stop")])
    assert states(bad) == {"Run": 40.0, "Stop": 40.0, "UNASSIGNED": 20.0}
    assert (bad.rows["coverage"][0].as_py(), bad.rows["percent_good"][0].as_py()) == (1.0, 80.0)
    assert "not all Good (percent_good down to 80.0)" in bad.touched
    unsure = run("time_in_state", [*RUNS, sample(60, "State", "Run", "Uncertain")])
    assert states(unsure) == {"Run": 80.0, "Stop": 20.0}
    assert unsure.rows["percent_good"][0].as_py() == 60.0


def test_codes_without_names_are_numbers() -> None:
    assert states(run("time_in_state", [sample(0, "State", 3), sample(50, "State", 4)])) == {"3": 50.0, "4": 50.0}


STATION = [
    sample(0, "SerialNumber", "P1"), sample(0, "Power", 1, seq=2), sample(20, "Power", 9, "Bad"),
    sample(30, "Power", 3), sample(60, "SerialNumber", "P2"), sample(60, "Power", 8, "Uncertain", seq=603),
]  # fmt: skip


def test_what_a_part_met_is_of_good_values_and_says_what_was_not_seen() -> None:
    result = run("genealogy", STATION, [gap("2026-01-01T00:01:20+00:00", "2026-01-01T00:01:40+00:00")])
    one, two = result.rows.to_pylist()
    assert (one["serial"], one["values"], one["mean"], one["minimum"], one["maximum"]) == ("P1", 2, 2.0, 1.0, 3.0)
    assert (two["serial"], two["values"], two["mean"], two["maximum"]) == ("P2", 0, None, None)
    assert {(row["coverage"], row["percent_good"]) for row in (one, two)} == {(0.8, 50.0)}
    assert "coverage down to 0.8" in result.touched


RUNNING = [sample(0, "State", "Executing"), sample(0, "Product", "A"), sample(0, "GoodCount", 1)]


@pytest.mark.parametrize("name", ["changeover", "downtime_pareto"])
def test_nothing_to_tell_is_whole_unless_a_gap_may_hide_it(name: str) -> None:
    result = run(name, RUNNING)
    assert (result.rows.num_rows, result.touched) == (0, "")
    result = run(name, RUNNING, [gap("2026-01-01T00:00:50+00:00", "2026-01-01T00:01:00+00:00")])
    assert result.touched.startswith("1 of 1 windows, with and without rows, saw less than their whole window")
    before = run(name, RUNNING, start=T0 - timedelta(days=2), end=T0 - timedelta(days=1))
    assert before.touched.startswith("no values of these machines")


def test_a_gap_in_an_hour_without_a_row_counts() -> None:
    rows = [*RUNNING, sample(600, "State", "OutOfService"), sample(660, "State", "Executing")]
    gaps = [gap("2026-01-01T01:10:00+00:00", "2026-01-01T01:20:00+00:00")]
    result = run("downtime_pareto", rows, gaps, end=T0 + timedelta(hours=2), period="hour")
    assert result.rows.num_rows == 1
    assert result.touched.startswith("1 of 2 windows")


MODEL = PlantModel.parse(
    '[roles]\nstate = ["Status"]\ngood = "Parts"\n[states]\n1 = "Executing"\nDown = "OutOfService"\n2 = "Setup"\n'
)
COUNTED = [
    sample(-5, "Status", 1), sample(50, "Status", 2), sample(60, "Status", "Down"), sample(80, "Status", 1),
    sample(-5, "Parts", 90), sample(10, "Parts", 97), sample(20, "Parts", 2), sample(30, "Parts", 2),
    sample(40, "Parts", None, "Bad"), sample(45, "Parts", 500, "Bad"), sample(46, "Parts", 5), sample(100, "Parts", 9),
]  # fmt: skip


def test_roles_and_states_of_the_plant_model_and_a_counter_that_starts_again() -> None:
    row = run("oee", COUNTED, plant=MODEL, parameters={"ideal_cycle": 6}).rows.to_pylist()[0]
    assert (row["apt"], row["aust"], row["adet"], row["adot"], row["pbt"]) == (70.0, 10.0, 20.0, 0.0, 100.0)
    assert (row["gq"], row["pq"], row["ideal_s"]) == (7 + 2 + 3, 12, 72.0)
    assert row["percent_good"] == 94.0  # the counter was Bad for six seconds
    assert row["note"] == "effectiveness above 1: the ideal cycle time is longer than the machine takes"
    assert row["effectiveness"] == pytest.approx(72 / 70)


def test_a_state_that_nobody_explained_is_named() -> None:
    rows = [*COUNTED, sample(90, "Status", "Lunch")]
    row = run("oee", rows, plant=MODEL, parameters={"ideal_cycle": 1.0}).rows.to_pylist()[0]
    assert (row["unassigned_s"], row["pbt"]) == (10.0, 90.0)
    assert row["note"] == "state Lunch has no meaning: add it to [states] of plant.toml"


def test_nothing_produced_in_planned_time_is_zero_and_no_planned_time_is_null() -> None:
    idle = [sample(-5, "Status", "Down"), sample(-5, "Parts", 4)]
    row = run("oee", idle, plant=MODEL, parameters={"ideal_cycle": 1.0}).rows.to_pylist()[0]
    assert (row["availability"], row["effectiveness"], row["oee_index"]) == (0.0, None, 0.0)
    off = [sample(-5, "Status", "NotAvailable"), sample(-5, "Parts", 4)]
    row = run("oee", off, plant=MODEL, parameters={"ideal_cycle": 1.0}).rows.to_pylist()[0]
    assert (row["availability"], row["oee_index"], row["unplanned_s"]) == (None, None, 100.0)


def test_teep_and_kpis_agree_with_oee_where_nothing_was_produced() -> None:
    idle = [sample(-5, "Status", "Setup"), sample(-5, "Parts", 4), sample(90, "Status", "Lunch")]
    model = PlantModel.parse('[roles]\nstate = ["Status"]\ngood = "Parts"\n')
    asked = {"plant": model, "parameters": {"ideal_cycle": 1.0}}
    row = run("teep", idle, **asked).rows.to_pylist()[0]
    assert (row["oee_index"], row["teep_index"], row["nee_index"]) == (0.0, 0.0, 0.0)
    assert row["note"] == "state Lunch has no meaning: add it to [states] of plant.toml"
    found = {row["kpi"]: row["value"] for row in run("kpi22400", idle, **asked).rows.to_pylist()}
    assert (found["OEE"], found["NEE"], found["SeR"]) == (0.0, 0.0, 1.0)


def test_a_stop_over_two_hours_is_one_of_each() -> None:
    rows = [*RUNNING, sample(3000, "State", "OutOfService"), sample(4200, "State", "Executing")]
    found = run("downtime_pareto", rows, end=T0 + timedelta(hours=2), period="hour").rows.to_pylist()
    assert [(row["stops"], row["seconds"], row["longest_s"]) for row in found] == [(1, 600, 1200), (1, 600, 1200)]


def test_products_that_are_numbers_have_no_point() -> None:
    rows = [
        sample(0, "State", "Executing"), sample(0, "Product", 12), sample(0, "GoodCount", 1),
        sample(10, "GoodCount", 2), sample(20, "Product", 13), sample(30, "GoodCount", 3),
    ]  # fmt: skip
    found = run("changeover", rows).rows.to_pylist()
    assert [(row["from_product"], row["to_product"], row["seconds"]) for row in found] == [("12", "13", 20)]


def test_a_window_before_all_values_is_empty_and_says_so() -> None:
    result = run("time_in_state", RUNS, start=T0 - timedelta(days=2), end=T0 - timedelta(days=1))
    assert result.rows.num_rows == 0
    assert result.touched.startswith("no values of these machines before the end of 2025-12-30T00:00:00Z")


def test_a_window_that_is_none_and_a_source_without_rows() -> None:
    with pytest.raises(UsageError, match="is empty"):
        run("time_in_state", RUNS, start=T0, end=T0)
    with pytest.raises(NotFound, match="no telemetry to analyse"):
        run("time_in_state", [])


@pytest.mark.parametrize(
    ("given", "says"),
    [({"ideal_cicle": 1}, "no parameter ideal_cicle"), ({"ideal_cycle": "x"}, "'x' is no float")],
)
def test_wrong_parameters(given: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        run("oee", COUNTED, plant=MODEL, parameters=given)


def test_doubtful_rows_are_counted() -> None:
    rows = [
        sample(0, "A", 1, seq=1), sample(0, "A", 1, seq=2), sample(50, "A", 2, seq=3, overflow=True),
        sample(40, "A", 3, seq=4, server_time=T0 + timedelta(seconds=38.5)), sample(60, "B", 1, seq=5),
    ]  # fmt: skip
    result = run("data_quality", rows, [gap("2026-01-01T00:01:30+00:00", None, node_id="s=M.A")])
    one, two = result.rows.to_pylist()
    assert (one["tag"], one["rows"], one["duplicates"], one["backward"], one["overflows"]) == ("A", 4, 1, 1, 1)
    assert (one["longest_silence_s"], one["max_skew_s"], one["coverage"]) == (50.0, 1.5, 0.9)
    assert (two["tag"], two["coverage"], two["longest_silence_s"], two["max_skew_s"]) == ("B", 0.4, 60.0, None)
    assert "coverage down to 0.4" in result.touched


def test_a_first_value_has_no_skew() -> None:
    rows = [
        sample(-500, "A", 1, seq=1, origin="initial", server_time=T0), sample(20, "A", 2, seq=2, server_time=T0),
        sample(20, "A", 2, seq=3, origin="initial", server_time=T0 + timedelta(seconds=90)),
    ]  # fmt: skip
    [row] = run("data_quality", rows).rows.to_pylist()
    assert (row["rows"], row["duplicates"], row["max_skew_s"]) == (2, 1, 20.0)


def test_large_integers_that_differ_are_no_duplicates() -> None:
    rows = [sample(10, "A", None, seq=number, value_exact=2**60 + number % 3) for number in (1, 2, 5)]
    [row] = run("data_quality", rows).rows.to_pylist()
    assert (row["rows"], row["duplicates"]) == (3, 1)


def test_a_machine_that_said_nothing_yet_is_not_left_out() -> None:
    late = sample(500, "State", "Run", machine="N", node_id="s=N.State", path="N/State", seq=9000)
    result = run("time_in_state", [*RUNS, late])
    found = [(row["machine"], row["state"], row["seconds"]) for row in result.rows.to_pylist()]
    assert found == [("M", "Stop", 60.0), ("M", "Run", 40.0), ("N", "UNASSIGNED", 100.0)]
    assert "coverage down to 0.0" in result.touched


@pytest.mark.parametrize("origin", ["history", "republished", "imported"])
def test_what_came_later_than_it_was_measured_is_no_clock_that_was_set_back(origin: str) -> None:
    """The server starts again at second 38; what it counted before that is fetched when the connection is back."""
    counted = [(at, 500 + at) for at in range(20)], [(at, at - 38) for at in range(40, 60)]
    fetched = [(at, 500 + at, origin) for at in range(20, 38)]
    rest = [(at, at - 38) for at in range(60, 100)]
    told = [*((*each, "live") for each in (*counted[0], *counted[1])), *fetched, *((*each, "live") for each in rest)]
    rows = [
        RUNNING[0],
        *(sample(at, "GoodCount", value, seq=seq, origin=how) for seq, (at, value, how) in enumerate(told, 2)),
    ]
    for since, till, parts in ((0, 60, 58), (50, 60, 10), (0, 100, 98)):
        window = {"start": T0 + timedelta(seconds=since), "end": T0 + timedelta(seconds=till)}
        (row,) = run("oee", rows, parameters={"ideal_cycle": 1.0}, **window).rows.to_pylist()
        assert row["gq"] == parts


def test_a_clock_that_is_set_back_makes_no_parts() -> None:
    """The clock is 50 s ahead until second 40: what is counted then lies between what is counted later."""
    ahead = [
        sample(stamp, "GoodCount", value, seq=seq) for seq, (stamp, value) in enumerate(((60, 7), (80, 8), (90, 9)), 2)
    ]
    after = [
        sample(stamp, "GoodCount", value, seq=seq)
        for seq, (stamp, value) in enumerate(((50, 10), (70, 11), (95, 12)), 5)
    ]
    rows = [RUNNING[0], sample(-5, "GoodCount", 5, seq=1), *ahead, *after]
    (row,) = run("oee", rows, parameters={"ideal_cycle": 1.0}).rows.to_pylist()
    assert row["gq"] == 7
    (row,) = run("oee", [*rows, sample(96, "GoodCount", 3, seq=8)], parameters={"ideal_cycle": 1.0}).rows.to_pylist()
    assert row["gq"] == 10  # and one that starts again does
