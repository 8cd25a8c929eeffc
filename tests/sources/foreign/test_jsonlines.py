"""JSON of other tools: rows as objects, in lines, in lists or in one document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.errors import Damaged
from tests.sources.foreign.imported import file, read, source

AT = "2026-11-22T10:00:00Z"


def row(value: Any, **more: Any) -> dict[str, Any]:
    return {"time": AT, "tag": "T", "value": value} | more


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (41.5, ("Double", 41.5, None, None)),
        (41, ("Double", 41.0, None, None)),
        (2**53 + 1, ("Int64", float(2**53), None, None)),
        (True, ("Boolean", 1.0, None, None)),
        ("007", ("String", None, "007", None)),
        (None, ("Null", None, None, None)),
        ([1, 2.5], ("Double[]", None, None, [1.0, 2.5])),
        ([[1, 2], [3, 4]], ("Double[][]", None, "[[1,2],[3,4]]", [1.0, 2.0, 3.0, 4.0])),
        (["a", "b"], ("String[]", None, '["a","b"]', None)),
        ([True], ("Boolean[]", None, "[true]", None)),
        ({"x": [1]}, ("Structure", None, '{"x":[1]}', None)),
    ],
)
def test_a_value_keeps_its_json_type(tmp_path: Path, value: Any, found: tuple[object, ...]) -> None:
    ((got,), wrong) = read(file(tmp_path, "x.jsonl", json.dumps(row(value)) + "\n"))
    assert (got["type"], got["value"], got["value_text"], got["value_list"]) == found
    assert wrong == []


@pytest.mark.parametrize("form", ["lines", "lists", "document", "one line", "pretty"])
def test_every_way_to_write_objects(tmp_path: Path, form: str) -> None:
    rows = [row(1), row(2), row(3)]
    text = {
        "lines": "\n".join(map(json.dumps, rows)),
        "lists": f"{json.dumps(rows[:2])}\n{json.dumps(rows[2:])}\n",
        "document": "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n",
        "one line": json.dumps(rows),
        "pretty": json.dumps(rows, indent=2),
    }[form]
    assert [got["value"] for got in read(file(tmp_path, "x.json", text))[0]] == [1, 2, 3]


def test_wrong_entries_cost_themselves(tmp_path: Path) -> None:
    lines = [
        json.dumps(row(1)), '{"time":', "3", "", json.dumps({"value": 1}), json.dumps(row(1, status="Gut")),
        json.dumps(row("x", type="Int32")), "[" * 2000, json.dumps(row(2)),
    ]  # fmt: skip
    rows, wrong = read(file(tmp_path, "x.jsonl", "\n".join(lines).encode() + b'\n{"time":"\xff"}\n'))
    assert [got["value"] for got in rows] == [1, 2]
    assert sorted(entry["line"] for entry in wrong) == [2, 3, 5, 6, 7, 8, 10]
    assert all(entry["reason"] for entry in wrong)


def test_a_document_counts_its_entries(tmp_path: Path) -> None:
    _, wrong = read(file(tmp_path, "x.json", json.dumps([row(1), 5, row(1, time="noon")], indent=1)))
    assert [entry.get("entry") for entry in wrong] == [2, 3]


def test_a_document_that_is_none_is_said(tmp_path: Path) -> None:
    found = source(file(tmp_path, "x.json", "[\n" + json.dumps(row(1)) + ",\n"))
    with pytest.raises(Damaged, match="is no JSON"):
        list(found.files[0].batches())


_values = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5)
_values |= st.lists(_values, max_size=3) | st.dictionaries(st.text(max_size=3), _values, max_size=2)


@given(st.lists(st.fixed_dictionaries({"time": st.just(AT) | _values, "tag": _values, "value": _values}), max_size=6))
def test_no_json_stops_the_reader(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]) -> None:
    path = file(tmp_path_factory.mktemp("any"), "x.jsonl", "\n".join(map(json.dumps, [row(1), *rows])))
    taken, wrong = read(path)
    assert len(taken) + len(wrong) == 1 + len(rows)
