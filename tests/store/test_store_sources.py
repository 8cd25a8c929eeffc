"""What a store may hold besides lakes: captures, Parquet, files of other tools; and files that commands write there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omptool.errors import NotACapture, NotFound
from omptool.lake.convert import convert
from omptool.sources.capture import CaptureSource
from omptool.sources.resolve import lake_at, resolve_all
from omptool.sql.engine import LocalEngine
from omptool.store import objects
from omptool.store.remote import Remote
from tests.conftest import Result
from tests.sources.captures import capture
from tests.store.emulators import Store
from tests.store.test_store_lake import At, recording


def put(folder: Path, where: Remote) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            objects.upload(path, where / path.relative_to(folder).as_posix())


def asked(statement: str, *sources: str) -> list[dict[str, object]]:
    with LocalEngine(resolve_all(list(sources))) as engine:
        return engine.run(statement).read_all().to_pylist()


def test_a_capture_in_a_store_is_a_source(store: Store, at: At, tmp_path: Path) -> None:
    capture(tmp_path / "x.omcap", 12)
    put(tmp_path / "x.omcap", at("day/x.omcap"))
    here = asked("select count(*) n, max(value) most from telemetry", str(tmp_path / "x.omcap"))
    assert asked("select count(*) n, max(value) most from telemetry", str(at("day/x.omcap"))) == here
    with pytest.raises(NotACapture) as caught:
        resolve_all([str(at("day"))])
    assert "it contains x.omcap" in caught.value.hint


def test_parquet_is_read_where_it_lies(store: Store, at: At, tmp_path: Path) -> None:
    rows = pa.table({"order": list(range(50_000)), "machine": ["Press7", "Press8"] * 25_000})
    pq.write_table(rows, tmp_path / "a.parquet")
    for name in ("orders/a.parquet", "orders/b.parquet"):
        objects.upload(tmp_path / "a.parquet", at(name))
    found = asked('select count(*) n, sum("order") s from a', str(at("orders/a.parquet")))
    assert found == [{"n": 50_000, "s": 1_249_975_000}]
    assert asked("select count(*) n from orders", f"{at('orders')}/*.parquet") == [{"n": 100_000}]
    with pytest.raises(NotFound):
        resolve_all([f"{at('orders')}/*.csv"])
    with pytest.raises(NotFound):
        resolve_all([str(at("nothing"))])


def test_files_of_other_tools_are_fetched(store: Store, at: At) -> None:
    objects.write(at("log.csv"), b"time,tag,value\n2026-01-01T00:00:00Z,T,1.5\n")
    assert asked("select tag, value from telemetry", str(at("log.csv"))) == [{"tag": "T", "value": 1.5}]


@pytest.mark.parametrize("store", ["s3", "azure"], indirect=True)
def test_a_lake_is_asked_where_it_lies_and_as_it_was(store: Store, at: At, tmp_path: Path) -> None:
    lake, disk = at("lake"), tmp_path / "lake"
    for place in (lake, disk):
        convert([recording(rows=50)], place)
        convert([recording(rows=80)], place)
    statement = (
        "select site, date_trunc('day', time) d, count(*) n, sum(value) s from telemetry group by all order by d"
    )
    assert asked(statement, str(lake)) == asked(statement, str(disk))
    assert asked("select count(*) n from telemetry", f"{lake}@1") == [{"n": 50}]
    moment = lake_at(f"{lake}@1").tables["telemetry"].committed_at()  # type: ignore[union-attr]
    assert asked("select count(*) n from telemetry", f"{lake}@{moment.isoformat()}") == [{"n": 50}]  # type: ignore[union-attr]
    (gone, *_) = lake_at(str(lake)).tables["telemetry"].files()  # type: ignore[union-attr]
    objects.delete([gone])  # type: ignore[list-item]
    with pytest.raises(Exception, match="part-") as caught:
        asked("select sum(value) from telemetry", str(lake))
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize("store", ["s3"], indirect=True)
def test_the_command_line_reads_and_writes_stores(
    store: Store, at: At, run_cli: Callable[..., Result], tmp_path: Path
) -> None:
    capture(tmp_path / "x.omcap", 60)

    def done(*arguments: object, code: int = 0) -> Result:
        result = run_cli(*arguments, env=store.environment)
        assert result.code == code, result.err
        return result

    assert done("convert", "x.omcap", "-o", at("lake")).rows[0]["rows"] == 60
    assert done("verify", at("lake"), "--against", "x.omcap").rows[-1]["verdict"] == "whole"
    assert done("info", at("lake")).rows[0]["rows"] == 60
    done("query", "from telemetry", "--on", at("lake"), "-o", at("out.csv"))
    assert len(at("out.csv").read_bytes().splitlines()) == 61
    refused = done("query", "from telemetry", "--on", at("lake"), "-o", at("out.csv"), code=1)
    assert "--force" in refused.err
    here = done("capture", "opc.tcp://127.0.0.1:1", "-o", at("x.omcap"), code=2)
    assert "captures are recorded on this computer" in here.err


def test_what_a_capture_source_says_of_itself_is_the_name_in_the_store(store: Store, at: At, tmp_path: Path) -> None:
    capture(tmp_path / "x.omcap", 12)
    put(tmp_path / "x.omcap", at("x.omcap"))
    (named,) = resolve_all([str(at("x.omcap"))])
    assert isinstance(named.source, CaptureSource)
    assert named.source.label == str(at("x.omcap"))
