"""Small results, given as Python values, as JSON Lines, JSON, CSV and TSV: without waiting for pyarrow to load.

Byte for byte the same as `render_text` writes for Arrow; golden files hold both to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import IO

from omptool.cli.output import Rows
from omptool.cli.values import csv_field, json_text, plain_text, quoted


def _objects(rows: Rows) -> Iterator[str]:
    keys = [quoted(name) for name in rows.columns]
    for row in rows.rows:
        yield "{" + ",".join(f"{key}:{json_text(value)}" for key, value in zip(keys, row, strict=True)) + "}"


def _write_jsonl(rows: Rows, stream: IO[bytes]) -> None:
    for text in _objects(rows):
        stream.write(text.encode() + b"\n")


def _write_json(rows: Rows, stream: IO[bytes]) -> None:
    opened = False
    for text in _objects(rows):
        stream.write((b",\n" if opened else b"[\n") + text.encode())
        opened = True
    stream.write(b"\n]\n" if opened else b"[]\n")


def _write_csv(delimiter: str, rows: Rows, stream: IO[bytes]) -> None:
    stream.write((delimiter.join(csv_field(name, delimiter) for name in rows.columns) + "\n").encode())
    for row in rows.rows:
        fields = ("" if value is None else csv_field(plain_text(value), delimiter) for value in row)
        stream.write((delimiter.join(fields) + "\n").encode())


WRITERS: dict[str, Callable[[Rows, IO[bytes]], None]] = {
    "jsonl": _write_jsonl,
    "json": _write_json,
    "csv": partial(_write_csv, ","),
    "tsv": partial(_write_csv, "\t"),
}
