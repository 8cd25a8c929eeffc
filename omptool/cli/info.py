"""`omptool info`: what a capture or a lake holds, at a glance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from omptool.cli import settings
from omptool.cli.options import ConfigOption, ForceOption, FormatOption, OutputOption, TzOption

if TYPE_CHECKING:
    from omptool.capture.reader import Capture
    from omptool.sources.lake import LakeSource

COLUMNS = (
    "source", "kind", "capture", "state", "servers", "items", "rows", "event_rows", "first_time", "last_time",
    "segments", "bytes", "gaps", "damage", "torn_bytes",
)  # fmt: skip
LAKE_COLUMNS = (
    "source", "kind", "view", "version", "rows", "files", "bytes", "committed_at", "bytes_per_row", "first_time",
    "last_time", "nodes", "gaps",
)  # fmt: skip


def info(
    source: Annotated[Path, typer.Argument(help="Capture, lake, or LAKE@VERSION.", metavar="CAPTURE|LAKE")],
    format: FormatOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
    tz: TzOption = None,
    config: ConfigOption = None,
) -> None:
    """Say what a capture or a lake holds.

    Servers, items, rows, times, size, and whether something is missing; of a lake also its tables and their versions. A
    capture that is being written is shown as of its last commit.

    \b
    Examples:
      omptool info shift.omcap
      omptool info lake
      omptool info lake@3 --format json
    """
    settings.load(config)
    tz = settings.zone_name(tz, settings.plant())
    from omptool.cli.opening import open_capture
    from omptool.cli.output import Rows, choose_format, emit, print_text, refuse_existing
    from omptool.sources.resolve import lake_at
    from omptool.store import remote
    from omptool.store.location import location

    if output is not None:
        refuse_existing(output, force=force)
    is_screen = format is None and output is None and choose_format(None, None) == "table"
    text = str(remote.spelled(str(source)) if remote.is_remote(str(source)) else source)
    if (lake := lake_at(text, settings.zone(tz)[0])) is not None:
        if is_screen:
            from omptool.cli.lake_screen import draw as draw_lake

            print_text(draw_lake(lake, tz))
        else:
            emit(Rows(LAKE_COLUMNS, _lake(lake)), format=format, output=output, force=force, tz=tz)
        return
    capture = open_capture(location(text))
    if is_screen:
        from omptool.cli.info_screen import draw

        print_text(draw(capture, text, tz))
    else:
        emit(Rows(COLUMNS, [_row(capture, text)]), format=format, output=output, force=force, tz=tz)


def _row(capture: Capture, source: str) -> tuple[Any, ...]:
    segments = capture.segments
    return (
        source,
        "capture",
        capture.id,
        capture.state,
        [server.server for server in capture.servers],
        sum(1 for node in capture.nodes() if node.handle),
        capture.rows,
        capture.event_rows,
        _time(capture.first_time),
        _time(capture.last_time),
        len(segments),
        sum(segment.bytes for segment in segments),
        capture.gaps().num_rows,
        len(capture.damage),
        capture.torn_bytes,
    )


def _time(ns: int | None) -> Any:
    from omptool.model.times import datetime_of

    return None if ns is None else datetime_of(ns // 1000)


def _lake(source: LakeSource) -> list[tuple[Any, ...]]:
    """A row per table; what is about the whole lake stands with telemetry."""
    from omptool.lake.summary import summarise

    summary = summarise(source.tables)
    rows = []
    for table in summary.tables:
        per_row = round(table.size / table.rows, 2) if table.rows else None
        whole = (summary.nodes, sum(summary.gaps.values())) if table.view == "telemetry" else (None, None)
        rows.append(
            (
                source.label, "lake", table.view, table.version, table.rows, table.files, table.size,
                table.committed_at, per_row, table.first_time, table.last_time, *whole,
            )
        )  # fmt: skip
    return rows
