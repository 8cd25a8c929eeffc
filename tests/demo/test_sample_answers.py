"""The analyses find in every sample what the simulator planned, on the capture and on the lake."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from omptool.analytics import catalog
from omptool.analytics.run import Analysis, Request, analyse
from omptool.demo.sample_plans import RECORDINGS
from omptool.demo.samples import Sample, folder, samples
from omptool.model.plant import PlantModel
from omptool.sources.capture import CaptureSource
from omptool.sources.lake import LakeSource
from omptool.sources.source import Named
from omptool.sql.engine import LocalEngine

SAMPLES = {sample.name: sample for sample in samples()}
KEYS = ("machine", "state", "tag", "alarm")
ANALYSES = {"oee": "oee", "time_in_state": "time_in_state", "data_quality": "data_quality", "alarms": "alarm_chatter"}
CASES = [
    (name, answer, source)
    for name in SAMPLES
    for answer in ANALYSES
    for source in (("lake", "capture") if name == "fault-day" else ("lake",))
    # the press line: test_samples.py
    if (folder() / name / "answers" / f"{answer}.csv").exists() and (name != "press-line" or answer == "alarms")
]


def known(sample: Sample, answer: str) -> list[dict[str, str]]:
    with (sample.path / "answers" / f"{answer}.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def asked(sample: Sample, source: str, name: str, **request: Any) -> Analysis:
    kind = CaptureSource if source == "capture" else LakeSource
    path: Path = sample.path / (f"{sample.name}.omcap" if source == "capture" else "lake")
    model = PlantModel.parse((sample.path / "plant.toml").read_text("utf-8"))
    window = {"start": sample.start, "end": sample.end, "plant": model}
    with LocalEngine([Named(kind(path, plant=model) if source == "capture" else kind(path))]) as engine:
        return analyse(engine, catalog.load(name), Request(**(window | request)))


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(row[key] for key in KEYS if key in row)


def test_all_recordings_are_there() -> None:
    assert sorted(SAMPLES) == sorted(recording.name for recording in RECORDINGS)
    assert len(CASES) == 17


@pytest.mark.parametrize(("name", "answer", "source"), CASES)
def test_the_analysis_gives_the_known_answer(name: str, answer: str, source: str) -> None:
    sample = SAMPLES[name]
    parameters = {"top": 0, "by_message": True} if answer == "alarms" else {}  # which tags do not have
    rows = asked(sample, source, ANALYSES[answer], parameters=parameters).rows.to_pylist()
    machines = {row["machine"] for row in known(sample, "time_in_state")}
    found = {_key(row): row for row in rows if row["machine"] in machines}  # not the server's own nodes
    answers = known(sample, answer)
    assert len(found) == len(answers)
    for row in answers:
        mine = found[_key(row)]
        for column, text in row.items():
            if column not in KEYS:
                assert mine[column] == pytest.approx(float(text), rel=1e-12, abs=1e-9), (row, column)


def test_a_tool_change_is_found_within_a_quarter_of_an_hour() -> None:
    """The step is a little more than the scatter of three parts; the machine without wear shows none."""
    sample = SAMPLES["cnc-cell"]
    (change,) = known(sample, "tools")
    rows = asked(sample, "capture", "tool_wear").rows.to_pylist()
    assert [(row["machine"], row["change"]) for row in rows] == [("CNC1", "start"), ("CNC1", "step"), ("CNC2", "start")]
    assert abs(rows[1]["began_at"] - datetime.fromisoformat(change["changed"])) < timedelta(minutes=15)
    for row in rows[:2]:
        assert row["wear_per_h"] == pytest.approx(float(change["grows_mm_per_h"]), rel=0.35)
        assert row["wear_low"] > 0
    assert rows[2]["wear_low"] <= 0 <= rows[2]["wear_high"]


def test_the_drift_of_a_worn_tool_is_that_of_the_simulator() -> None:
    """Until the tool is changed; the machine beside it has no trend."""
    sample = SAMPLES["cnc-cell"]
    (tool,) = known(sample, "tools")
    changed = datetime.fromisoformat(tool["changed"])
    rows = asked(sample, "lake", "drift", maps={"value": "BoreDiameter"}, end=changed).rows.to_pylist()
    worn, sound = rows
    assert (worn["machine"], worn["trend"], worn["per"]) == (tool["machine"], "up", "day")
    assert worn["slope_low"] < 24 * float(tool["grows_mm_per_h"]) < worn["slope_high"]
    assert (sound["machine"], sound["trend"]) == ("CNC2", None)
    assert sound["slope_low"] < 0 < sound["slope_high"]
