"""`model check` and `model init` know that alarms come as events, too."""

from __future__ import annotations

import pytest

from omptool.analytics import catalog
from omptool.analytics.alarmed import watched
from omptool.analytics.modelling import lacks, propose
from omptool.analytics.run import recorded_tags
from omptool.model.plant import PlantModel
from omptool.sources.source import Named
from omptool.sql.engine import LocalEngine
from tests.analytics.plants import MACHINE_NAMES, SERVER, Recorded, moment, ns
from tests.analytics.test_alarms import START, Alarmed, event, tags

RECIPES = [catalog.load(name) for name in catalog.names()]
LISTENED = {"time": moment(ns(START)), "server": SERVER, "kind": "conditions_refreshed", "capture": "c1", "seq": 1}
RAISED = event(ns(START), "Press1", True)


@pytest.mark.parametrize(
    ("source", "ready"),
    [
        (Recorded(tags(["State"])), False),
        (Recorded(tags(["State", "AlarmCode"])), True),
        (Alarmed(tags(["State"]), events=[RAISED]), True),  # its server tells of all, as alarm_rate has it
        (Alarmed(tags(["State"]), journal=[LISTENED]), True),
        (Alarmed(tags(["State"]), events=[RAISED | {"active": None}]), False),
    ],
    ids=["neither", "tags", "events", "listened", "events of no condition"],
)
def test_machines_whose_alarms_come_as_events_lack_no_tag(source: Recorded, ready: bool) -> None:
    with LocalEngine([Named(source)]) as engine:
        found = recorded_tags(engine, True)
        places = watched(engine, found)
    rows = [row for row in lacks(RECIPES, found, {}, watched=places) if row.analysis.startswith("alarm_")]
    assert {row.machine for row in rows} == set(MACHINE_NAMES)
    assert {(row.ready, row.missing) for row in rows} == {(ready, "" if ready else "alarm")}
    text = propose(found, {}, {}, RECIPES, places)
    assert PlantModel.parse(text)
    assert ("# alarm needs no tag: events of alarms were recorded" in text) == isinstance(source, Alarmed) * ready


def test_a_tag_of_alarms_is_guessed_by_its_name() -> None:
    for name, guessed in (("Fault Code", True), ("Alarm", True), ("AlarmHorn", False), ("ActiveAlarmNumber", True)):
        rows = [row | {"tag": f"Unit/{name}", "node_id": f"{row['node_id']}.{name}"} for row in tags(["State"])]
        with LocalEngine([Named(Recorded(rows))]) as engine:
            text = propose(recorded_tags(engine, True), {}, {}, RECIPES)
        assert (f'alarm = "Unit/{name}"  # a guess by its name' in text) == guessed, text
