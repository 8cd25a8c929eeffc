"""One small result that holds every hard value, and the golden files made from it.

`python -m tests.cli.hard_rows` writes the golden files anew; look at the difference before you keep it.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import pyarrow as pa

from omptool.cli.output import emit

GOLDEN = Path(__file__).parent.parent / "golden"
TEXT_FORMATS = {"table": "txt", "jsonl": "jsonl", "json": "json", "csv": "csv", "tsv": "tsv"}
BINARY_FORMATS = {"arrow": "arrow", "parquet": "parquet"}
ZONE = "Europe/Berlin"


def _time(*args: int) -> dt.datetime:
    return dt.datetime(*args, tzinfo=dt.UTC)  # type: ignore[arg-type, misc]


NAMES = [
    "plain",
    "",
    None,
    'a/b & c.d; e=f "g" <h> i%20 [default]',
    "..",
    "=1+1",
    "@SUM(A1)",
    "-2+3|cmd",
    "\u202eevil\u2066\u200b\u200d\ufeff\u00ad",
    "nul\x00 esc\x1b]0;t\x07 csi\x9b2J del\x7f",
    "tags \U000e0041\U000e007f",
    "line\u2028 para\u2029 nel\x85 cr\r crlf\r\n vt\x0b",
    "duplicate",
    "duplicate",
    "e\u0301\u0301\u0301 👩\u200d🔧 🇩🇪",
    "n" * 2000,
]
"""Names and texts as plants have them, and as attackers send them."""


def hard_table() -> pa.Table:
    """Sixteen rows: every type and edge that a value can have, and text that means harm; names come last."""
    time = [
        _time(2026, 11, 22, 10, 18, 26),
        _time(2026, 11, 22, 10, 18, 26, 500_000),
        _time(2026, 11, 22, 10, 18, 26, 1),
        _time(1969, 12, 31, 23, 59, 59, 999_999),
        _time(2026, 10, 25, 0, 30),  # Berlin: 02:30, the first of two
        _time(2026, 10, 25, 1, 30),  # Berlin: 02:30, the second
        None,
        _time(9999, 12, 31),
        _time(1601, 1, 1),
        _time(1601, 1, 1, 0, 0, 0, 1),
        *[_time(2026, 11, 22)] * 6,
    ]
    numbers = [1.0, -0.0, 61.4, None, float("nan"), float("inf"), float("-inf"), 1e300]
    numbers += [5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 0.1, 1e15, 123456789.123456789, 1e-7]
    text = [
        "plain",
        "",
        None,
        'say "hi", twice\nplease',
        "\x1b[31mred\x07\u202eevil",
        "温度 é µs °C",
        "tab\there; back\\slash; <b>=1+1</b>",
        "[bold]no markup[/bold] 🙂",
        '{"class":1,"inner":{"items":[{"x":NaN}]}}',
        "[[1,2],[3,4]]",
        "nsu=urn:x%3By;b=AP8=",
        "nsu=urn:x;g=72962b91-fa75-4ae6-8d28-b404dc7daf63",
        "9999-12-31T23:59:59.9999999Z",
        "1601-01-01T00:00:00.0000000Z",
        "BadNodeIdUnknown",
        "日本" * 30,
    ]
    counts = [0, -1, 2**63 - 1, -(2**63), None, 9007199254740993, 7, 8, -9007199254740993, *range(9, 16)]
    lists = [[1.5, None], [], None, [float("nan"), float("inf"), -0.0], [5e-324], *[[0.1]] * 11]
    structure = pa.struct([("class", pa.int32()), ("b", pa.string()), ("inner", pa.struct([("x", pa.float64())]))])
    structures = [
        {"class": 1, "b": 'q"', "inner": {"x": 0.5}},
        {"class": None, "b": "\x1b[31m\u202e", "inner": None},
    ]
    return pa.table(
        {
            "time": pa.array(time, pa.timestamp("us", "UTC")),
            "value": pa.array(numbers, pa.float64()),
            "single": pa.array([0.1, None, float("nan"), 3.4028234663852886e38, *[1.5] * 12], pa.float32()),
            "count": pa.array(counts, pa.int64()),
            "unsigned": pa.array([2**64 - 1, 0, None, *range(13)], pa.uint64()),
            "small": pa.array([-128, 127, None, *range(13)], pa.int8()),
            "status": pa.array([0, 0x80340000, 0x40000000, 2**32 - 1, None, *[0] * 11], pa.int64()),
            "value_exact": pa.array([Decimal(2**64 - 1), None, *[Decimal(5)] * 14], pa.decimal128(20, 0)),
            "value_text": pa.array(text, pa.string()),
            "value_list": pa.array(lists, pa.list_(pa.float64())),
            "matrix": pa.array([[[1, 2], [3, 4]], [[]], [], None, *[None] * 12], pa.list_(pa.list_(pa.int32()))),
            "texts": pa.array([['a"', "\x1b[2J", None, ""], *[None] * 15], pa.list_(pa.string())),
            "raw": pa.array([b"", b"\x00\xff", None, b"abc", *[None] * 12], pa.binary()),
            "overflow": pa.array([True, False, None, True, *[False] * 12], pa.bool_()),
            "day": pa.array([dt.date(2026, 11, 22), None, *[dt.date(1, 1, 1)] * 14], pa.date32()),
            "local": pa.array([dt.datetime(2026, 11, 22, 10, 18), *[None] * 15], pa.timestamp("us")),
            "took": pa.array(
                [dt.timedelta(seconds=90.5), dt.timedelta(days=-1), dt.timedelta(seconds=-0.5), *[None] * 13],
                pa.duration("us"),
            ),
            "fields": pa.array([*structures, *[None] * 14], structure),
            "many": pa.array([structures, [], *[None] * 14], pa.list_(structure)),
            "nothing": pa.nulls(16),
            'odd "name", \x1b[35m/&.;=<>%\u202e': pa.array(range(16), pa.int16()),
            "name": pa.array(NAMES, pa.string()),
        }
    )


def main() -> None:
    """Write every golden file."""
    for name, suffix in {**TEXT_FORMATS, **BINARY_FORMATS}.items():
        emit(hard_table(), format=name, output=GOLDEN / f"hard.{suffix}", force=True, tz=ZONE)


if __name__ == "__main__":
    main()
