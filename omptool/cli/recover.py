"""`omptool recover`: make a torn or damaged capture whole again, and say what that cost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics, settings
from omptool.cli.diagnostics import typed
from omptool.cli.exits import ExitCode
from omptool.cli.options import ConfigOption, DryRunOption, ForceOption, FormatOption, OutputOption

if TYPE_CHECKING:
    from omptool.capture.recover import RecoveryReport

COLUMNS = ("file", "action", "bytes", "rows_lost", "kept", "reason")


def recover(
    capture: Annotated[Path, typer.Argument(help="Folder that `omptool capture` made.", metavar="CAPTURE")],
    dry_run: DryRunOption = False,
    format: FormatOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
    config: ConfigOption = None,
) -> ExitCode:
    """Repair a damaged capture.

    Cuts torn tails, takes damage out and records what it cost, so that every segment is a plain Arrow stream again.
    What is removed is kept beside it. Reading a capture never needs this: every command reads around damage. A second
    run changes nothing. Exit code 3 when acknowledged rows are lost.

    \b
    Examples:
      omptool recover shift.omcap --dry-run
      omptool recover shift.omcap
    """
    settings.load(config)
    from omptool.capture.recover import recover as repair
    from omptool.cli.opening import on_this_computer, refuse_others
    from omptool.cli.output import Rows, emit, refuse_existing

    if output is not None:
        refuse_existing(output, force=force)
    on_this_computer(capture, "captures are repaired")
    refuse_others(capture)
    report = repair(capture, dry_run=dry_run)
    rows = [(a.file, a.what, a.bytes, a.rows, a.kept or None, a.reason) for a in report.actions]
    if rows or output is not None:
        emit(Rows(COLUMNS, rows), format=format, output=output, force=force)
    diagnostics.note(*_last_word(report, capture, dry_run))
    return ExitCode.PARTIAL if report.has_loss else ExitCode.OK


def _last_word(report: RecoveryReport, path: Path, dry_run: bool) -> tuple[str, str]:
    if not report.actions:
        return f"nothing to repair: all {report.rows:,} rows are intact", ""
    lost = [action.rows for action in report.actions]
    cost = "an unknown number of rows is lost" if None in lost else f"{sum(n or 0 for n in lost):,} rows lost"
    verb = "would be repaired" if dry_run else "repaired"
    next_step = f"next: omptool recover {typed(path)}" if dry_run else f"next: omptool verify {typed(path)}"
    return f"{verb}: {report.rows:,} rows intact, {cost}", next_step
