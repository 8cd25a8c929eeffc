"""Telemetry in the formats of other tools: what others read in it, and that it comes back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from line_protocol_parser import parse_line
from mcap.reader import make_reader
from mcap.writer import Writer

from omptool.model.contracts import TELEMETRY
from tests.conftest import Result

Run = Callable[..., Result]

AT = datetime(2026, 1, 1, 0, 0, 0, 123456, tzinfo=UTC)
VALUES: list[dict[str, Any]] = [
    {"type": "Double", "value": 41.5},
    {"type": "Double", "value": math.nan},
    {"type": "Double", "value": -math.inf},
    {"type": "Boolean", "value": 1.0},
    {"type": "Int32", "value": -7.0},
    {"type": "UInt64", "value": float(2**64), "value_exact": Decimal(2**64 - 1)},
    {"type": "Int64", "value": float(-(2**53)), "value_exact": Decimal(-(2**53) - 1)},
    {"type": "String", "value_text": 'two\nlines, "quoted" \\ = ü'},
    {"type": "String", "value_text": ""},
    {"type": "Double[]", "value_list": [1.0, 2.5, -math.inf]},
    {"type": "Null", "status": 0x80310000},
    {"type": "Double", "value": 1.0, "status": 0x480},
    {"type": "MachineState", "value": 2.0, "value_text": "Not_executing"},
]


def row(number: int, value: dict[str, Any]) -> dict[str, Any]:
    status = value.get("status", 0)
    return {
        "time": AT.replace(second=number), "time_ns": 700, "time_basis": "source", "site": "Werk 1, Süd",
        "area": None, "line": "L=1", "machine": "Press 7", "tag": f"Oil, hot/T={number}", "path": f"L/P/T={number}",
        "server": "urn:press,7", "node_id": f"nsu=urn:press;s=T {number}", "raw": None, "value": None,
        "value_exact": None, "value_text": None, "value_list": None, "status": status,
        "quality": ("Good", "Uncertain", "Bad")[status >> 30], "overflow": status == 0x480, "unit": "°C",
        "origin": "live", "capture": "c", "seq": number + 1, "server_time": None, "server_time_ns": None,
        "receive_time": None, **value,
    }  # fmt: skip


ROWS = [row(number, value) for number, value in enumerate(VALUES)]
KEPT = [
    "time", "time_ns", "site", "line", "machine", "tag", "path", "server", "node_id", "type", "value", "value_exact",
    "value_text", "value_list", "status", "quality", "overflow", "unit",
]  # fmt: skip


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(ROWS, schema=TELEMETRY), tmp_path / "x.parquet")
    return tmp_path / "x.parquet"


def asked(invoke: Run, source: str) -> list[dict[str, Any]]:
    done = invoke("query", f"select {', '.join(KEPT)} from telemetry order by time", "--on", source)
    assert (done.code, done.err) == (0, "")
    return done.rows


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("y.csv", []), ("y.jsonl", []), ("y.arrow", []), ("y.lp", []), ("y.json", ["--format", "pubsub"]),
        ("y.mcap", []),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("recorded")
def test_what_is_exported_comes_back(invoke: Run, name: str, options: list[str]) -> None:
    done = invoke("convert", "x.parquet", "-o", name, *options)
    assert (done.code, done.rows[0]["rows"]) == (0, len(ROWS))
    assert asked(invoke, name) == asked(invoke, "x.parquet")


@pytest.mark.usefixtures("recorded")
def test_line_protocol_is_read_by_somebody_else(invoke: Run, tmp_path: Path) -> None:
    assert invoke("convert", "x.parquet", "-o", "y.lp").code == 0
    text = (tmp_path / "y.lp").read_text(encoding="utf-8")
    parts = text.replace("two\nlines", "two\0lines").splitlines()
    found = [parse_line(part.replace("\0", "\n")) for part in parts]
    assert [point["measurement"] for point in found] == ["telemetry"] * len(ROWS)
    assert found[0]["fields"] == {"value": 41.5}
    assert found[0]["time"] == 1767225600123456700
    assert found[0]["tags"] == {
        "site": "Werk 1, Süd", "line": "L=1", "machine": "Press 7", "tag": "Oil, hot/T=0", "path": "L/P/T=0",
        "server": "urn:press,7", "node_id": "nsu=urn:press;s=T 0", "type": "Double", "unit": "°C",
    }  # fmt: skip
    assert found[7]["fields"]["text"] == VALUES[7]["value_text"]
    assert found[10]["fields"] == {"status": 0x80310000}


@pytest.mark.usefixtures("recorded")
def test_mcap_is_read_by_its_own_library(invoke: Run, tmp_path: Path) -> None:
    done = invoke("convert", "x.parquet", "-o", "y.mcap")
    assert (done.code, done.rows[0]["rows"]) == (0, len(ROWS))
    with (tmp_path / "y.mcap").open("rb") as stream:
        reader = make_reader(stream)
        summary = reader.get_summary()
        assert summary is not None
        assert summary.statistics is not None
        assert (summary.statistics.message_count, summary.statistics.channel_count) == (len(ROWS), len(ROWS))
        found = [(schema, channel, message) for schema, channel, message in reader.iter_messages()]
    schema, channel, message = found[0]
    assert schema is not None
    assert (schema.encoding, channel.topic, channel.message_encoding) == ("jsonschema", "Press 7/Oil, hot/T=0", "json")
    assert channel.metadata["node_id"] == "nsu=urn:press;s=T 0"
    assert message.publish_time == 1767225600123456700
    bodies = [json.loads(message.data) for _, _, message in found]
    assert [body["value"] for body in bodies[:5]] == [41.5, "NaN", "-Infinity", 1.0, -7.0]
    assert bodies[5]["value_exact"] == 2**64 - 1


@pytest.mark.usefixtures("recorded")
def test_mcap_that_is_cut_off_or_of_somebody_else(invoke: Run, tmp_path: Path) -> None:
    assert invoke("convert", "x.parquet", "-o", "y.mcap").code == 0
    whole = (tmp_path / "y.mcap").read_bytes()
    (tmp_path / "cut.mcap").write_bytes(whole[:900])
    cut = invoke("query", "from telemetry", "--on", "cut.mcap")
    assert (cut.code, "cut.mcap is no whole MCAP file" in cut.err, "Traceback" in cut.err) == (1, True, False)
    with (tmp_path / "other.mcap").open("wb") as stream:
        writer: Any = Writer(stream)
        writer.start()
        schema = writer.register_schema("imu", "jsonschema", b"{}")
        channel = writer.register_channel("robot/imu", "json", schema)
        writer.add_message(channel, log_time=1, data=b"{}", publish_time=1)
        writer.finish()
    other = invoke("query", "select count(*) as n from telemetry", "--on", "other.mcap")
    assert (other.code, other.rows) == (0, [{"n": 0}])
    assert "1 messages of robot/imu, which are not of the schema omptool.telemetry" in other.err


@pytest.mark.usefixtures("recorded")
def test_pubsub_says_its_fields_before_their_values(invoke: Run, tmp_path: Path) -> None:
    assert invoke("convert", "x.parquet", "-o", "y.json", "--format", "pubsub").code == 0
    about, data = map(json.loads, (tmp_path / "y.json").read_text(encoding="utf-8").splitlines())
    assert (about["MessageType"], data["MessageType"]) == ("ua-metadata", "ua-data")
    assert (data["PublisherId"], data["Messages"][0]["DataSetWriterName"]) == ("urn:press,7", "Press 7")
    fields = {field["Name"]: field for field in about["MetaData"]["Fields"]}
    payload = data["Messages"][0]["Payload"]
    assert payload.keys() == fields.keys()
    assert fields["L/P/T=4"]["BuiltInType"] == 6
    assert payload["L/P/T=4"]["Value"] == {"Type": "Int32", "Body": -7}
    assert payload["L/P/T=5"]["Value"] == {"Type": "UInt64", "Body": str(2**64 - 1)}
    assert payload["L/P/T=10"]["StatusCode"] == 0x80310000
    assert payload["L/P/T=0"]["SourceTimestamp"] == "2026-01-01T00:00:00.1234567Z"


def test_rows_without_a_place_are_counted(invoke: Run, tmp_path: Path) -> None:
    old = [ROWS[0] | {"time": datetime(1, 1, 1, tzinfo=UTC)}, ROWS[1]]
    pq.write_table(pa.Table.from_pylist(old, schema=TELEMETRY), tmp_path / "old.parquet")
    for name in ("old.lp", "old.mcap"):
        done = invoke("convert", "old.parquet", "-o", name)
        assert (done.code, done.rows[0]["rows"]) == (3, 1)
        assert "exit 3: 1 row has no place in" in done.err


@pytest.mark.usefixtures("recorded")
def test_other_rows_are_refused_by_formats_of_telemetry(invoke: Run, tmp_path: Path) -> None:
    refused = invoke("query", "select 1 as n", "--on", "x.parquet", "-o", "y.lp")
    assert (refused.code, "holds telemetry only" in refused.err) == (2, True)
    assert not (tmp_path / "y.lp").exists()
