"""Rows on their way out: golden bytes per format, and the rules of stdout, files and terminals."""

from __future__ import annotations

import base64
import contextlib
import csv
import datetime as dt
import io
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.cli import render_text
from omptool.cli.output import Rows, emit, replacing
from omptool.cli.terminal import clip, width
from omptool.cli.values import json_text, plain_text
from omptool.errors import DiskFull, NotFound, OutputExists, OutputFailed, UsageError
from tests.cli.hard_rows import BINARY_FORMATS, GOLDEN, TEXT_FORMATS, ZONE, hard_table


def _as_reader(data: pa.Table) -> pa.RecordBatchReader:
    return pa.RecordBatchReader.from_batches(data.schema, iter(data.to_batches(max_chunksize=3)))


def _as_rows(data: pa.Table) -> Rows:
    columns = [column.to_pylist() for column in data.columns]
    return Rows(data.schema.names, list(zip(*columns, strict=True)))


@pytest.mark.parametrize("shape", [lambda t: t, _as_reader, _as_rows], ids=["table", "reader", "rows"])
@pytest.mark.parametrize("name", TEXT_FORMATS)
def test_golden_text(tmp_path: Path, name: str, shape: Callable[[pa.Table], Any]) -> None:
    emit(shape(hard_table()), format=name, output=tmp_path / "out", tz=ZONE)
    assert (tmp_path / "out").read_bytes() == (GOLDEN / f"hard.{TEXT_FORMATS[name]}").read_bytes()


@pytest.mark.parametrize("shape", [lambda t: t, _as_reader], ids=["table", "reader"])
@pytest.mark.parametrize("suffix", BINARY_FORMATS.values())
def test_golden_binary_reads_back_with_its_types(tmp_path: Path, suffix: str, shape: Callable[[pa.Table], Any]) -> None:
    emit(shape(hard_table()), output=tmp_path / f"out.{suffix}")
    read = pq.read_table if suffix == "parquet" else lambda path: pa.ipc.open_stream(path.read_bytes()).read_all()
    for path in (tmp_path / f"out.{suffix}", GOLDEN / f"hard.{suffix}"):
        back = read(path)
        assert back.schema.remove_metadata() == hard_table().schema
        # NaN is not equal to itself, so texts are compared
        assert [json_text(row) for row in back.to_pylist()] == [json_text(row) for row in hard_table().to_pylist()]


@given(
    st.lists(st.one_of(st.floats(), st.floats(1e14, 1e17), st.floats(-1e17, -1e14), st.floats(-1e-3, 1e-3)), min_size=1)
)
def test_both_renderers_write_the_same_floats(tmp_path_factory: pytest.TempPathFactory, values: list[float]) -> None:
    tmp = tmp_path_factory.getbasetemp()
    table = pa.table({"v": pa.array(values, pa.float64())})
    for format in ("jsonl", "csv"):
        assert _emitted(table, format, tmp) == _emitted(Rows(["v"], [[value] for value in values]), format, tmp)


def _emitted(rows: object, format: str, tmp: Path) -> str:
    path = tmp / "emitted"
    emit(rows, format=format, output=path, force=True)  # type: ignore[arg-type]
    return path.read_text(encoding="utf-8")


_VALUES = st.one_of(
    st.none(),
    st.text(),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.binary(max_size=20),
    st.lists(st.floats(), max_size=3),
)


@given(st.lists(st.tuples(_VALUES, st.text()), max_size=8))
def test_json_lines_are_json_and_keep_every_value(tmp_path_factory: pytest.TempPathFactory, rows: list[Any]) -> None:
    text = _emitted(Rows(["a", "b"], rows), "jsonl", tmp_path_factory.mktemp("jsonl"))
    lines = [json.loads(line) for line in text.split("\n")[:-1]]
    assert [list(line) for line in lines] == [["a", "b"]] * len(rows)
    for line, row in zip(lines, rows, strict=True):
        assert line["b"] == row[1]
        assert line["a"] == _expected_json(row[0])
    assert not any(ord(c) < 0x20 and c != "\n" for c in text)


def _expected_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list):
        return [_expected_json(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


@given(st.lists(st.tuples(st.text(), st.text(), st.integers()), max_size=8))
def test_csv_reads_back_with_a_plain_reader(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, int]]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "x.csv"
    emit(Rows(["a", "b", "c"], rows), output=path)
    with path.open(newline="", encoding="utf-8") as stream:
        back = list(csv.reader(stream))
    assert back == [["a", "b", "c"], *[[a, b, str(c)] for a, b, c in rows]]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_arrow_and_python_write_the_same_number(value: float) -> None:
    [text] = render_text._floats(pa.array([value])).to_pylist()
    assert float(text) == float(plain_text(value)) == value


def test_null_is_empty_and_an_empty_text_is_quoted(tmp_path: Path) -> None:
    assert _emitted(Rows(["a", "b"], [("", None)]), "csv", tmp_path) == 'a,b\n"",\n'


def test_no_rows_still_have_their_shape(tmp_path: Path) -> None:
    empty = hard_table().slice(0, 0).select(["time", "value"])
    assert _emitted(empty, "jsonl", tmp_path) == ""
    assert _emitted(empty, "json", tmp_path) == "[]\n"
    assert _emitted(empty, "csv", tmp_path) == "time,value\n"
    assert _emitted(empty, "table", tmp_path) == "time  value\n"


def test_a_column_of_mixed_types_becomes_text_in_parquet(tmp_path: Path) -> None:
    emit(Rows(["value"], [(1,), ("two",), (None,)]), output=tmp_path / "x.parquet")
    assert pq.read_table(tmp_path / "x.parquet")["value"].to_pylist() == ["1", "two", None]


def test_columns_selects_and_orders(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    for shape in (hard_table(), _as_reader(hard_table()), _as_rows(hard_table())):
        emit(shape, output=path, force=True, columns=["count", "value"])
        assert path.read_text().splitlines()[:2] == ["count,value", "0,1"]
    with pytest.raises(NotFound, match='no column "valeu"'):
        emit(hard_table(), output=path, force=True, columns=["valeu"])


def test_a_file_is_not_overwritten_without_force(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("precious")
    with pytest.raises(OutputExists, match="already exists"):
        emit(Rows(["a"], [(1,)]), output=path)
    assert path.read_text() == "precious"
    emit(Rows(["a"], [(1,)]), output=path, force=True)
    assert path.read_text() == "a\n1\n"


def test_a_failing_source_leaves_neither_file_nor_rest(tmp_path: Path) -> None:
    def rows() -> Iterator[tuple[int]]:
        yield (1,)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        emit(Rows(["a"], rows()), output=tmp_path / "x.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputFailed, match="no such file or directory"):
        emit(Rows(["a"], [(1,)]), output=tmp_path / "nowhere" / "x.csv")


def test_a_full_device_is_disk_full() -> None:
    with pytest.raises(DiskFull, match="no space left"):
        emit(Rows(["a"], [(1,)]), output=Path("/dev/full"))


def test_replacing_writes_devices_in_place() -> None:
    with replacing(Path("/dev/null"), force=False) as stream:
        assert stream.write(b"x") == 1
    assert Path("/dev/null").is_char_device()


class _Terminal(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        return self.buffer.getvalue().decode()  # type: ignore[attr-defined]


@contextlib.contextmanager
def on_terminal(**environment: str) -> Iterator[tuple[_Terminal, _Terminal]]:
    """stdout and stderr as a terminal of 80 cells; no fixture, because pytest exchanges both before a test."""
    out, err = _Terminal(), _Terminal()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"COLUMNS": "80", "TERM": "xterm", **environment}.items():
            patch.setenv(name, value)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            yield out, err


def test_a_terminal_gets_a_table_that_fits() -> None:
    with on_terminal() as (out, err):
        emit(hard_table(), tz=ZONE)
    lines = out.text.replace("\x1b[1m", "").replace("\x1b[0m", "").splitlines()
    assert lines[0].startswith("time (Europe/Berlin)")
    assert all(width(line) <= 80 for line in lines)
    assert "empty or further columns are not shown (" in err.text
    assert "--format jsonl gives all" in err.text


def test_a_narrow_terminal_keeps_the_path_where_there_is_no_tag() -> None:
    row = {"path": "Plant/Line1/Press1/Temperature", "node_id": "nsu=urn:plant;s=Line1.Press1.Temperature"}
    facts = {"data_type": "EUInformation", "unit": "newton metre per second", "sampling_ms": 0, "queue_size": 2000}
    with on_terminal(NO_COLOR="1") as (out, _):
        emit(Rows([*row, *facts], [(*row.values(), *facts.values())]))
    assert out.text.startswith("path") and "node_id" not in out.text
    assert "Press1/Temperature  EUInformation" in out.text
    with on_terminal(NO_COLOR="1") as (out, _):
        emit(Rows([*row, "tag", *facts], [(*row.values(), "Temperature of the oil", *facts.values())]))
    assert "path" not in out.text and "tag" in out.text


def test_a_narrow_terminal_keeps_what_rows_without_a_node_are_about() -> None:
    """The line that was asked for stays, whatever else has to go; of a node the address says the same again."""
    facts = {f"measured_{number}": 1000.0 + number for number in range(9)}
    with on_terminal(NO_COLOR="1") as (out, _):
        emit(Rows(["line", *facts], [("Line7", *facts.values())]))
    assert out.text.startswith("line ") and "Line7" in out.text and "measured_8" not in out.text
    with on_terminal(NO_COLOR="1") as (out, _):
        emit(Rows(["line", "node_id", "tag", *facts], [("Line7", "i=7", "Speed", *facts.values())]))
    assert "Line7" not in out.text and "Speed" in out.text


def test_a_clipped_text_says_on_which_side() -> None:
    assert clip("Line1/Press1", 12) == "Line1/Press1"
    assert clip("Line1/Press1", 7) == "Line1/…"
    assert clip("Line1/Press1", 7, keep_end=True) == "…Press1"
    assert clip("面面面", 4, keep_end=True) == "…面"


def test_no_color_leaves_no_escape() -> None:
    with on_terminal(NO_COLOR="1") as (out, _):
        emit(hard_table())
    assert out.text
    assert "\x1b" not in out.text


def test_a_long_table_on_a_terminal_is_cut_and_says_so() -> None:
    with on_terminal() as (out, err):
        emit(Rows(["n"], [(i,) for i in range(1000)]))
    assert len(out.text.splitlines()) == 201
    assert "first 200 rows" in err.text


@pytest.mark.parametrize("name", TEXT_FORMATS)
def test_nothing_from_outside_steers_a_terminal(name: str) -> None:
    with on_terminal(NO_COLOR="1") as (out, _):
        emit(hard_table(), format=name)
    assert "evil" in out.text
    assert not any(c in out.text for c in ("\x1b", "\x07", "\u202e"))


def test_binary_is_refused_on_a_terminal() -> None:
    with on_terminal(), pytest.raises(UsageError, match="garble the terminal"):
        emit(hard_table(), format="parquet")


def test_an_unknown_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match='no time zone "Mars/Olympus"'):
        emit(hard_table(), format="table", output=tmp_path / "x", tz="Mars/Olympus")
    with pytest.raises(UsageError, match='no time zone "Mars/Olympus"'):
        emit(hard_table(), format="jsonl", output=tmp_path / "x", tz="Mars/Olympus")


def test_python_values_of_odd_kinds() -> None:
    assert json_text(dt.datetime(2026, 1, 1, 12, tzinfo=dt.timezone(dt.timedelta(hours=2)))) == '"2026-01-01T10:00:00Z"'
    assert json_text({"a": [1, 2.0, None, True]}) == '{"a":[1,2,null,true]}'
    assert plain_text(dt.timedelta(days=1, microseconds=5)) == "PT86400.000005S"


@pytest.mark.parametrize(
    ("months", "days", "nanoseconds", "text"),
    [
        (0, 0, 0, "PT0S"),
        (0, 0, 90_500_000_000, "PT90.5S"),
        (1, 2, 0, "P1M2D"),
        (0, 318, 1, "P318DT0.000000001S"),
        (0, -1, -1_500_000_000, "P-1DT-1.5S"),
    ],
)
def test_an_interval_is_a_duration_in_every_format(
    tmp_path: Path, months: int, days: int, nanoseconds: int, text: str
) -> None:
    values = pa.array([pa.MonthDayNano([months, days, nanoseconds]), None])
    table = pa.table({"lasted": values, "n": [1, 2]})
    for suffix in ("jsonl", "csv", "parquet"):
        emit(table, output=tmp_path / f"x.{suffix}")
    assert (tmp_path / "x.csv").read_text() == f"lasted,n\n{text},1\n,2\n"
    assert (tmp_path / "x.jsonl").read_text().startswith(f'{{"lasted":"{text}",')
    assert pq.read_table(tmp_path / "x.parquet")["lasted"].to_pylist() == [text, None]


def test_a_type_that_parquet_lacks_is_no_bug(tmp_path: Path) -> None:
    nested = pa.table({"d": pa.array([[pa.MonthDayNano([1, 0, 0])]])})
    with pytest.raises(UsageError, match="Parquet has no type"):
        emit(nested, output=tmp_path / "x.parquet")
    assert list(tmp_path.iterdir()) == []
