"""Reading the odd plant: exact value, status and stamps of every node, in every format."""

from __future__ import annotations

import asyncio
import base64
import csv
import datetime as dt
import io
import json
import math
import struct
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omptool.capture.encode import encode_items
from omptool.config import ServerConfig
from omptool.model import status
from omptool.opcua.session import connect
from omptool.opcua.values import read_values
from omptool.protocol.columns import ItemColumns
from omptool.replay.variants import variants
from tests.peers.plants import Plant, Truth
from tests.peers.rebuild import source_time, variant_of


def test_there_is_one_of_everything(plant: Plant) -> None:
    kinds = {truth.variant[0] & 0x3F for truth in plant.values if truth.variant}
    assert kinds == set(range(26))
    assert len(plant.typed) > 20 and len(plant.names) > 70


def _read(plant: Plant, truths: list[Truth]) -> ItemColumns:
    async def main() -> ItemColumns:
        async with connect(ServerConfig(url=plant.url, timeout_s=60)) as session:
            return await read_values(session, [truth.node_id for truth in truths])

    return asyncio.run(main())


def test_columns_hold_every_value_bit_for_bit(plant: Plant) -> None:
    truths = [*plant.values, *plant.typed]
    columns = _read(plant, truths)
    rows = encode_items(columns, nodes=columns.client_handle, receive_time=0, receive_mono=0, sequence=0, sub=0)
    assert dict(zip((t.path for t in truths), variants(rows), strict=True)) == {t.path: t.variant for t in truths}
    assert columns.status.tolist() == [truth.status for truth in truths]


def test_columns_hold_every_stamp(plant: Plant) -> None:
    columns = _read(plant, plant.values)
    found = [
        (int(ticks) if has else None, int(pico))
        for ticks, has, pico in zip(columns.source_ticks, columns.has_source, columns.source_pico, strict=True)
    ]
    assert found == [(truth.source_ticks, truth.source_pico) for truth in plant.values]


def _jsonl(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.split(b"\n") if line]


def _csv(data: bytes, delimiter: str = ",") -> list[dict[str, Any]]:
    csv.field_size_limit(10**6)
    header, *rows = csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter)
    return [dict(zip(header, row, strict=True)) for row in rows]


def _arrow(data: bytes) -> list[dict[str, Any]]:
    return pa.ipc.open_stream(data).read_all().to_pylist()


def _parquet(data: bytes) -> list[dict[str, Any]]:
    return pq.read_table(io.BytesIO(data)).to_pylist()


FORMATS: dict[str, Callable[[bytes], list[dict[str, Any]]]] = {
    "jsonl": _jsonl,
    "json": json.loads,
    "arrow": _arrow,
    "parquet": _parquet,
}
TEXT_FORMATS = ("jsonl", "json")


@pytest.fixture(scope="module", params=FORMATS)
def read_rows(plant: Plant, request, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[dict[str, Any]]]:
    """The format, and what `read` writes in it about every value."""
    from omptool.cli import app, settings

    target = tmp_path_factory.mktemp("read") / "rows"
    settings.forget()
    node_ids = [truth.node_id for truth in plant.values]
    assert app.run(["read", plant.url, *node_ids, "--format", request.param, "-o", str(target), "--timeout", "60"]) == 0
    return request.param, FORMATS[request.param](target.read_bytes())


def _is_nan_with_a_message(truth: Truth) -> bool:
    return truth.variant[:1] == b"\x0b" and math.isnan(struct.unpack("<d", truth.variant[1:])[0])


def test_every_value_in_every_format(plant: Plant, read_rows: tuple[str, list[dict[str, Any]]]) -> None:
    """Text has one NaN; what a NaN carries beside is in Arrow and Parquet."""
    format, rows = read_rows
    assert [row["node_id"] for row in rows] == [truth.node_id for truth in plant.values]
    for truth, row in zip(plant.values, rows, strict=True):
        if format in TEXT_FORMATS and _is_nan_with_a_message(truth):
            assert row["value"] == "NaN"
        else:
            assert variant_of(row) == truth.variant, truth.path


def test_every_status_in_every_format(plant: Plant, read_rows: tuple[str, list[dict[str, Any]]]) -> None:
    for truth, row in zip(plant.values, read_rows[1], strict=True):
        quality = "Good" if not truth.status >> 30 else "Uncertain" if truth.status >> 30 == 1 else "Bad"
        assert (row["status"], row["quality"], row["status_name"]) == (truth.status, quality, status.name(truth.status))


def _moment(value: Any) -> dt.datetime:
    return value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(value)


def test_every_stamp_in_every_format(plant: Plant, read_rows: tuple[str, list[dict[str, Any]]]) -> None:
    for truth, row in zip(plant.values, read_rows[1], strict=True):
        expected = source_time(truth.source_ticks)
        if expected is None:
            assert (row["time_basis"], row["time"]) == ("server", row["server_time"]), truth.path
        else:
            assert (row["time_basis"], _moment(row["time"]), row["time_ns"]) == ("source", *expected), truth.path


def test_structures_and_enumerations_keep_their_bytes(plant: Plant, invoke) -> None:
    result = invoke("read", plant.url, *(truth.node_id for truth in plant.typed), "--timeout", "60")
    assert result.code == 0, result.err
    for truth, row in zip(plant.typed, result.rows, strict=True):
        if truth.variant[0] & 0x3F == 22:
            assert base64.b64decode(row["raw"]) == truth.variant, truth.path
        elif not truth.variant[0] & 0x80:
            assert row["value"] == struct.unpack("<i", truth.variant[1:5].ljust(4, b"\0"))[0], truth.path
        if isinstance(truth.plain, str):
            assert row["value_text"] == truth.plain, truth.path


@pytest.mark.parametrize(("format", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_delimited_text_says_the_same_as_json(plant: Plant, invoke, format: str, delimiter: str) -> None:
    node_ids = [truth.node_id for truth in plant.values]
    plain = invoke("read", plant.url, *node_ids, "--timeout", "60").rows
    result = invoke("read", plant.url, *node_ids, "--format", format, "--timeout", "60")
    rows = _csv(result.out.encode(), delimiter)
    assert [row["value_text"] for row in rows] == [row["value_text"] or "" for row in plain]
    for name in ("type", "status", "value_exact", "raw"):
        assert [row[name] for row in rows] == ["" if row[name] is None else str(row[name]) for row in plain]
    assert [_bits(row["value"]) for row in rows] == [_bits(row["value"]) for row in plain]
    lists = [json.loads(row["value_list"]) if row["value_list"] else None for row in rows]
    assert lists == [row["value_list"] for row in plain]


def _bits(number: Any) -> bytes:
    return b"" if number in (None, "") else struct.pack("<d", float(number))


def test_a_variable_that_takes_anything_says_so(plant: Plant, invoke) -> None:
    """Its DataType goes by its own name; what it holds at the moment stands in `type`."""
    result = invoke("browse", plant.url, "--root", "Plant/Scalars/Structure", "--values")
    assert {(row["data_type"], row["type"]) for row in result.rows} == {("BaseDataType", "ExtensionObject")}
