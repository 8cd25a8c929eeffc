"""stdout: rows, and nothing else. One byte stream for every destination, so a file and a redirect cannot differ.

A table for people on a terminal, JSON Lines in a pipe; `--format` and the suffix of `-o FILE` decide otherwise. A file
is written beside its name and renamed when complete; nothing is overwritten without `--force`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from omptool.cli import diagnostics, settings, terminal
from omptool.cli.stdout import ClosedPipe, Stdout, failed
from omptool.errors import NotFound, OutputExists, OutputFailed, UsageError
from omptool.store.location import location
from omptool.store.remote import Remote

if TYPE_CHECKING:
    import pyarrow as pa

    from omptool.store.location import Location

SUFFIXES = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "tsv",
    ".arrow": "arrow", ".arrows": "arrow", ".parquet": "parquet", ".txt": "table", ".lp": "line-protocol",
    ".mcap": "mcap",
}  # fmt: skip
_BINARY = {"arrow", "parquet", "mcap"}
_TELEMETRY = {"line-protocol", "pubsub", "mcap"}
TERMINAL_ROWS = 200
"""Rows of a table that nobody asked for by name: more than that scrolls by unread, and a note says so."""


@dataclass(frozen=True, slots=True)
class Rows:
    """A small result as Python values: str, int, float, bool, bytes, datetime, list, dict or None.

    Anything large should come as Arrow.
    """

    columns: Sequence[str]
    rows: Iterable[Sequence[object]]


def emit(
    rows: pa.Table | pa.RecordBatchReader | Rows,
    *,
    format: str | None = None,
    output: Location | None = None,
    force: bool = False,
    columns: Sequence[str] | None = None,
    tz: str | None = None,
) -> int:
    """Write `rows` to stdout or to the file `output`.

    Args:
        format: one of table, jsonl, json, csv, tsv, arrow, parquet, and for telemetry line-protocol, pubsub, mcap; None
            chooses by suffix, then by terminal or pipe.
        columns: only these, in this order.
        tz: time zone of a table; None is the system's. All other formats are UTC.

    Returns:
        How many rows the format has no place for; stderr says so.
    """
    chosen = choose_format(format, output)
    if tz:
        settings.zone(tz)  # a zone that does not exist is said in every format
    write = _writer(chosen, asked_for=format is not None or output is not None, tz=tz)
    selected = rows if columns is None else _select(rows, columns)
    left = 0

    def run(stream: IO[bytes]) -> None:
        nonlocal left
        left = write(selected, stream) or 0

    if output is None or str(output) == "-":
        _to_stdout(run, binary=chosen in _BINARY, escape=chosen in {"csv", "tsv"})
    else:
        with replacing(output, force=force) as stream:
            run(stream)
    if left:
        diagnostics.note(f"exit 3: {left:,} {'row has' if left == 1 else 'rows have'} no place in {chosen}, left out")
    return left


def choose_format(format: str | None, output: Location | None) -> str:
    """The format that `emit` will use."""
    if format is not None:
        return str(format)
    if output is not None and output.suffix.lower() in SUFFIXES:
        return SUFFIXES[output.suffix.lower()]
    if setting := settings.current()["output.format"]:
        return str(setting)
    if output is not None and str(output) != "-":
        if output.suffix:
            raise UsageError(
                f"-o {output}: no format has the suffix {output.suffix}",
                f"one of {' '.join(SUFFIXES)}, or name the format: --format csv",
            )
        return "jsonl"
    return "table" if terminal.stdout_is_terminal() else "jsonl"


def print_text(text: str) -> None:
    """Write text that is itself the result (a tree, a chart) to stdout. `text` must already be escaped."""
    _to_stdout(lambda stream: stream.write(text.encode("utf-8", "backslashreplace")), binary=False, escape=False)


def _writer(format: str, *, asked_for: bool, tz: str | None) -> Callable[[Any, IO[bytes]], int | None]:
    if format == "table":
        from omptool.cli import table

        on_terminal = terminal.stdout_is_terminal() and not asked_for
        return lambda rows, stream: table.write(rows, stream, tz=tz, max_rows=TERMINAL_ROWS if on_terminal else None)
    if format in _TELEMETRY:
        from omptool.cli import render_telemetry

        return render_telemetry.WRITERS[format]
    if format in _BINARY:
        from omptool.cli import render_arrow

        return render_arrow.WRITERS[format]
    return lambda rows, stream: _text_writer(rows, format)(rows, stream)


def _text_writer(rows: Any, format: str) -> Callable[[Any, IO[bytes]], None]:
    if isinstance(rows, Rows):
        from omptool.cli import render_rows

        return render_rows.WRITERS[format]
    from omptool.cli import render_text

    return render_text.WRITERS[format]


def _select(rows: Any, columns: Sequence[str]) -> Any:
    known = list(rows.columns) if isinstance(rows, Rows) else rows.schema.names
    for name in columns:
        if name not in known:
            raise NotFound(f'no column "{name}"', f"columns: {', '.join(known)}")
    if isinstance(rows, Rows):
        places = [known.index(name) for name in columns]
        return Rows(columns, ([row[i] for i in places] for row in rows.rows))
    if hasattr(rows, "select"):
        return rows.select(list(columns))
    import pyarrow as pa

    schema = pa.schema([rows.schema.field(name) for name in columns])
    return pa.RecordBatchReader.from_batches(schema, (batch.select(list(columns)) for batch in rows))


def _to_stdout(write: Callable[[IO[bytes]], object], *, binary: bool, escape: bool) -> None:
    if sys.stdout is None:
        raise OutputFailed("standard output is closed")
    if binary and terminal.stdout_is_terminal():
        raise UsageError("this format is binary and would garble the terminal", "add -o FILE, or send it into a pipe")
    stream = Stdout(sys.stdout.buffer, escape=escape and terminal.stdout_is_terminal())
    write(stream)  # type: ignore[arg-type]  # has the three methods of BinaryIO that writers use
    stream.flush()


def refuse_existing(path: Location, *, force: bool) -> None:
    """Raise OutputExists when `path` would be overwritten without --force."""
    path = location(path) if isinstance(path, Path) else path
    if not force and (path.is_file() if isinstance(path, Remote) else os.path.lexists(path)):
        raise OutputExists(f"{path} already exists", "add --force to replace it, or choose another name")


@contextlib.contextmanager
def replacing(path: Location, *, force: bool) -> Iterator[IO[bytes]]:
    """A binary stream that becomes `path` when the block ends well, and nothing otherwise.

    A device or a pipe is written in place.
    """
    path = location(path) if isinstance(path, Path) else path
    if isinstance(path, Remote):
        with uploading(path, force=force) as aside, aside.open("wb") as stream:
            yield stream
        return
    if path.exists() and not path.is_file() and not path.is_dir():
        with _said(path), path.open("wb") as device:
            yield device
        return
    refuse_existing(path, force=force)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with _said(path):
        try:
            with partial.open("xb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            refuse_existing(path, force=force)  # somebody may have been faster
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


@contextlib.contextmanager
def uploading(target: Remote, *, force: bool) -> Iterator[Path]:
    """A name on this computer for a file that becomes `target` when the block ends well."""
    from omptool.store import objects
    from omptool.store.location import working_folder

    refuse_existing(target, force=force)
    with working_folder() as folder:
        aside = folder / target.name
        with _said(aside):
            yield aside
        objects.upload(aside, target, is_new=not force)


@contextlib.contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise ClosedPipe from None
    except OSError as error:
        raise failed(str(path), error) from error


def shortened(note: str) -> None:
    """Say on stderr that a table leaves something out."""
    diagnostics.note(f"note: {note}")
