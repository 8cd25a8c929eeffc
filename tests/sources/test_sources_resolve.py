"""What a user types is found, or refused with the next step."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.errors import LakeError, NotACapture, NotFound, OmptoolError, UsageError
from omptool.lake.convert import convert
from omptool.lake.table import Table
from omptool.model.contracts import GAPS, TELEMETRY
from omptool.model.plant import PlantModel
from omptool.sources.capture import CaptureSource
from omptool.sources.lake import LakeSource
from omptool.sources.resolve import plant_of_lakes, resolve, split_name
from omptool.sources.source import Files, Stream, open_reasons
from tests.lake.recordings import FakeRecording, gap, telemetry
from tests.sources.captures import Recording, capture


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True), st.text(min_size=1))
def test_a_name_is_split_off(name: str, rest: str) -> None:
    request = split_name(f"{name}={rest}")
    assert (request.name, request.text) == (name, rest)


@given(st.text().filter(lambda text: "=" not in text and "\0" not in text))
def test_a_text_without_equals_is_all_source(text: str) -> None:
    assert split_name(text).name is None
    assert split_name(text).text == text


def test_a_path_with_equals_is_a_path(here: Path) -> None:
    (here / "site=5").mkdir()
    assert split_name("site=5").name is None
    assert split_name("site=6").name == "site"


def test_each_kind_is_recognised(here: Path) -> None:
    capture(here / "a.omcap", 10)
    convert([FakeRecording("c", telemetry("c", 0, 5))], here / "lake")
    pq.write_table(telemetry("c", 0, 5), here / "t.parquet")
    pq.write_table(pa.table({"a": [1]}), here / "p.parquet")
    for name in ("x.csv", "x.tsv", "x.json", "x.jsonl", "x.ndjson", "x.dat"):
        (here / name).write_text("{}")
    kinds = {name: resolve(name) for name in ("a.omcap", "lake", "t.parquet", "p.parquet", "x.csv", "x.tsv", "x.jsonl")}
    assert [source.kind for source in kinds.values()] == [
        "capture",
        "lake",
        "parquet",
        "parquet",
        "csv",
        "tsv",
        "jsonl",
    ]
    assert [name for name, source in kinds.items() if source.has_telemetry] == ["a.omcap", "lake", "t.parquet"]
    assert resolve("x.dat", input_format="json").kind == "json"
    assert resolve(str(here / "a.omcap") + "/").kind == "capture"


@pytest.mark.parametrize(
    ("text", "kind", "message", "hint"),
    [
        (
            "opc.tcp://plc:4840",
            UsageError,
            "is a server",
            "capture it first: omptool capture opc.tcp://plc:4840 -o x.omcap",
        ),
        ("press7", UsageError, "is a server", "capture it first: omptool capture press7 -o x.omcap"),
        ("gs://data/lake", UsageError, "no store that omptool reads", "s3://BUCKET/PATH"),
        ("az://data/lake", UsageError, "needs the name of the storage account", "AZURE_STORAGE_ACCOUNT_NAME"),
        ("az://data/lake?sv=1&sig=x", UsageError, "carries no credentials: az://data/lake", "az://CONTAINER/PATH"),
        ("mqtt://broker", UsageError, "unknown kind of source mqtt://", "name a capture, a lake or a file"),
        ("p.share#a.b.c", UsageError, "does not read shares", "name a capture"),
        ("shitf.omcap", NotFound, "no such file or folder: shitf.omcap", "did you mean shift.omcap?"),
        ("nowhere/x.csv", NotFound, "no such file or folder", "there is no folder nowhere"),
        ("*.csv", NotFound, "no such file or folder", ""),
        ("empty", NotACapture, "empty is an empty folder", "name a capture"),
        ("photos", NotACapture, "neither a capture nor a lake", "a capture ends in .omcap"),
        ("loose", NotACapture, "neither a capture nor a lake", "'loose/*.parquet'"),
        ("lake/telemetry", NotACapture, "is one table of a lake", "name the lake: lake"),
        ("parent", NotACapture, "neither a capture nor a lake", "it contains in.omcap"),
        ("notes.doc", UsageError, "cannot tell the format from the name", "add --input-format parquet|csv"),
        ("fake.parquet", NotFound, "is not a Parquet file", ""),
        ("fake.arrow", NotFound, "is not an Arrow file", ""),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_next_step(
    here: Path, text: str, kind: type[OmptoolError], message: str, hint: str
) -> None:
    for folder in ("shift.omcap", "empty", "photos", "loose", "parent/in.omcap", "lake/telemetry/_delta_log"):
        (here / folder).mkdir(parents=True)
    for file in ("photos/x.jpg", "loose/x.parquet", "notes.doc", "fake.parquet", "fake.arrow"):
        (here / file).write_text("no")
    with pytest.raises(kind) as caught:
        resolve(text, servers=["press7"])
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_an_unknown_input_format_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown --input-format xlsx") as caught:
        resolve("x", input_format="xlsx")
    assert caught.value.hint.startswith("known are capture, lake, parquet")


def test_a_lake_can_be_opened_as_it_was(here: Path) -> None:
    data = telemetry("c", 0, 30)
    convert([FakeRecording("c", data.slice(0, 10), gap_rows=[gap("c")])], here / "lake")
    early = Table(here / "lake", "telemetry")
    convert([FakeRecording("c", data, gap_rows=[gap("c"), gap("d")])], here / "lake")

    def rows(source: object, view: str) -> int:
        assert isinstance(source, LakeSource)
        table = source.views()[view]
        assert isinstance(table, Files)
        return sum(pq.ParquetFile(path).metadata.num_rows for path in table.paths)

    assert rows(resolve("lake"), "telemetry") == 30
    assert rows(resolve(f"lake@{early.version}"), "telemetry") == 10
    moment = early.committed_at()
    assert moment is not None
    assert rows(resolve(f"lake@{moment.isoformat()}"), "telemetry") == 10
    with pytest.raises(LakeError, match="did not exist at 2001-01-01") as caught:
        resolve("lake@2001-01-01")
    assert caught.value.hint.startswith("its first version is of 20")
    with pytest.raises(LakeError, match="has no version 99"):
        resolve("lake@99")
    with pytest.raises(UsageError, match="is neither a version nor a time"):
        resolve("lake@yesteryear")
    for odd in ("²", "9" * 5000):
        with pytest.raises(UsageError, match="neither a version nor a time"):
            resolve(f"lake@{odd}")


def test_a_capture_is_seen_up_to_its_last_commit_and_fixed(here: Path) -> None:
    recording = Recording(here / "a.omcap")
    recording.grow(100)
    source = resolve("a.omcap")
    assert isinstance(source, CaptureSource)
    recording.grow(50)
    table = source.views()["telemetry"]
    assert isinstance(table, Stream)
    assert [sum(batch.num_rows for batch in table.batches()) for _ in range(2)] == [100, 100]
    plain = pa.RecordBatchReader.from_stream(table).read_all().cast(TELEMETRY)
    assert plain["seq"].to_pylist() == list(range(1, 101))
    assert resolve("a.omcap").last_seq == 150  # type: ignore[attr-defined]
    recording.close()


def test_captures_are_seen_through_the_model_given_and_lakes_keep_theirs(here: Path) -> None:
    capture(here / "a.omcap", 10, site=None)
    plant = PlantModel.parse('[[machine]]\npath = "Line/*"\nsite = "007"\n')
    source = resolve("a.omcap", plant=plant)
    assert isinstance(source, CaptureSource)
    assert next(source.telemetry())["site"][0].as_py() == "007"
    assert plant_of_lakes(["a.omcap", "x=lake"]) is None
    convert([source], here / "lake", plant=plant)
    kept = plant_of_lakes(["a.omcap", "x=lake"])
    assert kept is not None
    assert kept.digest == plant.digest


def test_backfilled_windows_are_no_longer_missing() -> None:
    windows = [gap("c"), gap("c") | {"state": "backfilled"}, gap("c") | {"reason": "stale"}]
    assert open_reasons(pa.Table.from_pylist(windows, schema=GAPS)) == {"connection_lost": 1, "stale": 1}
