"""Telemetry that is decoded once and kept in files, for those who ask the same source many questions.

A capture is decoded anew by every scan, and an import read anew; a Parquet file gives the columns that are asked for.
The files lie in a private folder that is removed.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from omptool.sources.source import Files, Named, Scannable, Source, Stream

_ROWS = 122_880
"""Rows of a row group: what DuckDB reads at a time, so that all cores have work."""


@dataclass(frozen=True, slots=True)
class _Decoded:
    """A source with its telemetry in a file; everything else is the source's own."""

    source: Source
    telemetry: Files

    @property
    def label(self) -> str:
        return self.source.label

    @property
    def kind(self) -> str:
        return self.source.kind

    @property
    def has_telemetry(self) -> bool:
        return self.source.has_telemetry

    @property
    def id(self) -> str | None:
        return self.source.id

    def views(self) -> Mapping[str, Scannable]:
        return {**self.source.views(), "telemetry": self.telemetry}

    def gap_reasons(self) -> Mapping[str, int]:
        return self.source.gap_reasons()

    def holds(self, capture: str) -> bool:
        return self.source.holds(capture)


@contextlib.contextmanager
def decoded(sources: Sequence[Named]) -> Iterator[list[Named]]:
    """The same sources, those whose telemetry is a stream with a file instead, as long as the block lasts.

    Raises:
        OmptoolError: a source cannot be read.
    """
    folder = Path(tempfile.mkdtemp(prefix="omptool-decoded-"))
    try:
        yield [
            Named(_kept(each.source, folder / f"{number}.parquet"), each.name) for number, each in enumerate(sources)
        ]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _kept(source: Source, path: Path) -> Source:
    table = source.views().get("telemetry") if source.has_telemetry else None
    if not isinstance(table, Stream):
        return source
    try:
        _write(table, path)
    except OSError:  # no room for it: what is asked of it takes longer, and is the same
        path.unlink(missing_ok=True)
        return source
    return _Decoded(source, Files((path,), "parquet", (), tuple(table.schema.names)))


def _write(table: Stream, path: Path) -> None:
    plain = pa.schema([field.with_type(_plain(field.type)) for field in table.schema])
    with pq.ParquetWriter(path, plain, compression="lz4") as writer:
        waiting: list[pa.RecordBatch] = []
        for batch in table.batches():
            waiting.append(batch)
            if sum(map(len, waiting)) >= _ROWS:
                writer.write_table(pa.Table.from_batches(waiting, table.schema).cast(plain), row_group_size=_ROWS)
                waiting = []
        writer.write_table(pa.Table.from_batches(waiting, table.schema).cast(plain), row_group_size=_ROWS)


def _plain(kind: pa.DataType) -> pa.DataType:
    """Texts as they are: Parquet takes no dictionary with a null in it, and makes its own."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind
