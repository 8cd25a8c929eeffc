"""`verify` of a lake: its files, their checksums, and the rows of every capture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omptool.cli import diagnostics
from omptool.cli.convert_words import plural, size_text
from omptool.cli.exits import ExitCode
from omptool.errors import NotFound

if TYPE_CHECKING:
    from omptool.lake.verify import Account, Checked, Verified
    from omptool.sources.capture import CaptureSource
    from omptool.store.location import Location

LAKE_COLUMNS = ("kind", "name", "files", "rows", "bytes", "removed", "verdict", "detail")


def verify_lake(
    lake: Location, against: Sequence[Path], display: diagnostics.Progress
) -> tuple[list[tuple[Any, ...]], ExitCode]:
    """Rows of `LAKE_COLUMNS`, and what it comes to; the last word is said.

    Raises:
        NotFound: a capture of which the lake has nothing.
    """
    from omptool.lake.verify import verify

    captures = [_capture(path, lake) for path in against]

    def show(view: str, done: int, total: int) -> None:
        line = f"verifying {lake}   {view}: {size_text(done)} of {size_text(total)}"
        display.update([line], {"view": view, "bytes": done, "total": total})

    found = verify(lake, captures, on_progress=show)
    display.clear()
    rows = [row for table in found.tables for row in _table(table)]
    rows += [_account(mine) for mine in found.captures]
    return rows, _last_word(found, lake, bool(captures))


def _capture(path: Path, lake: Location) -> CaptureSource:
    from omptool.cli.opening import here, refuse_others
    from omptool.lake.table import Table, stored_plant
    from omptool.sources.capture import CaptureSource

    label, path = str(path), here(path)
    refuse_others(path)
    capture = CaptureSource(path, plant=stored_plant(lake), label=label)
    if not Table(lake, "telemetry").done(capture.id):
        command = f"omptool convert {diagnostics.typed(path)} -o {diagnostics.typed(lake)}"
        raise NotFound(f"{lake} has nothing of {path}", f"to take it in:  {command}")
    return capture


def _table(table: Checked) -> Iterator[tuple[Any, ...]]:
    detail = None
    if table.unstated:
        detail = f"{plural(table.unstated, 'file')} without a checksum, read and counted only"
    verdict = "damaged" if table.findings else "sound"
    yield ("table", table.view, table.files, table.rows, table.size, None, verdict, detail)
    for finding in table.findings:
        yield ("file", finding.file, 1, finding.rows, None, None, "damaged", finding.problem)


def _account(mine: Account) -> tuple[Any, ...]:
    verdict = "damaged" if mine.problem else "whole"
    detail = mine.problem or None
    told = mine.compared
    if not mine.problem and told is not None:
        more = f"; {told.more:,} rows of it are not in the lake yet" if told.more else ""
        detail = f"the same rows as {told.label}{more}"
    return ("capture", mine.capture, None, mine.rows, None, mine.removed, verdict, detail)


def _last_word(found: Verified, lake: Location, was_compared: bool) -> ExitCode:
    """What it comes to, on stderr."""
    name = diagnostics.typed(lake)
    files = sum(table.files for table in found.tables)
    if not found.is_whole:
        bad = sum(len(table.findings) for table in found.tables)
        short = [mine.capture for mine in found.captures if mine.problem]
        told = [plural(bad, "damaged file")] * bool(bad) + [f"rows of {', '.join(short)} are not all there"] * bool(
            short
        )
        diagnostics.note(
            f"{lake} is damaged: {'; '.join(told)}",
            "restore the files from a copy, or convert the captures into a new lake",
        )
        return ExitCode.FAILED
    rows = sum(table.rows for table in found.tables if table.view == "telemetry")
    unstated = sum(table.unstated for table in found.tables)
    what = "every byte" if not unstated else f"all but {plural(unstated, 'file')} by their bytes"
    diagnostics.note(f"{lake} is sound: {plural(files, 'file')}, {plural(rows, 'row')}, {what} checked")
    if not was_compared:
        diagnostics.note(f"next: omptool verify {name} --against CAPTURE   holds it against the recording")
    return ExitCode.OK
