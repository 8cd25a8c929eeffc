"""Which tool wrote a file: by its content, or as the user says. The one list of foreign formats."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import pyarrow as pa

from omptool.errors import NotFound, UsageError
from omptool.model.plant import PlantModel
from omptool.sources.foreign import (
    columnar,
    delimited,
    jsonlines,
    lineprotocol,
    lines,
    mcap_messages,
    publisher,
    tables,
    telegraf,
)
from omptool.sources.foreign.context import Context, Options
from omptool.sources.foreign.points import Points
from omptool.sources.foreign.source import ForeignSource, Reader, files_of
from omptool.sources.foreign.tables import Layout

Recogniser = Callable[[Path, Options], Reader | None]


def open_foreign(
    text: str, paths: Sequence[Path], kind: str, options: Options, plant: PlantModel | None
) -> ForeignSource | None:
    """The files as telemetry; None when they are tables of another kind.

    Args:
        kind: one of `KINDS`.

    Raises:
        UsageError: `options` names columns that the files do not have, or some of the files are telemetry only.
        NotFound: a file cannot be read.
    """
    try:
        readers = [_READERS[kind](path, options) for path in paths]
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise NotFound(f"cannot read {text}: {reason}", "check its permissions") from None
    if all(reader is None for reader in readers):
        return None
    found = [reader for reader in readers if reader is not None]
    if len(found) < len(readers):
        other = paths[readers.index(None)]
        raise UsageError(f"{text}: {other} has other columns than the rest", "name the files one by one")
    return files_of(text, paths, kind, found, options, plant)


def kind_by_content(path: Path) -> str | None:
    """The format of a file whose name does not tell it; None when its beginning does not either."""
    with path.open("rb") as file:
        magic = file.read(16)
    if magic.startswith(b"SQLite format 3\0"):
        return "sqlite"
    if magic.startswith(b"PAR1"):
        return "parquet"
    if magic[8:12] == b"DUCK":
        return "duckdb"
    if magic.startswith(mcap_messages.MAGIC):
        return "mcap"
    head = lines.head(path)
    if jsonlines.first_object(head) is not None:
        return "jsonl"
    text = head.decode("utf-8", "replace")
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    if lineprotocol.is_line(first):
        return "line-protocol"
    header = delimited.Header(path)
    known = tables.layout(header.names, {}, wants_telemetry=False)
    return "csv" if known is not None else None


def _delimited(path: Path, options: Options, delimiter: str | None = None) -> Reader | None:
    header = delimited.Header(path, delimiter)
    how = tables.layout(header.names, options.columns, wants_telemetry=options.wants_telemetry)
    if how is None:
        return None
    return lambda path, context: delimited.read(path, how, header, context)


def _json(path: Path, options: Options) -> Reader | None:
    found = jsonlines.sample(lines.head(path, 1 << 20))
    if not found:
        return None
    if not options.columns:
        if telegraf.is_metric(found[0]):
            return telegraf.read
        if publisher.is_message(found[0]):
            return publisher.read
    how = tables.layout(jsonlines.names(found), options.columns, wants_telemetry=options.wants_telemetry)
    if how is None:
        return None
    return lambda path, context: jsonlines.read(path, how, context)


def _parquet(path: Path, options: Options) -> Reader | None:
    import pyarrow.parquet as pq

    try:
        names = pq.read_schema(path).names
    except pa.ArrowInvalid:
        return None
    return _columnar({"": names}, options, lambda path, _: columnar.parquet(path))


def _arrow(path: Path, options: Options) -> Reader | None:
    from omptool.sources import files

    stream = files.arrow(str(path), [path])
    return _columnar({"": stream.schema.names}, options, lambda *_: iter(stream.batches()))


def _sqlite(path: Path, options: Options) -> Reader | None:
    known = columnar.sqlite_columns(path)
    return _columnar(known, options, lambda path, table: columnar.sqlite(path, table, known[table]))


def _duckdb(path: Path, options: Options) -> Reader | None:
    from omptool.lake import duckdb_file

    known = duckdb_file.columns(path)
    return _columnar(known, options, lambda path, table: duckdb_file.batches(path, table))


def _columnar(
    known: Mapping[str, Sequence[str]], options: Options, batches: Callable[[Path, str], Iterator[pa.RecordBatch]]
) -> Reader | None:
    """All tables of a file that are telemetry."""
    found: dict[str, Layout] = {}
    for table, names in known.items():
        if options.columns and not set(options.columns.values()) <= set(names) and len(known) > 1:
            continue
        how = tables.layout(names, options.columns, wants_telemetry=options.wants_telemetry)
        if how is not None:
            found[table] = how
    if not found:
        return None

    def read(path: Path, context: Context) -> Iterator[Points]:
        for table, how in found.items():
            yield from columnar.read(batches(path, table), how, context)

    return read


_READERS: dict[str, Recogniser] = {
    "csv": _delimited,
    "tsv": partial(_delimited, delimiter="\t"),
    "uaexpert": _delimited,
    "json": _json,
    "jsonl": _json,
    "opc-publisher": lambda *_: publisher.read,
    "telegraf": lambda *_: telegraf.read,
    "line-protocol": lambda *_: lineprotocol.read,
    "parquet": _parquet,
    "arrow": _arrow,
    "sqlite": _sqlite,
    "duckdb": _duckdb,
    "mcap": lambda *_: mcap_messages.read,
}
KINDS = tuple(_READERS)
