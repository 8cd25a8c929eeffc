"""What lies behind the end of a recording is not seen, and a person is told so."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from omptool.analytics import catalog
from omptool.analytics.run import Request, analyse
from omptool.model.contracts import EVENTS, JOURNAL
from omptool.sources.source import Named, Scannable, Stream
from omptool.sql.engine import LocalEngine
from tests.analytics.plants import SERVER, Recorded, table
from tests.analytics.test_gaps_and_quality import T0, sample

Rows = list[dict[str, Any]]
STATE = [sample(0, "State", "Executing"), sample(50, "State", "Setup")]


class Journaled(Recorded):
    """With a journal that ends later than the values."""

    def views(self) -> Mapping[str, Scannable]:
        stop = table(JOURNAL, [{"time": T0 + timedelta(seconds=99), "kind": "stop", "capture": "c1", "seq": 9}])
        return {**super().views(), "journal": Stream(stop.schema, stop.to_batches)}


def _note(source: Recorded, start: float | None, end: float | None, name: str = "time_in_state", **asked: Any) -> str:
    window = {name: None if at is None else T0 + timedelta(seconds=at) for name, at in (("start", start), ("end", end))}
    with LocalEngine([Named(source)]) as engine:
        found = analyse(engine, catalog.load(name), Request(strangers=True, **window, **asked))
    return "".join(note for note in found.notes if note.startswith("the recording"))


def test_a_window_behind_the_end_rests_on_the_last_values() -> None:
    ends = "the recording ends at 2026-01-01T00:00:50Z: "
    assert _note(Recorded(STATE), 100, 200) == f"{ends}all of the window rests on the last values before"
    assert _note(Recorded(STATE), 0, 200) == f"{ends}the last 0:02:30 of the window rests on the last values before"


def test_of_several_servers_those_are_named_whose_recording_ends() -> None:
    went_on = [sample(0, "State", "Executing"), sample(199, "State", "Setup")]
    ended = [sample(9, "State", "Executing", server="urn:b", machine="B", node_id="s=B.State", capture="c2")]
    assert _note(Recorded([*went_on, *ended]), 0, 200).startswith("the recording of urn:b ends at 2026-01-01T00:00:09Z")


def test_an_open_beginning_is_that_of_the_recording() -> None:
    told = [sample(0, "State", "Executing"), sample(50, "State", "Setup")]
    assert "the last 0:00:50 of the window" in _note(Recorded(told), None, 100)


def test_a_control_chart_carries_no_value_on() -> None:
    rows = [sample(at, "Power", at % 3, seq=at + 1000) for at in range(0, 60, 10)]
    assert _note(Recorded(rows), 0, 200, "i_mr", maps={"value": "Power"}).endswith("of the window holds no values")


@pytest.mark.parametrize(
    ("aggregate", "says"), [("TimeAverage", "rests on the last values before"), ("Count", "holds no values")]
)
def test_only_an_aggregate_that_extrapolates_rests_on_the_last_values(aggregate: str, says: str) -> None:
    rows = [sample(at, "Power", at % 3, seq=at + 1000) for at in range(0, 60, 10)]
    asked = {"maps": {"value": "Power"}, "parameters": {"aggregate": aggregate}}
    assert _note(Recorded(rows), 0, 200, "aggregate", **asked).endswith(f"of the window {says}")


def _alarm(second: float, active: bool) -> dict[str, object]:
    at = T0 + timedelta(seconds=second)
    return {
        "time": at, "time_ns": 0, "receive_time": at, "server": SERVER, "node_id": "s=M", "site": "S", "machine": "M",
        "source_name": "M", "condition_id": "c", "active": active, "retain": active, "origin": "live",
        "capture": "c1", "seq": 100 + int(second),
    }  # fmt: skip


class Alarmed(Recorded):
    """Values until 60 s, alarms until 300 s."""

    def views(self) -> Mapping[str, Scannable]:
        said = [_alarm(10, True), _alarm(20, False), _alarm(61, True), _alarm(200, False), _alarm(300, True)]
        alarms = table(EVENTS, said)
        return {**super().views(), "events": Stream(alarms.schema, alarms.to_batches)}


def test_alarms_are_recorded_too() -> None:
    source = Alarmed([sample(0, "Power", 1), sample(60, "Power", 2)])
    assert _note(source, 0, 301, "alarm_rate") == ""
    assert "T00:05:00Z: the last 0:05:00" in _note(source, 0, 600, "alarm_rate")
    with LocalEngine([Named(source)]) as engine:
        [row] = analyse(engine, catalog.load("alarm_rate"), Request(strangers=True)).rows.to_pylist()
    assert (row["alarms"], row["end"]) == (3, T0 + timedelta(seconds=300, milliseconds=1))


@pytest.mark.parametrize("name", ["aggregate", "i_mr", "data_quality", "bottleneck"])
def test_every_kind_of_analysis_says_so(name: str) -> None:
    parameters = {"aggregate": "Count"} if name == "aggregate" else {}
    rows = [*STATE, *(sample(at, "Power", at % 3, seq=at + 1000) for at in range(0, 50, 10))]
    maps = {"value": "Power"} if name in ("aggregate", "i_mr", "data_quality") else {}
    assert _note(Recorded(rows), 0, 200, name, parameters=parameters, maps=maps)


@pytest.mark.parametrize("window", [(0, 50), (0, 50.2), (0, 40), (0, None)])
def test_a_window_that_was_recorded_needs_no_note(window: tuple[float, float | None]) -> None:
    assert _note(Recorded(STATE), *window) == ""


def test_a_server_that_was_silent_was_still_recorded() -> None:
    assert _note(Journaled(STATE), 0, 100) == ""
    other = [sample(99, "State", "Executing", server="urn:b", machine="B", node_id="s=B.State")]
    assert _note(Recorded([*STATE, *other]), 0, 100) == ""
    assert _note(Recorded([*STATE, *(row | {"capture": "c2"} for row in other)]), 0, 100) != ""


def test_a_server_that_ended_ahead_of_the_window_is_not_forgotten_beside_one_that_went_on() -> None:
    went_on = [sample(0, "State", "Executing"), sample(199, "State", "Setup")]
    ended = [sample(9, "State", "Executing", server="urn:b", machine="B", node_id="s=B.State", capture="c2")]
    assert _note(Recorded(went_on), 100, 200) == ""
    assert "T00:00:09Z: all of the window" in _note(Recorded([*went_on, *ended]), 100, 200)


def test_a_clock_that_is_far_ahead_does_not_make_a_recording_longer() -> None:
    late = [sample(40_000, "Other", 1, receive_time=T0 + timedelta(seconds=60))]
    assert "T00:00:50Z" in _note(Recorded([*STATE, *late]), 0, 20_000)


@pytest.mark.parametrize("name", ["mtbf_mttr", "micro_stops", "downtime_pareto", "time_elements", "bottleneck"])
def test_states_that_nobody_explained_are_named(name: str) -> None:
    rows = [sample(-50, "State", 9), sample(-20, "State", 7), sample(30, "State", "Setup"), sample(60, "State", 8)]
    with LocalEngine([Named(Recorded(rows))]) as engine:
        asked = Request(start=T0, end=T0 + timedelta(seconds=90), strangers=True)
        notes = analyse(engine, catalog.load(name), asked).notes
    assert "states 7, 8 have no meaning: add them to [states] of plant.toml" in notes


@pytest.mark.parametrize("name", ["oee", "teep", "kpi22400", "cycle_time"])
def test_a_counter_of_texts_is_named(name: str) -> None:
    rows = [sample(0, "State", "Executing"), sample(0, "IdealCycleTime", 1), sample(0, "ScrapCount", 1)]
    rows += [sample(second, "GoodCount", str(second)) for second in range(0, 50, 10)]
    with LocalEngine([Named(Recorded(rows))]) as engine:
        found = analyse(engine, catalog.load(name), Request(strangers=True))
    assert "the counter good of M says no numbers: its parts are not counted" in found.notes
    assert not any("scrap" in note for note in found.notes)
    [row, *_] = found.rows.to_pylist()
    if name in ("oee", "teep"):
        assert (row["oee_index"], row["note"]) == (None, "no number in good")
