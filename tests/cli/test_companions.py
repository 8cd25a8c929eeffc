"""From a server of a companion specification to its OEE, without any plant.toml."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from omptool.model.plant import PlantModel
from tests.companions import BY_MACHINES, BY_NUMBER, CYCLE_S, MACHINE_TOOL, MACHINERY_ITEM, START, Companion, serving
from tests.conftest import Result

Run = Callable[..., Result]
SPEAKERS = {
    "PackML by number": BY_NUMBER, "PackML by its state machines": BY_MACHINES, "MachineTool": MACHINE_TOOL,
    "Machinery": MACHINERY_ITEM,
}  # fmt: skip
_SPAN = (
    "select machine, min(time) filter (where origin <> 'initial') as since, max(time) as till from telemetry group by 1"
)


def _cycles(since: str, till: str) -> tuple[datetime, datetime]:
    """The whole cycles of the machine that were recorded."""
    past = [(datetime.fromisoformat(moment) - START).total_seconds() for moment in (since, till)]
    first, last = (int(past[0] // CYCLE_S) + 1, int(past[1] // CYCLE_S))
    assert first < last
    return START + timedelta(seconds=first * CYCLE_S), START + timedelta(seconds=last * CYCLE_S)


@pytest.mark.parametrize("companion", SPEAKERS.values(), ids=SPEAKERS)
def test_its_oee_needs_no_file(invoke: Run, companion: Companion) -> None:
    with serving(companion) as url:
        result = invoke("capture", url, "-o", "x.omcap", "--count", 60, "--publishing-interval", "50ms")
    assert result.code == 0, result.err
    [place] = invoke("query", _SPAN, "--on", "x.omcap").rows
    assert place["machine"] == companion.machine
    start, end = _cycles(place["since"], place["till"])
    window = ("--start", start.isoformat(), "--end", end.isoformat())
    result = invoke("analyze", "oee", "--on", "x.omcap", "--param", "ideal_cycle=5", *window)
    assert result.code == 0, result.err
    [row] = result.rows
    cycles = (end - start).total_seconds() / CYCLE_S
    assert (row["apt"], row["adot"], row["adet"]) == (60 * cycles, 30 * cycles, 10 * cycles)
    scrap = cycles if "Admin/ProdDefectiveCount" in companion.says else 0
    assert (row["pq"], row["gq"], row["sq"]) == (6 * cycles, 6 * cycles - scrap, scrap)
    assert row["oee_index"] == pytest.approx(0.6 * 0.5 * (1 - scrap / cycles / 6))
    assert (row["note"], row["coverage"], row["percent_good"]) == (None, 1.0, 100.0)
    _proposed(invoke)


def _proposed(invoke: Run) -> None:
    """`model init` finds the roles without help and has nothing to ask about states; only the ideal time is missing."""
    text = invoke("model", "init", "x.omcap").out
    model = PlantModel.parse(text)
    assert (dict(model.roles), model.states_of((None,) * 4), model.rules) == ({}, {}, ())
    assert "# state is found without help: " in text
    checked = invoke("model", "check", "x.omcap")
    lacking = {row["analysis"]: row["missing"] for row in checked.rows}
    assert (lacking["oee"], lacking["time_elements"], lacking["mtbf_mttr"]) == ("ideal", "", "")
    assert json.dumps(lacking["downtime_pareto"]) == '""'
