"""`omptool verify`: whether a capture is complete, with cause and evidence where it is not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from omptool.cli import diagnostics, settings
from omptool.cli.diagnostics import typed
from omptool.cli.exits import ExitCode
from omptool.cli.options import (
    ConfigOption,
    ForceOption,
    FormatOption,
    OutputOption,
    ProgressMode,
    ProgressOption,
    TzOption,
)
from omptool.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from omptool.capture.reader import Capture
    from omptool.capture.verify import Verdict, Verification

COLUMNS = (
    "server", "items", "rows", "first_time", "last_time", "verdict", "path", "start_time", "end_time", "reason",
    "state", "missing", "detail",
)  # fmt: skip


def verify(
    capture: Annotated[
        Path, typer.Argument(help="Folder that `omptool capture` or `convert` made.", metavar="CAPTURE|LAKE")
    ],
    against: Annotated[
        list[Path] | None,
        typer.Option("--against", help="Of a lake: hold it against this capture; repeatable.", metavar="CAPTURE"),
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
    tz: TzOption = None,
    progress: ProgressOption = ProgressMode.AUTO,
    config: ConfigOption = None,
) -> ExitCode:
    """Prove whether a capture is complete, or a lake what was written.

    Reads every byte and checks it, counts every row, holds the rows against the account of what was received, and
    names every window in which values may be missing: per server and item "complete", "sampled" (the server looks less
    often than asked) or windows. Exit code 0: no window, 3: the cause of every window is known, 1: values are missing
    without a known cause, or the capture is damaged. What complete means: docs/explanation/completeness.md

    Of a lake: every file is there with the bytes that were written, and every row of every capture is in them, or was
    removed as a duplicate; with --against row by row. Exit code 1 where not.

    \b
    Examples:
      omptool verify shift.omcap
      omptool verify shift.omcap --format csv -o proof.csv
      omptool verify lake --against shift.omcap
    """
    settings.load(config)
    tz = settings.zone_name(tz, settings.plant())
    from omptool.capture import verify as proof
    from omptool.cli.lake_verify import LAKE_COLUMNS, verify_lake
    from omptool.cli.opening import open_capture
    from omptool.cli.output import Rows, choose_format, emit, print_text, refuse_existing
    from omptool.lake.layout import is_lake
    from omptool.store.location import location

    if output is not None:
        refuse_existing(output, force=force)
    where = location(capture)
    if is_lake(where):
        with diagnostics.Progress(progress) as display:
            rows, code = verify_lake(where, against or [], display)
        emit(Rows(LAKE_COLUMNS, rows), format=format, output=output, force=force, tz=tz)
        return code
    if against:
        raise UsageError("--against is for lakes", f"to prove the capture itself:  omptool verify {typed(capture)}")
    opened = open_capture(where)
    result = proof.verify(opened)
    if format is None and output is None and choose_format(None, None) == "table":
        from omptool.cli.verify_screen import draw

        print_text(draw(opened, result, tz))
    else:
        rows = [row for verdict in result.verdicts for row in _rows(verdict)]
        emit(Rows(COLUMNS, [*rows, *_damage(result)]), format=format, output=output, force=force, tz=tz)
    return _last_word(opened, result, capture)


def _rows(verdict: Verdict) -> Iterator[tuple[Any, ...]]:
    """One row per verdict, or per window of it."""
    head = (
        verdict.server, verdict.items, verdict.rows, _time(verdict.first_ns), _time(verdict.last_ns), verdict.verdict,
        verdict.paths[0] if verdict.items == 1 else None,
    )  # fmt: skip
    if not verdict.windows:
        yield (*head, None, None, None, None, None, verdict.detail or None)
    for window in verdict.windows:
        yield (*head, *(window[name] for name in COLUMNS[7:]))


def _damage(result: Verification) -> Iterator[tuple[Any, ...]]:
    """One row per damage; its verdict is `damaged`."""
    for damage in result.damage:
        times = _time(damage.t_min), _time(damage.t_max)
        where = f"{damage.file}, bytes {damage.start} to {damage.end}" if damage.end else damage.file
        yield (None, None, None, None, None, "damaged", None, *times, damage.reason, None, damage.rows, where)


def _time(ns: int | None) -> Any:
    from omptool.model.times import datetime_of

    return None if ns is None else datetime_of(ns // 1000)


def _remark(capture: Capture) -> None:
    """What cost no value, and yet should be known."""
    from omptool.capture.remarks import remarks

    names = {server.server: server.name or server.server for server in capture.servers}
    for server, sentences in remarks(capture).items():
        for sentence in sentences:
            diagnostics.note(f"{names.get(server, server)}: {sentence}" if server else sentence)


def _last_word(capture: Capture, result: Verification, path: Path) -> ExitCode:
    """What it comes to, on stderr."""
    _remark(capture)
    if result.damage:
        lost = [damage.rows for damage in result.damage]
        count = "an unknown number of rows is" if None in lost else f"{sum(n or 0 for n in lost):,} rows are"
        cost = f"{count} lost; all others are intact" if any(n != 0 for n in lost) else "no row is lost"
        diagnostics.note(f"damaged: {cost}", f"next: omptool recover {typed(path)}")
        return ExitCode.FAILED
    if result.has_unexplained:
        diagnostics.note("values are missing for no known cause", f"next: omptool cat {typed(path)} --view journal")
        return ExitCode.FAILED
    if result.has_windows:
        diagnostics.note("every missing stretch is explained", f"next: omptool cat {typed(path)} --view gaps")
        return ExitCode.PARTIAL
    diagnostics.note(f"complete: {capture.rows:,} rows, every byte checked")
    return ExitCode.OK
