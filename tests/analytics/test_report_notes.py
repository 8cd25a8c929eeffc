"""What a reader of the page needs to judge its figures by: notes of analyses, each once, and a whole window."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, timedelta

import pytest

from omptool.analytics.report.build import build
from omptool.analytics.report.content import Report
from omptool.analytics.run import Request
from omptool.model.contracts import EVENTS
from omptool.sources.source import Named, Scannable, Stream
from omptool.sql.engine import LocalEngine
from tests.analytics.plants import SERVER, Recorded, table
from tests.analytics.test_gaps_and_quality import T0, sample


class Told(Recorded):
    """With an alarm that came after the last value."""

    def views(self) -> Mapping[str, Scannable]:
        event = {
            "time": T0 + timedelta(seconds=500), "time_ns": 0, "receive_time": T0 + timedelta(seconds=500),
            "server": SERVER, "node_id": "s=M", "site": "S", "machine": "M", "event_type": "i=2915", "source_name": "M",
            "message": "jam", "severity": 500, "condition_id": "s=M.Stopped", "condition_name": "Stopped",
            "active": True, "origin": "live", "capture": "c1", "seq": 1,
        }  # fmt: skip
        rows = table(EVENTS, [event])
        return {**super().views(), "events": Stream(rows.schema, rows.to_batches)}


def _built(source: Recorded, **asked: object) -> Report:
    with LocalEngine([Named(source)]) as engine:
        request = Request(zone=UTC, strangers=True, **asked)  # type: ignore[arg-type]
        return build(engine, request, source="x.parquet", zone_name="UTC", statements=[])


def _notes(report: Report) -> list[str]:
    return [note for section in report.sections for note in section.notes]


def test_states_and_counters_that_say_nothing_are_on_the_page() -> None:
    """And once only, though several sections rest on them."""
    rows = [sample(0, "State", "Executing"), sample(30, "State", "Lunch"), sample(60, "State", "Executing")]
    rows += [sample(0, "IdealCycleTime", 1)]
    rows += [sample(second, "GoodCount", str(second)) for second in range(0, 90, 10)]
    notes = _notes(_built(Recorded(rows)))
    assert notes.count("State Lunch has no meaning: add it to [states] of plant.toml.") <= 1
    assert any("Lunch" in note for note in notes)
    assert [note for note in notes if "counter good of M" in note] == [
        "The counter good of M says no numbers: its parts are not counted."
    ]


@pytest.mark.parametrize("end", [None, T0 + timedelta(seconds=5000)])
def test_the_end_of_the_recording_is_said_once(end: object) -> None:
    rows = [sample(0, "State", "Executing"), sample(50, "State", "Setup")]
    report = _built(Recorded(rows), end=end)
    said = [line for section in report.sections for line in (*section.lead, *section.notes) if "recording ends" in line]
    assert len(said) == (end is not None)


def test_an_open_window_holds_the_events_too() -> None:
    report = _built(Told([sample(0, "State", "Executing"), sample(50, "State", "Setup")]))
    assert dict(report.facts)["To"] == "2026-01-01 00:08:20"
    [alarms] = [section for section in report.sections if section.id == "alarms"]
    assert alarms.lead[0].startswith("1 alarm, ")
