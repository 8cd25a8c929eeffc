"""Parts, stops and gaps of the samples: what `answers/` says of them is what analyses and queries find."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from omptool.demo.samples import Sample, folder, samples
from tests.conftest import Result

Run = Callable[..., Result]
SAMPLES = {sample.name: sample for sample in samples()}
GAPS = "select reason, start_time, end_time, epoch(end_time - start_time) as seconds from gaps order by start_time"
REASONS = "select machine, time, value_text as reason from telemetry where tag in ('StateReason', 'Status/StopReason')"


def known(name: str, answer: str) -> list[dict[str, str]]:
    with (folder() / name / "answers" / f"{answer}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def having(answer: str) -> list[str]:
    return [name for name in SAMPLES if (folder() / name / "answers" / f"{answer}.csv").exists()]


def asked(invoke: Run, sample: Sample, *words: str) -> list[dict[str, Any]]:
    window = ("--start", sample.start.isoformat(), "--end", sample.end.isoformat())
    return invoke(*words, "--on", sample.path / "lake", *(window if words[0] == "analyze" else ())).rows


@pytest.mark.parametrize("name", having("parts"))
def test_parts_are_those_of_oee_by_product(invoke: Run, name: str) -> None:
    """Which product, how many, in which ideal time. Parts that are made while nobody listens have no product."""
    rows = asked(invoke, SAMPLES[name], "analyze", "oee", "--by", "machine,product")
    found = {(row["machine"], row["product"]): row for row in rows if row["pq"]}
    answers = known(name, "parts")
    unseen = {machine for machine, product in found if product is None}
    assert {key for key in found if key[1]} == {(each["machine"], each["product"]) for each in answers}
    assert unseen == ({each["machine"] for each in answers} if name == "press-line" else set())
    for machine in {each["machine"] for each in answers}:
        mine = [each for each in answers if each["machine"] == machine]
        for column, kind in (("gq", "good"), ("sq", "scrap"), ("rq", "rework")):
            counted = sum(row[column] for (one, _), row in found.items() if one == machine)
            assert counted == sum(int(each[kind]) for each in mine), (machine, kind)
        for each in mine if machine not in unseen else ():
            row = found[machine, each["product"]]
            made = [int(each[kind]) for kind in ("good", "scrap", "rework")]
            assert [row["gq"], row["sq"], row["rq"]] == made, each
            assert row["ideal_s"] == pytest.approx(sum(made) * float(each["ideal_cycle_s"]), rel=1e-9), each


@pytest.mark.parametrize("name", having("stops"))
def test_stops_begin_and_end_where_the_states_do(invoke: Run, name: str) -> None:
    """Times to the microsecond, and the reason that the machine says then."""
    sample = SAMPLES[name]
    own = () if name == "packaging-line" else ("--map", "state=State")  # the plant's own words, not those of OPC 40001
    rows = asked(invoke, sample, "analyze", "state_timeline", *own)
    states = {each["state"] for each in known(name, "stops")}
    found = {(row["machine"], row["state"], row["since"]): row for row in rows if row["state"] in states}
    reasons = {(row["machine"], row["time"]): row["reason"] for row in asked(invoke, sample, "query", REASONS)}
    answers = known(name, "stops")
    assert len(found) == len(answers)
    for each in answers:
        start, end = micro(each["start"]), micro(each["end"])
        row = found[each["machine"], each["state"], start]
        assert (row["till"], row["seconds"]) == (end, pytest.approx(float(each["seconds"]), abs=1e-6)), each
        assert reasons.get((each["machine"], start), each["reason"]) == each["reason"]
    begun = {(each["machine"], micro(each["start"])) for each in answers}
    assert len(begun & reasons.keys()) > len(begun) / 2


@pytest.mark.parametrize("source", ["lake", "fault-day.omcap"])
def test_gaps_are_in_the_view(invoke: Run, source: str) -> None:
    (name,) = having("gaps")
    rows = invoke("query", GAPS, "--on", Path(folder()) / name / source).rows
    assert [(row["reason"], row["start_time"], row["end_time"], row["seconds"]) for row in rows] == [
        (each["reason"], each["start"], each["end"], float(each["seconds"])) for each in known(name, "gaps")
    ]


def test_alarms_as_events_are_of_machines_and_count_as_the_numbers_do(invoke: Run) -> None:
    """What hangs on the line or the area is no machine that never raised one."""
    sample = SAMPLES["fault-day"]
    ask = ("analyze", "alarm_rate", "--by", "line,shift")
    told, numbered = asked(invoke, sample, *ask), asked(invoke, sample, *ask, "--map", "alarm=AlarmCode")
    assert [row["line"] for row in told] == ["Line1"] * 3
    assert [row["alarms"] for row in told] == [row["alarms"] for row in numbered]
    acked = "select count(*) as n, min(severity) as least from events where active and acked and origin = 'live'"
    assert asked(invoke, sample, "query", acked)[0] == {"n": 14, "least": 800}


def test_packml_needs_no_plant_model(invoke: Run, tmp_path: Path) -> None:
    """Good ones as the plant model has them; the states mean what PackML says, not what this line makes of them."""
    sample = SAMPLES["packaging-line"]
    window = ("--start", sample.start.isoformat(), "--end", sample.end.isoformat())
    ask = ("analyze", "oee", "--on", sample.path / "packaging-line.omcap", "--param", "ideal_cycle=4.8", *window)
    rows = {row["machine"]: row for row in invoke(*ask, cwd=tmp_path).rows}
    answers = known("packaging-line", "oee")
    assert set(rows) == {each["machine"] for each in answers}
    for each in answers:
        row = rows[each["machine"]]
        assert [row[name] for name in ("gq", "sq", "rq")] == [int(each[name]) for name in ("gq", "sq", "rq")]
        assert row["apt"] == pytest.approx(float(each["apt"]), rel=1e-12)
        assert row["availability"] > 0.3


def micro(text: str) -> str:
    """RFC 3339 cut to microseconds, without zeros behind."""
    head, _, rest = text.rstrip("Z").partition(".")
    digits = rest[:6].rstrip("0")
    return f"{head}.{digits}Z" if digits else f"{head}Z"
