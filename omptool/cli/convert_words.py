"""What `convert` says: what it would do, what it did, and what was odd about the rows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from omptool.cli import diagnostics, terminal

if TYPE_CHECKING:
    from omptool.lake.convert import ConvertReport, Recording
    from omptool.sources.source import Named
    from omptool.store.location import Location


def say_plan(named: Sequence[Named], captures: Sequence[Recording], output: Location) -> None:
    if not captures:
        diagnostics.note(f"would write the telemetry of {', '.join(entry.source.label for entry in named)} to {output}")
        return
    from omptool.lake.convert import pending

    waiting = pending(captures, output)
    for capture in captures:
        diagnostics.note(f"would add {plural(waiting[capture.id], 'row')} of {capture.label} to {output}")


def say(report: ConvertReport, named: Sequence[Named], output: Location, *, is_live: bool) -> None:
    """Notes, the one JSON line of a pipe, and the last word.

    Args:
        is_live: that captures still grow is what the user wants, and needs no note.
    """
    from omptool.cli.noderows import say_kept
    from omptool.sources.capture import CaptureSource
    from omptool.sources.source import describe_gaps

    for entry in named:
        if reasons := entry.source.gap_reasons():
            diagnostics.note(f"note: {describe_gaps(entry.source.label, reasons)}")
        if isinstance(entry.source, CaptureSource):
            say_kept(entry.source.capture.kept)
            if entry.source.capture.is_being_written and not is_live:
                diagnostics.note(
                    f"note: {entry.source.label} is still being written; taken up to its last commit,"
                    " the same command takes the rest"
                )
    for sentence in _odd(report):
        diagnostics.note(f"note: {sentence}")
    if report.plant_changed:
        diagnostics.note(
            "note: the plant model has changed; rows that were in the lake before keep their site and machine",
            f"to place them anew:  omptool convert {diagnostics.typed(output)} --remodel",
        )
    facts = {"rows": report.rows, "files": report.files, "bytes": report.size, "seconds": round(report.seconds, 3)}
    facts |= asdict(report.irregular)
    print_facts(facts)
    if not report.files:
        diagnostics.note(f"{output} is up to date")
        return
    per_row = f" ({report.size / report.rows:.1f} B/row)" if report.rows else ""
    diagnostics.note(
        f"{plural(report.rows, 'row')} → {output}, {plural(report.files, 'file')}, {size_text(report.size)}{per_row}"
        f" in {report.seconds:.1f} s"
    )
    diagnostics.note(f'next: omptool query "from telemetry limit 10" --on {diagnostics.typed(output)}')


def _odd(report: ConvertReport) -> Iterator[str]:
    """A sentence per kind of row that one does not expect; all of them are in the lake."""
    found = report.irregular
    if found.clock_suspect:
        yield (
            f"{plural(found.clock_suspect, 'row')} with a clock far off (before 2000 or an hour after receipt),"
            " filed by the date of receipt"
        )
    if found.late:
        yield f"{plural(found.late, 'row')} received more than an hour after their time"
    if found.out_of_order:
        yield f"{plural(found.out_of_order, 'row')} out of order, put in order of time"
    if found.duplicates:
        yield f"{plural(found.duplicates, 'row')} equal to another one; kept until convert --compact"


def print_facts(facts: Mapping[str, object]) -> None:
    """The line for programs, where stdout is none that a person looks at."""
    if not terminal.stdout_is_terminal():
        from omptool.cli.output import print_text

        print_text(terminal.escape_lines(json.dumps(facts, separators=(",", ":")) + "\n"))


def plural(count: int, noun: str, nouns: str = "") -> str:
    """A number with its noun."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def size_text(count: int) -> str:
    """Bytes for people."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            return f"{amount:,.0f} {unit}" if unit in ("B", "kB") else f"{amount:,.1f} {unit}"
        amount /= 1000
    return ""
