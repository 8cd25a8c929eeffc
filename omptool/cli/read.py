"""`omptool read`: values of named nodes, current ones or those that the server kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics, settings, terminal, wholeness
from omptool.cli.access import NOTHING, Access
from omptool.cli.exits import ExitCode
from omptool.cli.grouping import grouped
from omptool.cli.options import (
    ConfigOption,
    EndOption,
    ForceOption,
    FormatOption,
    OutputOption,
    PlantOption,
    ProgressMode,
    ProgressOption,
    SelectOption,
    StartOption,
    TimeoutOption,
    TzOption,
)
from omptool.cli.output import Rows, choose_format, emit, refuse_existing
from omptool.cli.shortvalue import short_value
from omptool.cli.signals import run_async
from omptool.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from omptool.capture.nodetable import ServerIdentity
    from omptool.cli.read_nodes import Chosen
    from omptool.model.nodes import Node
    from omptool.model.plant import PlantModel
    from omptool.opcua.session import Session

SHOWN = ("path", "value", "status_name", "time", "type")
OF_THE_PAST = ("time", "path", "value", "status_name", "type")
"""What a person looks at."""


@grouped
def read(
    server: Annotated[str, typer.Argument(help="opc.tcp://HOST:PORT, or a name from omptool.toml.", metavar="SERVER")],
    nodes: Annotated[list[str] | None, typer.Argument(help="Paths or NodeIds.", metavar="[NODE]...")] = None,
    select: SelectOption = None,
    history: Annotated[
        bool, typer.Option("--history", help="Values that the server kept, not the current ones.")
    ] = False,
    start: StartOption = None,
    end: EndOption = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            "-n",
            help="At most so many values of each node; without --start the newest, the last one first.",
            metavar="N",
            min=1,
        ),
    ] = None,
    bounds: Annotated[bool, typer.Option("--bounds", help="Also the values just beside the window.")] = False,
    aggregate: Annotated[
        str | None,
        typer.Option("--aggregate", help="Have the server compute this: Average, Maximum, Count, …", metavar="NAME"),
    ] = None,
    every: Annotated[
        str | None,
        typer.Option(
            "--every", help="One value of --aggregate per 10s, 1h, … Default: one in all.", metavar="DURATION"
        ),
    ] = None,
    plant: PlantOption = None,
    access: Access = NOTHING,
    timeout: TimeoutOption = None,
    config: ConfigOption = None,
    tz: TzOption = None,
    progress: ProgressOption = ProgressMode.AUTO,
    format: FormatOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
) -> ExitCode:
    """Read the current values of nodes, or those that the server kept, with status and both times.

    A NODE is a path as browse shows it, or a NodeId: nsu=URI;s=NAME, ns=2;i=5, i=2258. What the server does not have is
    said on stderr; the others are still read, and the exit code is 1.

    With --history the values of the past: the last hour unless --start says otherwise, with --limit alone the newest.
    A history that is not whole is said, and the exit code is 3.

    \b
    Examples:
      omptool read opc.tcp://10.1.4.7:4840 Leipzig/Hall2/Line1/Press7/Speed
      omptool read press7 i=2258 --format json
      omptool read press7 'nsu=urn:plant;s=Press7.Speed' 'nsu=urn:plant;s=Press7.State'
      omptool read press7 --select '**/Temperature*' --history --start -8h -o temperatures.parquet
      omptool read press7 Line1/Press7/Speed --history --start today --aggregate Average --every 10m
    """  # fmt: skip
    chosen = settings.server(settings.load(config), server, access)
    _check(nodes, select)
    if output is not None and str(output) != "-":
        refuse_existing(output, force=force)
    model = settings.plant(plant)
    zone = settings.zone_name(tz, model)
    from omptool.cli import read_history

    if history:
        wanted = read_history.window(
            start, end, limit=limit, bounds=bounds, aggregate=aggregate, every=every, zone=zone
        )
    else:
        read_history.unwanted(start, end, zone, limit=limit, bounds=bounds, aggregate=aggregate, every=every)
        wanted = None
    form = _Form(format, output, force, zone)

    async def work() -> ExitCode:
        from omptool.capture.nodetable import ServerIdentity
        from omptool.cli.read_nodes import choose
        from omptool.opcua.reaching import reach

        async with reach(chosen, timeout_s=timeout) as session:
            found = await choose(session, nodes or (), select or ())
            identity = ServerIdentity.of(chosen, session)
            if wanted is None:
                return await _now(session, identity, found, model, form)
            with diagnostics.Progress(form.beside(progress)) as bar:
                code = await read_history.read(session, identity, found, wanted, model, form.history, bar)
        partial = wholeness.say(found.refused)
        for problem in found.problems:
            diagnostics.error(problem.message, problem.hint)
        return ExitCode.FAILED if found.problems else code or partial

    return run_async(work)


def _check(nodes: list[str] | None, select: list[str] | None) -> None:
    """Find what is malformed before anyone connects."""
    from omptool.model.path import Glob
    from omptool.opcua.exploring import locate

    if not nodes and not select:
        raise UsageError(
            "no node is named", "name one, as  Line1/Press7/Speed  or  i=2258,  or several by  --select '**/Speed'"
        )
    for text in nodes or ():
        locate.check(text)
    for pattern in select or ():
        Glob(pattern)


async def _now(
    session: Session, identity: ServerIdentity, found: Chosen, model: PlantModel | None, form: _Form
) -> ExitCode:
    from omptool.cli import noderows
    from omptool.cli.read_nodes import absent

    rows = await noderows.read_telemetry(session, identity, found.nodes, found.context, model)
    present, missing = _without_value(rows, found.nodes)
    problems = [*found.problems, *[await absent(session, node, code) for node, code in missing]]
    table = noderows.with_status_name(rows.filter(present))
    if len(table):
        form.current(table)
    partial = wholeness.say(found.refused)
    for problem in problems:
        diagnostics.error(problem.message, problem.hint)
    return ExitCode.FAILED if problems else partial


@dataclass(frozen=True, slots=True)
class _Form:
    """How rows are written."""

    format: str | None
    output: Path | None
    force: bool
    tz: str | None

    def current(self, rows: pa.Table) -> None:
        if self._is_for_people:
            emit(Rows(SHOWN, _shown(rows.to_batches())), tz=self.tz)
        else:
            emit(rows, format=self.format, output=self.output, force=self.force, tz=self.tz)

    def history(self, rows: pa.RecordBatchReader) -> None:
        if self._is_for_people:
            moved = ((row[3], *row[:3], *row[4:]) for row in _shown(rows))
            if (first := next(moved, None)) is not None:
                emit(Rows(OF_THE_PAST, chain([first], moved)), tz=self.tz)
        else:
            emit(rows, format=self.format, output=self.output, force=self.force, tz=self.tz)

    def beside(self, progress: ProgressMode) -> str:
        """How progress is shown while rows are written: never drawn among rows on the same terminal."""
        is_drawn = progress is ProgressMode.AUTO and self.output is None and terminal.stdout_is_terminal()
        return ProgressMode.NONE.value if is_drawn else progress.value

    @property
    def _is_for_people(self) -> bool:
        return self.format is None and self.output is None and choose_format(None, None) == "table"


_CELLS = ("path", "node_id", "type", "value", "value_exact", "value_text", "value_list", "unit", "status_name", "time")


def _shown(batches: Iterable[pa.RecordBatch]) -> Iterator[tuple[object, ...]]:
    """Cells of `SHOWN`."""
    for batch in batches:
        columns = (batch.column(name).to_pylist() for name in _CELLS)
        for path, node_id, kind, value, exact, text, listed, unit, status_name, moment in zip(*columns, strict=True):
            shown = short_value(kind, value, exact, text, listed, unit)
            yield path or node_id, shown, status_name, moment, kind


def _without_value(rows: pa.RecordBatch, nodes: list[Node]) -> tuple[pa.Array, list[tuple[Node, int]]]:
    """Which rows are answers, and the nodes that cannot have one, with the StatusCode that says why."""
    import pyarrow as pa

    from omptool.model import status

    no_answer = {status.code_of(name) for name in ("BadNodeIdUnknown", "BadNodeIdInvalid", "BadAttributeIdInvalid")}
    codes = rows.column("status").to_pylist()
    present = pa.array([code not in no_answer for code in codes], pa.bool_())
    return present, [(node, code) for node, code in zip(nodes, codes, strict=True) if code in no_answer]
