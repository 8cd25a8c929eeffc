"""Examples that the makers of other tools publish themselves, and files as they leave Excel and Windows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.sources.foreign.imported import file, read, rows_of, source

LINE_PROTOCOL = 'myMeasurement,tag1=value1,tag2=value2 fieldKey="fieldValue" 1556813561098000000\n'
"""InfluxData, "Line protocol" reference (docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol)."""

TELEGRAF: dict[str, Any] = {
    "fields": {"field_1": 30, "field_2": 4, "field_N": 59, "n_images": 660},
    "name": "docker",
    "tags": {"host": "raynor"},
    "timestamp": 1458229140,
}
"""Telegraf, "JSON" output data format, standard form (docs.influxdata.com/telegraf/v1/data_formats/output/json)."""

HEAD, AT = "time;tag;value;unit", "2026-11-22T10:00:0"
ROWS = f"{HEAD}\r\n{AT}0Z;Öl;41,5;°C\r\n{AT}1Z;Öl;-1,25e2;°C\r\n"


def test_the_example_of_the_line_protocol(tmp_path: Path) -> None:
    ((row,), wrong) = read(file(tmp_path, "x.lp", LINE_PROTOCOL))
    assert (row["path"], row["value_text"], wrong) == ("myMeasurement/value1/value2/fieldKey", "fieldValue", [])
    assert row["time"].isoformat() == "2019-05-02T16:12:41.098000+00:00"


@pytest.mark.parametrize("document", [TELEGRAF, {"metrics": [TELEGRAF]}])
def test_the_example_of_telegraf(tmp_path: Path, document: dict[str, Any]) -> None:
    rows, wrong = read(file(tmp_path, "x.json", json.dumps(document, indent=4)), input_format="telegraf")
    assert wrong == []
    assert {(row["tag"], row["value"]) for row in rows} == {
        ("docker/field_1", 30), ("docker/field_2", 4), ("docker/field_N", 59), ("docker/n_images", 660),
    }  # fmt: skip
    assert {(row["server"], row["time"].isoformat()) for row in rows} == {("raynor", "2016-03-17T15:39:00+00:00")}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_excel_writes_in_europe(tmp_path: Path, encoding: str) -> None:
    rows, wrong = read(file(tmp_path, "x.csv", ROWS.encode(encoding)))
    assert wrong == []
    assert [(row["tag"], row["value"], row["unit"]) for row in rows] == [("Öl", 41.5, "°C"), ("Öl", -125.0, "°C")]


def test_an_encoding_of_windows_is_said_and_not_guessed(tmp_path: Path) -> None:
    data = (ROWS + f"{AT}2Z;Oil;1;bar\r\n").encode("windows-1252")
    rows, wrong = read(file(tmp_path, "x.csv", data))
    assert [row["tag"] for row in rows] == ["Oil"]
    assert [entry["line"] for entry in wrong] == [2, 3]
    assert "iconv -f WINDOWS-1252 -t UTF-8" in wrong[0]["reason"]
    assert wrong[0]["text"].endswith("\\xd6l;41,5;\\xb0C")


@pytest.mark.parametrize("data", [f"{HEAD}\r\n", HEAD, f"\ufeff{HEAD}\n\n\n"])
def test_a_header_without_rows_is_no_row(tmp_path: Path, data: str) -> None:
    assert read(file(tmp_path, "x.csv", data)) == ([], [])


def test_a_column_that_is_there_twice_is_told(tmp_path: Path) -> None:
    found = source(file(tmp_path, "x.csv", f"time,tag,value,value,note\n{AT}0Z,A,1,2,x\n"))
    assert [row["value"] for row in rows_of(found)] == [1.0]
    assert dict(found.files[0].notes) == {"column named value a second time, which was not looked at": 1}
