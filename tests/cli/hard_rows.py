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


def hard_table() -> pa.Table:
    """Eight rows: infinities, digits beyond 2^53, quotes, control and bidi characters, wide characters, nulls."""
    time = [
        _time(2026, 11, 22, 10, 18, 26),
        _time(2026, 11, 22, 10, 18, 26, 500_000),
        _time(2026, 11, 22, 10, 18, 26, 1),
        _time(1969, 12, 31, 23, 59, 59, 999_999),
        _time(2026, 10, 25, 0, 30),  # Berlin: 02:30, the first of two
        _time(2026, 10, 25, 1, 30),  # Berlin: 02:30, the second
        None,
        _time(9999, 12, 31),
    ]
    text = [
        "plain",
        "",
        None,
        'say "hi", twice\nplease',
        "\x1b[31mred\x07\u202eevil",
        "温度 é µs °C",
        "tab\there; back\\slash; <b>=1+1</b>",
        "[bold]no markup[/bold] 🙂",
    ]
    return pa.table(
        {
            "time": pa.array(time, pa.timestamp("us", "UTC")),
            "value": pa.array([1.0, -0.0, 61.4, None, float("nan"), float("inf"), float("-inf"), 1e300], pa.float64()),
            "count": pa.array([0, -1, 2**63 - 1, -(2**63), None, 9007199254740993, 7, 8], pa.int64()),
            "value_exact": pa.array([Decimal(2**64 - 1), None, *[Decimal(5)] * 6], pa.decimal128(20, 0)),
            "value_text": pa.array(text, pa.string()),
            "value_list": pa.array([[1.5, None], [], None, [float("nan")], *[[0.1]] * 4], pa.list_(pa.float64())),
            "raw": pa.array([b"", b"\x00\xff", None, b"abc", *[None] * 4], pa.binary()),
            "overflow": pa.array([True, False, None, True, *[False] * 4], pa.bool_()),
            "day": pa.array([dt.date(2026, 11, 22), None, *[dt.date(1, 1, 1)] * 6], pa.date32()),
            "local": pa.array([dt.datetime(2026, 11, 22, 10, 18), *[None] * 7], pa.timestamp("us")),
            "took": pa.array([dt.timedelta(seconds=90.5), *[None] * 7], pa.duration("us")),
            "fields": pa.array([{"a": 1, "b": 'q"'}, *[None] * 7], pa.struct([("a", pa.int32()), ("b", pa.string())])),
            "nothing": pa.nulls(8),
        }
    )


def main() -> None:
    """Write every golden file."""
    for name, suffix in {**TEXT_FORMATS, **BINARY_FORMATS}.items():
        emit(hard_table(), format=name, output=GOLDEN / f"hard.{suffix}", force=True, tz=ZONE)


if __name__ == "__main__":
    main()
