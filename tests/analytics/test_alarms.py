"""Alarms: as the simulator raised them, as events and as tags, and floods and chatter as their definitions say."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.analytics import catalog
from omptool.analytics.finish.alarm_chatter import chatter
from omptool.analytics.finish.alarm_rate import density
from omptool.analytics.finish.alarms import SECOND, Alarm
from omptool.analytics.run import Analysis, Request, analyse
from omptool.demo.alarms import alarm_of
from omptool.demo.schedule import Plant
from omptool.errors import NotFound, UsageError
from omptool.model.contracts import EVENTS, JOURNAL
from omptool.sources.source import Named, Scannable, Stream
from omptool.sql.engine import LocalEngine
from tests.analytics.plants import SERVER, Recorded, gap, moment, ns, table, telemetry

START, END = "2026-11-16T06:30:00+00:00", "2026-11-16T09:30:00+00:00"
PLANT = Plant(1)
DEFAULTS = {"flood_window": 600.0, "flood_above": 10, "flood_below": 5, "operators": 1}


@dataclass
class Alarmed(Recorded):
    """A plant that was also asked for its events."""

    events: list[dict[str, object]] = field(default_factory=list)
    journal: list[dict[str, object]] = field(default_factory=list)

    def views(self) -> Mapping[str, Scannable]:
        more = {"events": table(EVENTS, self.events), "journal": table(JOURNAL, self.journal)}
        return {**super().views(), **{name: Stream(each.schema, each.to_batches) for name, each in more.items()}}


def tags(names: Sequence[str] = ("AlarmCode",)) -> list[dict[str, object]]:
    return telemetry(PLANT, ns("2026-11-16T06:00:00+00:00"), ns(END), names)


AREAS = {channel.machine.name: channel.line.area for channel in PLANT.channels.values()}


def event(at_ns: int, machine: str, active: bool | None, **changes: object) -> dict[str, object]:
    line = "Line2" if machine in ("CNC1", "CNC2", "Packer2") else "Line1"
    return {
        "time": moment(at_ns), "time_ns": at_ns % 1000, "receive_time": moment(at_ns) + timedelta(seconds=1),
        "server": SERVER, "node_id": f"s={machine}", "site": "Riverside", "area": AREAS[machine], "line": line,
        "machine": machine, "event_type": "i=2915", "source_name": machine, "message": "m", "severity": 500,
        "condition_id": f"s={machine}.Stopped", "condition_name": "Stopped", "active": active, "origin": "live",
        "capture": "c1", "seq": at_ns // 100 % (1 << 40),
    } | changes  # fmt: skip


def alarm_events() -> list[dict[str, object]]:
    """What `capture --events` would hold of the demo."""
    found = []
    for name in PLANT.channels:
        if name.endswith(".AlarmCode"):
            area = PLANT.channels[name].line.area
            for change in PLANT.changes_of(name, ns("2026-11-16T06:00:00+00:00"), ns(END)):
                told = alarm_of(PLANT, change)
                assert told is not None
                more = {"message": told.message, "severity": told.severity, "area": area}
                found.append(event(change.time_ns, PLANT.channels[name].machine.name, told.is_active, **more))
    return found


def raised() -> dict[str, list[tuple[int, int | None, int]]]:
    """Per machine: since, till, code, from the schedule."""
    found: dict[str, list[tuple[int, int | None, int]]] = defaultdict(list)
    for name in PLANT.channels:
        if name.endswith(".AlarmCode"):
            changes = PLANT.changes_of(name, ns("2026-11-16T06:00:00+00:00"), ns(END))
            ends = [*(change.time_ns for change in changes[1:]), None]
            for change, end in zip(changes, ends, strict=True):
                if change.value:
                    found[PLANT.channels[name].machine.name].append((change.time_ns, end, int(change.value)))  # type: ignore[arg-type]
    return found


def run(name: str, recorded: Recorded, **request: Any) -> Analysis:
    window = {"start": datetime.fromisoformat(START), "end": datetime.fromisoformat(END), "strangers": True}
    with LocalEngine([Named(recorded)]) as engine:
        return analyse(engine, catalog.load(name), Request(**(window | request)))


@pytest.mark.parametrize("kind", ["tags", "events"])
def test_what_the_schedule_raised_is_counted(kind: str) -> None:
    source = Recorded(tags()) if kind == "tags" else Alarmed(tags(), events=alarm_events())
    result = run("alarm_rate", source)
    assert result.touched == ""
    truth = {name: [one for one in each if ns(START) <= one[0] < ns(END)] for name, each in raised().items()}
    assert {row["machine"]: row["alarms"] for row in result.rows.to_pylist()} == {
        name: len(each) for name, each in truth.items()
    }
    for row in result.rows.to_pylist():
        mine = truth[row["machine"]]
        often = Counter(code for _, _, code in mine).most_common(10) if kind == "tags" else [(0, len(mine))]
        assert row["top_share"] == sum(count for _, count in often) / len(mine)
        assert row["per_10min"] == pytest.approx(len(mine) / 18 / row["coverage"], rel=1e-12)
        assert row["standing"] == sum(end is None for _, end, _ in raised()[row["machine"]])
        every = sorted(since for since, _, _ in raised()[row["machine"]])
        within = [sum(at - 600 * SECOND < other <= at for other in every) for at in every if at >= ns(START)]
        assert row["peak"] == max(within)


def test_durations_are_those_of_the_schedule() -> None:
    rows = run("alarm_chatter", Recorded(tags()), parameters={"top": 0}).rows.to_pylist()
    for row in rows:
        code = int(row["alarm"].removeprefix("AlarmCode "))
        mine = [(since, end) for since, end, other in raised()[row["machine"]] if other == code]
        came = [(since, end) for since, end in mine if since >= ns(START)]
        over = [end - since for since, end in came if end is not None]
        assert row["alarms"] == len(came)
        assert row["mean_s"] == pytest.approx(sum(over) / len(over) / 1e9, rel=1e-12)
        assert row["fleeting"] == sum(length < 10 * SECOND for length in over)
        assert (row["source"], row["chattering"], row["stale"]) == (row["machine"], 0, 0)
    for machine in {row["machine"] for row in rows}:
        mine_of = [row for row in rows if row["machine"] == machine]
        assert [row["rank"] for row in mine_of] == list(range(1, len(mine_of) + 1))
        assert mine_of[-1]["cumulative"] == pytest.approx(1, abs=1e-12)
        assert [row["alarms"] for row in mine_of] == sorted((row["alarms"] for row in mine_of), reverse=True)


def test_a_text_that_is_0_is_no_alarm() -> None:
    numbers = tags()
    texts = [row | {"value": None, "value_text": f"{row['value']:g}", "type": "String"} for row in numbers]
    spelled = [row | {"value_text": {"0": " 0.0"}.get(str(row["value_text"]), row["value_text"])} for row in texts]
    said = run("alarm_chatter", Recorded(numbers)).rows
    assert said.num_rows and run("alarm_chatter", Recorded(texts)).rows.equals(said)
    assert run("alarm_chatter", Recorded(spelled)).rows.equals(said)


def test_a_number_beyond_the_digits_of_a_float_keeps_them() -> None:
    """Two that are one as floats are two alarms."""
    codes = (2**53 + 1, 2**53 + 2, 2**64 - 1)
    first = next(row for row in tags() if row["machine"] == "Press1")
    rows = [
        first | {"time": moment(ns(START) + at * SECOND), "time_ns": 0, "type": "UInt64", "seq": at, "value_text": None}
        | {"value": float(code), "value_exact": Decimal(code) if code else None}
        for at, code in enumerate((0, codes[0], codes[1], 0, codes[2], 0), 1)
    ]  # fmt: skip
    found = run("alarm_chatter", Recorded(rows)).rows.to_pylist()
    assert {row["alarm"] for row in found} == {f"AlarmCode {code}" for code in codes}


def test_by_message_the_reasons_are_counted() -> None:
    events = alarm_events()
    source = Alarmed(tags(), events=events)
    rows = run("alarm_chatter", source, places=("line",), parameters={"by_message": True, "top": 3}).rows.to_pylist()
    told = Counter((e["machine"], e["message"]) for e in events if e["active"] and e["time"] >= moment(ns(START)))
    for row in rows:
        assert told[row["source"], row["alarm"]] == row["alarms"]
    assert len(rows) == 6
    by_condition = run("alarm_chatter", source).rows.to_pylist()
    assert {row["alarm"] for row in by_condition} == {"Stopped"}


def test_what_is_said_again_or_suppressed_or_mild_is_no_alarm() -> None:
    at = ns("2026-11-16T07:00:00+00:00")
    events = [
        event(at, "Press1", True),
        event(at, "Press1", True, origin="initial"),
        event(at + 5 * SECOND, "Press1", True, acked=True),
        event(at + 9 * SECOND, "Press1", False, severity=1),
        event(at + 20 * SECOND, "Press2", True, suppressed=True),
        event(at + 30 * SECOND, "Packer1", True, severity=100),
        event(at + 40 * SECOND, "Packer1", None),
    ]
    first = [row for row in tags() if row["machine"] in ("Press1", "Press2", "Packer1")]
    result = run("alarm_rate", Alarmed(first, events=events), parameters={"min_severity": 300})
    assert {row["machine"]: row["alarms"] for row in result.rows.to_pylist()} == {
        "Packer1": 0,
        "Press1": 1,
        "Press2": 0,
    }
    (row,) = run("alarm_chatter", Alarmed(first, events=events), parameters={"min_severity": 300}).rows.to_pylist()
    assert (row["fleeting"], row["mean_s"]) == (1, 9)


def test_a_quiet_plant_is_no_failure() -> None:
    """Events were asked for, none came: zero alarms, and nothing is wrong with it."""
    quiet = [row | {"receive_time": row["time"]} for row in tags(["State"])]
    listened = [
        {"time": moment(ns(START)), "server": SERVER, "kind": "conditions_refreshed", "capture": "c1", "seq": 1}
    ]
    source = Alarmed(quiet, journal=listened)
    result = run("alarm_rate", source)
    assert [row["alarms"] for row in result.rows.to_pylist()] == [0] * 6
    assert {row["verdict"] for row in result.rows.to_pylist()} == {"acceptable"}
    nothing = run("alarm_chatter", source)
    assert (nothing.rows.num_rows, nothing.touched, result.touched) == (0, "", "")
    with pytest.raises(NotFound, match="nothing tells of alarms") as refused:
        run("alarm_rate", Recorded(quiet))
    assert "--events" in refused.value.hint


def test_an_operator_of_a_line_has_the_alarms_of_all_its_machines() -> None:
    """In the same time."""
    alone = {row["machine"]: row["alarms"] for row in run("alarm_rate", Recorded(tags())).rows.to_pylist()}
    for source in (Recorded(tags()), Alarmed(tags(), events=alarm_events())):
        rows = run("alarm_rate", source, places=("line",)).rows.to_pylist()
        assert [row["line"] for row in rows] == ["Line1", "Line2"]
        assert sum(row["alarms"] for row in rows) == sum(alone.values())
        for row in rows:
            assert row["per_10min"] == pytest.approx(row["alarms"] / 18 / row["coverage"], rel=1e-12)


def life(kind: str, at_ns: int, seq: int) -> dict[str, object]:
    return {"time": moment(at_ns), "server": SERVER, "kind": kind, "capture": "c1", "seq": seq}


@pytest.mark.parametrize("clock", [0, -3600, 3600])
@pytest.mark.parametrize("is_there", [True, False])
def test_what_a_server_does_not_say_again_has_gone(clock: int, *, is_there: bool) -> None:
    """The connection is lost and back after 10 min. The server's clock may be another than that of the recording."""
    at = ns("2026-11-16T07:30:00+00:00")

    def told(seconds: int, active: bool, seq: int, **more: object) -> dict[str, object]:
        came = moment(at + seconds * SECOND)
        return event(at + (seconds + clock) * SECOND, "Press1", active, receive_time=came, seq=seq, **more)

    events = [told(0, True, 1), told(1800, True, 3), told(1830, False, 4)]
    events += [told(600, True, 2, origin="initial")] if is_there else []
    journal = [life(*each) for each in (("connect", at - SECOND, 1), ("conditions_refreshed", at - SECOND // 2, 2))]
    journal += [life("connect", at + 590 * SECOND, 3), life("conditions_refreshed", at + 601 * SECOND, 4)]
    first = [row for row in tags() if row["machine"] == "Press1"]
    (row,) = run("alarm_chatter", Alarmed(first, events=events, journal=journal)).rows.to_pylist()
    gone = {0: 601.0, -3600: 1800.0, 3600: 1e-9}[clock]
    assert (row["alarms"], row["standing"]) == ((1, 0) if is_there else (2, 0))
    assert row["mean_s"] == pytest.approx(1830.0 if is_there else (gone + 30) / 2, rel=1e-12)
    elsewhere = [each | {"capture": "c0"} for each in events[:1]]
    (row,) = run("alarm_chatter", Alarmed(first, events=elsewhere, journal=journal)).rows.to_pylist()
    assert (row["alarms"], row["standing"]) == (1, 1)  # the later recording says nothing of this condition at all


def test_a_gap_lowers_coverage_not_the_rate() -> None:
    """Alarms are counted against the time that was seen; a gap of one Variable hides no event."""
    lost = gap("2026-11-16T07:30:00+00:00", "2026-11-16T08:15:00+00:00")
    result = run("alarm_rate", Recorded(tags(), [lost]))
    for row in result.rows.to_pylist():
        assert row["coverage"] == 0.75
        assert row["per_10min"] == pytest.approx(row["alarms"] / 13.5, rel=1e-12)
    assert "6 of 6 rows saw less" in result.touched


def test_machines_of_a_row_share_its_operator() -> None:
    """A line of several machines has one window, however many of them are seen in it."""
    machines = {row["machine"]: row["alarms"] for row in run("alarm_rate", Recorded(tags())).rows.to_pylist()}
    lines = run("alarm_rate", Recorded(tags()), places=("site",)).rows.to_pylist()
    assert len(machines) > 1
    assert sum(row["alarms"] for row in lines) == sum(machines.values())
    for row in lines:
        assert row["per_10min"] == pytest.approx(row["alarms"] / 18 / row["coverage"], rel=1e-12)


def test_stale_and_standing() -> None:
    """One stands since Friday, one stood for 25 hours; periods see them as they were then."""
    monday = ns("2026-11-16T06:00:00+00:00")
    events = [
        event(monday - 70 * 3600 * SECOND, "Press1", True),
        event(monday - 22 * 3600 * SECOND, "Press2", True),
        event(monday + 3 * 3600 * SECOND, "Press2", False),
    ]
    source = Alarmed([row for row in tags() if row["line"] == "Line1"], events=events)
    hours = run("alarm_rate", source, places=("line",), period="hour").rows.to_pylist()
    assert [(row["stale"], row["standing"]) for row in hours] == [(1, 2), (1, 2), (2, 2), (1, 1)]
    rows = run("alarm_chatter", source).rows.to_pylist()
    assert [(row["source"], row["stale"], row["alarms"], row["longest_s"]) for row in rows] == [
        ("Press1", 1, 0, 73.5 * 3600),
        ("Press2", 1, 0, 25 * 3600),
    ]


def test_a_flood_begins_above_ten_and_ends_below_five() -> None:
    minute = 60 * SECOND
    times = [place * minute // 2 for place in range(11)]  # the eleventh after five minutes
    assert density(times, DEFAULTS).floods == [(5 * minute, times[6] + 10 * minute)]
    assert density(times[:10], DEFAULTS).floods == []
    assert density(times, DEFAULTS | {"operators": 2}).floods == []
    assert max(density(times, DEFAULTS).within) == 11


moments = st.lists(st.integers(0, 800), max_size=60).map(lambda each: sorted(second * SECOND for second in each))


@given(moments, st.integers(4, 12), st.integers(1, 4))
def test_density_is_what_its_definition_says(times: list[int], above: int, below: int) -> None:
    """Counted anew at every second, which is where everything happens here."""
    dense = density(times, DEFAULTS | {"flood_above": above, "flood_below": below, "flood_window": 120.0})
    floods: list[list[int]] = []
    is_on = False
    for second in range(800 + 121):
        now = second * SECOND
        kept = sum(now - 120 * SECOND < time < now for time in times)
        if is_on and kept < below:
            floods[-1].append(now)
            is_on = False
        for number in range(times.count(now)):
            if not is_on and kept + number + 1 > above:
                floods.append([now])
                is_on = True
    assert [list(each) for each in dense.floods] == floods
    last = {time: place for place, time in enumerate(times)}
    for time, place in last.items():
        assert dense.within[place] == sum(time - 120 * SECOND < other <= time for other in times)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("alarm_rate", {"operators": 0}),
        ("alarm_rate", {"flood_window": 0.0}),
        ("alarm_rate", {"flood_below": 12}),
        ("alarm_chatter", {"chatter_count": 1}),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(name: str, wrong: dict[str, object]) -> None:
    with pytest.raises(UsageError, match=f"--param {next(iter(wrong))}"):
        run(name, Recorded(tags()), parameters=wrong)


@given(moments, st.integers(2, 5))
def test_chatter_is_what_its_definition_says(times: list[int], count: int) -> None:
    alarms = [Alarm(time, time + 1, place, "x", "") for place, time in enumerate(times)]
    episodes = list(chatter(alarms, count, 60.0))
    noisy = {alarm.machine for episode in episodes for alarm in episode}
    by_hand = {
        place
        for first in range(len(times) - count + 1)
        if times[first + count - 1] - times[first] <= 60 * SECOND
        for place in range(first, first + count)
    }
    assert noisy == by_hand
    assert [alarm for episode in episodes for alarm in episode] == sorted(
        (alarm for episode in episodes for alarm in episode), key=lambda alarm: alarm.machine
    )
