"""Telemetry that is decoded once: the same rows as from the source itself, in a file that is gone afterwards."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from omptool.sources.decoded import decoded
from omptool.sources.resolve import resolve_all
from omptool.sources.source import Files, Stream
from omptool.sql.engine import LocalEngine
from tests.conftest import ROOT

CAPTURE = ROOT / "sample_data" / "fault-day" / "fault-day.omcap"
ROWS = "SELECT * FROM telemetry ORDER BY server, node_id, time, time_ns, seq"


@pytest.fixture(autouse=True)
def _private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def test_the_same_rows_and_nothing_left_behind(tmp_path: Path) -> None:
    sources = resolve_all([str(CAPTURE)])
    with LocalEngine(sources) as engine:
        expected = engine.run(ROWS).read_all()
    with decoded(sources) as kept:
        source, original = kept[0].source, sources[0].source
        assert isinstance(source.views()["telemetry"], Files)
        assert set(source.views()) == set(original.views())
        assert (source.label, source.kind, source.id) == (original.label, "capture", original.id)
        assert source.gap_reasons() == original.gap_reasons() != {}
        assert source.holds(str(original.id)) and not source.holds("another")
        with LocalEngine(kept) as engine:
            assert engine.run(ROWS).read_all().equals(expected)
    assert expected.num_rows > 30_000
    assert list(tmp_path.iterdir()) == []


def test_what_is_files_already_stays_as_it_is() -> None:
    sources = resolve_all([str(ROOT / "sample_data" / "press-line" / "lake")])
    with decoded(sources) as kept:
        assert kept == sources


def test_without_room_the_source_is_read_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq.ParquetWriter, "write_table", full)
    with decoded(resolve_all([str(CAPTURE)])) as kept:
        assert isinstance(kept[0].source.views()["telemetry"], Stream)


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), decoded(resolve_all([str(CAPTURE)])):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []
