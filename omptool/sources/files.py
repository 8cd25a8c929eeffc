"""Files as sources: Parquet (telemetry-shaped or any table), CSV, TSV, JSON, JSON Lines, Arrow IPC."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from omptool.errors import Damaged, NotFound, UsageError
from omptool.model.contracts import TELEMETRY
from omptool.sources.source import Files, FileSource, Stream
from omptool.store.location import Location, readable

if TYPE_CHECKING:
    from pyarrow import ipc

SUFFIXES = {
    ".parquet": "parquet", ".csv": "csv", ".tsv": "tsv", ".json": "json", ".jsonl": "jsonl", ".ndjson": "jsonl",
    ".arrow": "arrow", ".arrows": "arrow", ".feather": "arrow", ".lp": "line-protocol", ".influx": "line-protocol",
    ".sqlite": "sqlite", ".sqlite3": "sqlite", ".duckdb": "duckdb", ".ddb": "duckdb",
    ".mcap": "mcap",
}  # fmt: skip
FORMATS = ("parquet", "csv", "tsv", "json", "jsonl", "arrow")
FOREIGN = (
    "opc-publisher", "line-protocol", "telegraf", "uaexpert", "sqlite", "duckdb", "mcap",
)  # fmt: skip
"""Formats of other tools that are telemetry or nothing."""

_OTHER_KIND = "if it is of another kind, say so with --input-format; else get it again from where it came"

_HIVE = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=[^/\\]*")
_REQUIRED = frozenset(field.name for field in TELEMETRY if not field.nullable)


def open_files(text: str, paths: Sequence[Location], kind: str) -> FileSource:
    """The files as one table, columns united by name.

    Raises:
        NotFound: no rows can come from them, e.g. not the format that was claimed.
        UsageError: several Arrow files with different columns.
    """
    name = _table_name(text, paths)
    if kind == "parquet":
        return _parquet(text, paths, name)
    if kind == "arrow":
        return FileSource(text, kind, name, arrow(text, [path for path in paths if isinstance(path, Path)]))
    return FileSource(text, kind, name, Files(tuple(paths), "json" if kind == "jsonl" else kind))


def _table_name(text: str, paths: Sequence[Location]) -> str:
    """The stem of the file; for a pattern the first part of it that is fixed."""
    if len(paths) == 1:
        return paths[0].stem
    fixed = [part for part in Path(text).with_suffix("").parts if not re.search(r"[*?\[]", part)]
    return fixed[-1] if fixed else paths[0].stem


def _parquet(text: str, paths: Sequence[Location], name: str) -> FileSource:
    import pyarrow.parquet as pq

    partitions = _partitions(text, paths)
    try:
        columns = tuple(pq.read_schema(readable(paths[0])).names)
    except (pa.ArrowInvalid, OSError) as error:
        raise NotFound(f"{paths[0]} is not a Parquet file: {str(error).splitlines()[0]}", _OTHER_KIND) from error
    shaped = set(columns).union(partitions) >= _REQUIRED
    return FileSource(text, "parquet", name, Files(tuple(paths), "parquet", partitions, columns), has_telemetry=shaped)


def _partitions(text: str, paths: Sequence[Location]) -> tuple[str, ...]:
    """Columns in folder names (`site=007`) that the pattern covers, the same for all files."""
    if len(paths) == 1 and Path(text) == paths[0]:
        return ()
    fixed = 0
    for part in Path(text).parts:
        if re.search(r"[*?\[]", part):
            break
        fixed += 1
    found = {tuple(match[1] for part in path.parts[fixed:-1] if (match := _HIVE.fullmatch(part))) for path in paths}
    return found.pop() if len(found) == 1 else ()


def arrow(text: str, paths: Sequence[Path]) -> Stream:
    """The rows of Arrow files; parameters and errors as for `open_files`."""
    schemas = [_arrow_schema(path) for path in paths]
    if any(not schema.equals(schemas[0]) for schema in schemas):
        raise UsageError(
            f"{text}: the Arrow files have different columns", "name them one by one: --on a=FILE --on b=FILE"
        )

    def batches() -> Iterator[pa.RecordBatch]:
        from pyarrow import ipc

        for path in paths:
            with _open_arrow(path) as reader:
                if isinstance(reader, ipc.RecordBatchStreamReader):
                    yield from (_checked(path, batch) for batch in reader)
                else:
                    for index in range(reader.num_record_batches):
                        yield _checked(path, reader.get_batch(index))

    return Stream(schemas[0], batches)


def _checked(path: Path, batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch, when its offsets lie where they may: pyarrow reads them unseen, and the engine would follow them."""
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid as error:
        raise Damaged(f"{path} is damaged: {str(error).splitlines()[0]}", "get it again from where it came") from error
    return batch


def _open_arrow(path: Path) -> ipc.RecordBatchFileReader | ipc.RecordBatchStreamReader:
    """A reader of either IPC form; the file form ends in a magic word that a stream lacks."""
    from pyarrow import ipc

    source = pa.OSFile(str(path))
    try:
        return ipc.open_file(source)
    except pa.ArrowInvalid:
        source.seek(0)
        return ipc.open_stream(source)


def _arrow_schema(path: Path) -> pa.Schema:
    try:
        with _open_arrow(path) as reader:
            return reader.schema
    except (pa.ArrowInvalid, OSError) as error:
        raise NotFound(f"{path} is not an Arrow file: {str(error).splitlines()[0]}", _OTHER_KIND) from error
