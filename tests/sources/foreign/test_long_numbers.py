"""Numbers of more digits than any type has: a text, a Double or a reject, and never the end of the program."""

from __future__ import annotations

import json
import math
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from omptool.sources.foreign import values
from tests.sources.foreign.imported import file, read

LONG = "9" * 5000


def test_a_cell_of_thousands_of_digits(tmp_path: Path) -> None:
    head = "time,tag,value,type\n"
    body = "".join(f"2026-01-01T00:00:0{n}Z,A,{text}\n" for n, text in enumerate(
        (f"{LONG},", f"{LONG},Int64", f"{LONG},String", "1e999,", f"{LONG[:19]},", "1,Int32")
    ))  # fmt: skip
    rows, wrong = read(file(tmp_path, "x.csv", head + body))
    assert [(row["type"], row["value"]) for row in rows if row["type"] == "Double"] == [("Double", math.inf)] * 2
    assert [row["value_exact"] for row in rows if row["type"] == "UInt64"] == [Decimal(LONG[:19])]
    assert [row["value_text"] for row in rows if row["type"] == "String"] == [LONG]
    assert [entry["reason"] for entry in wrong] == ["the value is beyond Int64"]


def test_a_padded_integer_keeps_its_digits() -> None:
    assert values.of_texts(pa.array(["000000" + "9" * 17])).exact.to_pylist() == [Decimal("9" * 17)]


def test_line_protocol_with_long_numbers(tmp_path: Path) -> None:
    lines = f"m f={LONG}i 1767225600\nm f=1 {LONG}\nm f=2i 1767225600\n"
    rows, wrong = read(file(tmp_path, "x.lp", lines))
    assert ([row["value"] for row in rows], len(wrong)) == ([2.0], 2)


def test_an_enumeration_of_a_long_number(tmp_path: Path) -> None:
    payload = {"A": {"UaType": 6, "Value": f"Run_{LONG}"}}
    inner = {"Timestamp": "2026-01-01T00:00:00Z", "Payload": payload}
    message = {"MessageType": "ua-data", "PublisherId": "p", "Messages": [inner]}
    rows, wrong = read(file(tmp_path, "x.jsonl", json.dumps(message) + "\n"))
    assert (rows, len(wrong)) == ([], 1)


def test_lines_behind_a_stray_quote_are_read(tmp_path: Path) -> None:
    """Lines behind it are joined once, not once per line; the ones that are whole are read all the same."""
    count = 20_000
    good = "".join(f"m f={n} {1_767_225_600 + n}\n" for n in range(count))
    rows, wrong = read(file(tmp_path, "x.lp", 'm f="x 1767225600\n' + good))
    assert (len(rows), len(wrong)) == (count, 1)
