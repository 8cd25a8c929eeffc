"""`omptool cat`: the rows of a capture, as they were received."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics, settings
from omptool.cli.diagnostics import typed
from omptool.cli.exits import ExitCode
from omptool.cli.options import (
    ConfigOption,
    EndOption,
    ForceOption,
    FormatOption,
    OutputOption,
    PlantOption,
    SelectOption,
    ServerOption,
    StartOption,
    TzOption,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pyarrow as pa

    from omptool.capture.reader import Capture
    from omptool.model.plant import PlantModel


class View(StrEnum):
    """What to print of a capture."""

    TELEMETRY = "telemetry"
    NODES = "nodes"
    EVENTS = "events"
    GAPS = "gaps"
    JOURNAL = "journal"


def cat(
    capture: Annotated[Path, typer.Argument(help="Folder that `omptool capture` made.", metavar="CAPTURE")],
    view: Annotated[View, typer.Option("--view", help="Which rows to print.")] = View.TELEMETRY,
    select: SelectOption = None,
    server: ServerOption = None,
    start: StartOption = None,
    end: EndOption = None,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", help="Stop after this many rows.", metavar="ROWS", min=0)
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
    tz: TzOption = None,
    plant: PlantOption = None,
    config: ConfigOption = None,
) -> ExitCode:
    """Print the rows of a capture.

    Rows come in the order in which they were received, up to the last commit; a damaged capture gives every row that is
    intact. For anything more than printing, `omptool query` speaks SQL over the same columns.

    \b
    Examples:
      omptool cat shift.omcap --select 'Line1/**/Temperature*' --limit 20
      omptool cat shift.omcap --start -2h -o recent.parquet
      omptool cat shift.omcap --view gaps --server press7
      omptool cat shift.omcap --format pubsub -o shift.jsonl
    """
    settings.load(config)
    from omptool.cli import narrow, noderows, rowfilter
    from omptool.cli.opening import open_capture
    from omptool.cli.output import emit, refuse_existing

    if output is not None:
        refuse_existing(output, force=force)
    model = settings.plant(plant)
    zone = settings.zone_name(tz, model)
    window = narrow.window(start, end, zone)
    opened = open_capture(capture)
    servers = narrow.servers(opened, server)
    wanted = rowfilter.Filter(view, *window, narrow.nodes(opened, select, servers) if select else None, servers)
    schema, batches = _read(opened, view, model)
    _say_state(opened, view, capture)
    left = emit(rowfilter.stream(schema, batches, wanted, limit), format=format, output=output, force=force, tz=zone)
    noderows.say_kept(opened.kept)
    return ExitCode.PARTIAL if left else ExitCode.OK


def _read(capture: Capture, view: View, plant: PlantModel | None) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    from omptool.capture import view as views
    from omptool.model.contracts import VIEWS

    schema = VIEWS[view]
    if view is View.TELEMETRY:
        return schema, views.telemetry(capture, plant=plant)
    if view in (View.NODES, View.EVENTS):
        table = getattr(views, view)(capture, plant=plant)
    else:
        table = getattr(views, view)(capture)
    return schema, iter(table.to_batches())


def _say_state(capture: Capture, view: View, path: Path) -> None:
    """Loss is said, not raised."""
    from omptool.sources.source import describe_gaps

    if view is View.GAPS:
        return
    if capture.damage:
        diagnostics.note(f"note: {path} is damaged; what is intact follows", f"omptool verify {typed(path)}")
        return
    reasons: dict[str, int] = {}
    for gap in capture.gaps()["reason"].to_pylist():
        reasons[gap] = reasons.get(gap, 0) + 1
    if reasons:
        diagnostics.note(f"note: {describe_gaps(str(path), reasons)}")
