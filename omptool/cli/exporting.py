"""`convert` into a file that is no lake and no Parquet: the telemetry of all sources, as it comes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from omptool.cli import diagnostics, importing, terminal
from omptool.cli.diagnostics import typed

if TYPE_CHECKING:
    import pyarrow as pa

    from omptool.sources.source import Named
    from omptool.store.location import Location


def format_of(format: str | None, output: Location) -> str | None:
    """The format of the file that `-o` names; None when it is the folder of a lake."""
    from omptool.cli.output import SUFFIXES

    if format is not None:
        return str(format)
    return None if output.is_dir() else SUFFIXES.get(output.suffix.lower())


def export(named: Sequence[Named], output: Location, format: str, force: bool, display: diagnostics.Progress) -> int:
    """Write the telemetry of the sources; returns how many rows have no place in the format."""
    check_telemetry(named)
    from omptool.cli.convert_words import plural
    from omptool.cli.output import emit, print_text
    from omptool.sql.engine import LocalEngine

    started, count = time.monotonic(), 0

    def counted(rows: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        nonlocal count
        for batch in rows:
            count += batch.num_rows
            display.update([f"converting → {output}   {count:,} rows"], {"rows": count})
            yield batch
        display.clear()

    import pyarrow as pa

    with LocalEngine(named) as engine:
        rows = engine.run("FROM telemetry")
        left = emit(
            pa.RecordBatchReader.from_batches(rows.schema, counted(rows)), format=format, output=output, force=force
        )
    size, seconds = output.stat().st_size, time.monotonic() - started
    if not terminal.stdout_is_terminal():
        facts = {"rows": count - left, "files": 1, "bytes": size, "seconds": round(seconds, 3)}
        print_text(json.dumps(facts, separators=(",", ":")) + "\n")
    diagnostics.note(f"{plural(count - left, 'row')} → {typed(output)}, {format}, in {seconds:.1f} s")
    return left


def check_telemetry(named: Sequence[Named]) -> None:
    """Refuse tables of another kind."""
    for entry in named:
        if not entry.source.has_telemetry:
            raise importing.no_telemetry(entry.source)
