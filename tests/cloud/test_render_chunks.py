"""Chunks as JSON and CSV: joined they are the file that `query -o` writes, whatever values are in them."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from omptool.cli.render_chunks import RENDERERS

MOST = 2**127 - 1
"""HUGEINT's largest value: 39 digits in what DuckDB gives out as a DECIMAL of 38."""


def _table(*numbers: int) -> pa.Table:
    raw = pa.array([number.to_bytes(16, "little", signed=True) for number in numbers], pa.binary(16))
    return pa.table({"h": raw.view(pa.decimal128(38, 0)), "text": [f'a "{number % 7}"\n' for number in numbers]})


@pytest.mark.parametrize("number", [MOST, -MOST, 10**38 - 1, 0])
def test_every_digit_of_a_huge_integer_is_written(number: int) -> None:
    table = _table(number)
    assert json.loads(RENDERERS["application/json"](table, 0))[0]["h"] == number
    assert RENDERERS["text/csv"](table, 0).decode().splitlines()[1].split(",")[0] == str(number)


def test_chunks_of_csv_are_one_file() -> None:
    rows, write = _table(1, MOST, -MOST, 3), RENDERERS["text/csv"]
    whole = write(rows, 0)
    assert whole.startswith(b"h,text\n1,")
    assert write(rows.slice(0, 1), 0) + write(rows.slice(1, 0), 1) + write(rows.slice(1), 2) == whole
