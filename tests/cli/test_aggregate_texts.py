"""Aggregates of numbers, where there are texts: nobody takes their rows for an answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from omptool.demo.schedule import Plant
from omptool.lake.convert import convert
from omptool.model.status import code_of
from tests.analytics.plants import Recorded, ns, telemetry
from tests.conftest import Result

Run = Callable[..., Result]
START, END = "2026-11-16T07:00:00+00:00", "2026-11-16T07:20:00+00:00"
INVALID = ("BadAggregateInvalidInputs", code_of("BadAggregateInvalidInputs"))


@pytest.fixture
def lake(tmp_path: Path) -> Path:
    convert([Recorded(telemetry(Plant(1), ns(START), ns(END)))], tmp_path / "lake")  # type: ignore[list-item]
    return tmp_path / "lake"


def _asked(aggregate: str, glob: str = "**") -> list[str]:
    return ["--start", START, "--end", END, "--param", f"aggregate={aggregate}", "--map", f"value={glob}"]


def test_only_texts_are_no_answer(invoke: Run, lake: Path) -> None:
    result = invoke("analyze", "aggregate", "--on", lake, *_asked("TimeAverage", "M*Mode/*"))
    assert result.code == 3
    assert {(row["status_name"], row["status"], row["value"]) for row in result.rows} == {(*INVALID, None)}
    assert "texts in CNC1/MachineryOperationMode/CurrentState, " in result.err
    assert "TimeAverage takes numbers (BadAggregateInvalidInputs); --map value=GLOB" in result.err


def test_texts_among_numbers_are_said(invoke: Run, lake: Path) -> None:
    result = invoke("analyze", "aggregate", "--on", lake, *_asked("Maximum"))
    texts = [row for row in result.rows if row["status_name"] == INVALID[0]]
    assert 0 < len(texts) < len(result.rows)
    assert f"note: texts in {len(texts)} of {len(result.rows)} tags (" in result.err
    assert "exit 3: texts" not in result.err


def test_what_takes_texts_is_not_warned_of(invoke: Run, lake: Path) -> None:
    result = invoke("analyze", "aggregate", "--on", lake, *_asked("Count", "M*Mode/*"))
    assert result.rows and "texts in" not in result.err


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_column_of_texts(invoke: Run, tmp_path: Path, suffix: str) -> None:
    values = ["1.5", "broken", "", "off"]
    times = [f"2026-11-16T06:00:0{second}Z" for second in range(len(values))]
    if suffix == ".csv":
        lines = ["time,value", *(f"{time},{value}" for time, value in zip(times, values, strict=True))]
    else:
        lines = [f'{{"time":"{time}","value":"{value}"}}' for time, value in zip(times, values, strict=True)]
    path = tmp_path / f"x{suffix}"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    result = invoke("analyze", "aggregate", "--on", path, "--param", "aggregate=Average")
    assert result.code == 3
    assert [(row["status_name"], row["status"]) for row in result.rows] == [INVALID]
    said = (
        "texts in the column value of x (broken, off): Average takes numbers (BadAggregateInvalidInputs), written 10.5"
    )
    assert f"{said}; --map value=COLUMN takes another column" in result.err
    assert invoke("analyze", "aggregate", "--on", path, "--param", "aggregate=End").rows[0]["value_text"] == "off"
