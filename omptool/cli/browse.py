"""`omptool browse`: every node below Objects, of a server or of a snapshot, as a tree or as rows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.capture.selecting.nodelist_write import Endpoint, ListFormat
from omptool.cli import diagnostics, settings, terminal, wholeness
from omptool.cli.access import NOTHING, Access
from omptool.cli.exits import ExitCode
from omptool.cli.grouping import grouped
from omptool.cli.options import (
    ConfigOption,
    ForceOption,
    FormatOption,
    OutputOption,
    PlantOption,
    ProgressMode,
    ProgressOption,
    SelectOption,
    TimeoutOption,
)
from omptool.cli.output import choose_format, emit, print_text, refuse_existing
from omptool.cli.signals import run_async
from omptool.errors import OmptoolError, Unreachable, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from omptool.capture.nodetable import ServerIdentity
    from omptool.config import ServerConfig
    from omptool.model.plant import PlantModel
    from omptool.opcua.exploring.explore import Explored
    from omptool.opcua.exploring.survey import Wanted
    from omptool.opcua.subscribing.lasting import LastingSession


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user asked for, apart from the form of the answer."""

    root: str | None
    depth: int | None
    wanted: Wanted
    values: bool
    save: Path | None
    form: ListFormat | None
    force: bool

    @property
    def is_narrowed(self) -> bool:
        return bool(self.wanted) or self.root is not None


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found.

    Attributes:
        source: the address, and how it was reached.
        table: a row per node to show.
        values: telemetry rows of those with a value; None when values were not asked for.
        seconds: how long it took.
        endpoint: the server, as configurations of other tools name it.
    """

    source: str
    explored: Explored
    table: pa.Table
    values: pa.RecordBatch | pa.Table | None
    seconds: float
    endpoint: Endpoint


@grouped
def browse(
    source: Annotated[
        str,
        typer.Argument(
            help="opc.tcp://HOST:PORT, a name from omptool.toml, or a file that --save wrote.",
            metavar="SERVER|SNAPSHOT",
        ),
    ],
    root: Annotated[
        str | None, typer.Option("--root", help="Start below this node: a path or a NodeId.", metavar="NODE")
    ] = None,
    select: SelectOption = None,
    regex: Annotated[
        list[str] | None,
        typer.Option("--regex", help="Only nodes in whose path this is found (Python's re); repeatable.", metavar="RE"),
    ] = None,
    type_: Annotated[
        list[str] | None,
        typer.Option(
            "--type",
            help="Only nodes of this DataType or type definition, or of one derived from it; repeatable.",
            metavar="NAME",
        ),
    ] = None,
    class_: Annotated[
        list[str] | None,
        typer.Option(
            "--class", help="Only nodes of this NodeClass (Object, Variable, Method); repeatable.", metavar="NAME"
        ),
    ] = None,
    namespace: Annotated[
        list[str] | None,
        typer.Option(
            "--namespace",
            help="Only nodes of this namespace: its URI, or a short name as DI; repeatable.",
            metavar="URI",
        ),
    ] = None,
    unit: Annotated[
        list[str] | None,
        typer.Option("--unit", help="Only Variables with this unit, as °C; repeatable.", metavar="UNIT"),
    ] = None,
    depth: Annotated[int | None, typer.Option("--depth", help="Only this many levels.", min=1, metavar="N")] = None,
    values: Annotated[bool, typer.Option("--values", help="Read the current values too.")] = False,
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            help="Keep everything that is found in FILE: .parquet, .json, .jsonl, .csv or .xml (NodeSet2).",
            metavar="FILE",
        ),
    ] = None,
    as_: Annotated[
        ListFormat | None,
        typer.Option("--as", help="Write the Variables shown as a configuration of OPC Publisher, Telegraf or UMH."),
    ] = None,
    plant: PlantOption = None,
    access: Access = NOTHING,
    timeout: TimeoutOption = None,
    config: ConfigOption = None,
    progress: ProgressOption = ProgressMode.AUTO,
    format: FormatOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
) -> ExitCode:
    """List every node below Objects with its type, unit, range and place in the plant.

    A tree on a terminal, rows in a pipe. Paths are browse names joined by "/"; in globs * stands for anything within
    one name, ** for any number of names. Options that narrow have to hold together; of a repeated one, any.

    \b
    Examples:
      omptool browse opc.tcp://10.1.4.7:4840
      omptool browse press7 --select '**/Temperature*' --values
      omptool browse press7 --class Variable --format csv -o tags.csv
      omptool browse press7 --type Number --unit °C --regex 'Press[0-9]+/'
      omptool browse press7 --save press7.parquet
      omptool browse press7.parquet --root Leipzig/Hall2 --depth 2
      omptool browse press7 --select 'Line1/**' --as publishednodes -o publishednodes.json
    """  # fmt: skip
    from omptool.opcua.exploring.survey import Wanted

    loaded = settings.load(config)
    if output is not None and str(output) != "-":
        refuse_existing(output, force=force)  # before a long crawl, not after
    wanted = Wanted(*(tuple(some or ()) for some in (select, regex, class_, namespace, type_, unit)))
    asked = Asked(root, depth, wanted, values, save, as_, force)
    _check(asked, format)
    model = settings.plant(plant)
    if source not in loaded.servers and _is_snapshot(source):
        access.check_for(0)
        return _show(_offline(Path(source), asked, model), asked, format, output)
    chosen = settings.server(loaded, source, access)

    async def work() -> ExitCode:
        return _show(await _ask(chosen, asked, model, timeout, progress), asked, format, output)

    return run_async(work)


def _check(asked: Asked, format: str | None) -> None:
    """Find what is malformed before anyone connects."""
    asked.wanted.check()
    if asked.form is not None and (format is not None or asked.values):
        flag = "--values" if asked.values else "--format"
        raise UsageError(f"--as {asked.form} has a form of its own, without values", f"leave out {flag} or --as")
    if asked.root is not None:
        from omptool.opcua.exploring import locate

        locate.check(asked.root)
    if asked.save is not None:
        from omptool.cli import snapshots

        snapshots.check(asked.save, force=asked.force)


def _is_snapshot(source: str) -> bool:
    from omptool.sources.snapshot import is_snapshot

    return is_snapshot(source)


def _show(answer: Answer, asked: Asked, format: str | None, output: Path | None) -> ExitCode:
    if asked.form is not None:
        from omptool.cli.bridge import emit_list

        emit_list(answer.table, asked.form, answer.endpoint, source=answer.source, output=output, force=asked.force)
    elif format is None and choose_format(format, output) == "table" and output is None:
        print_text(_tree(answer, asked))
    else:
        emit(answer.table, format=format, output=output, force=asked.force)
    return _say_refused(answer.explored)


def _offline(path: Path, asked: Asked, model: PlantModel | None) -> Answer:
    from omptool.cli import snapshots
    from omptool.sources import snapshot

    if asked.save is not None:
        raise UsageError("--save keeps what a server shows, and this is a snapshot", f"copy the file {path}")
    started = time.monotonic()
    saved = snapshot.read(path)
    explored = snapshots.find(saved, root=asked.root, depth=asked.depth, wanted=asked.wanted)
    table = snapshots.table(saved, explored, model, with_values=asked.values)
    values = snapshots.values_of(saved) if asked.values else None
    endpoint = Endpoint(saved.endpoint, saved.namespaces)
    return Answer(f"{saved.server}  {path}", explored, table, values, time.monotonic() - started, endpoint)


async def _ask(
    chosen: ServerConfig, asked: Asked, model: PlantModel | None, timeout_s: float | None, progress: ProgressMode
) -> Answer:
    import gc

    from omptool.capture.nodetable import ServerIdentity
    from omptool.cli import noderows, snapshots
    from omptool.model.typetree import names_of_types
    from omptool.opcua.exploring.explore import explore
    from omptool.opcua.exploring.survey import Wanted, narrow
    from omptool.opcua.subscribing.lasting import lasting

    started = time.monotonic()
    gc.freeze()  # what was imported stays: looking through it again and again costs a quarter of a large crawl
    is_saved = asked.save is not None
    with diagnostics.Progress(progress.value) as bar:
        bar.update([f"connecting to {chosen.url}"])
        rate = Rate(bar)
        async with lasting(chosen, timeout_s=timeout_s, on_loss=rate.lost) as session:
            explored = await explore(
                session,
                root=asked.root,
                depth=asked.depth,
                wanted=Wanted() if is_saved else asked.wanted,
                with_types=is_saved,
                with_links=asked.save is not None and asked.save.suffix.lower() == ".xml",
                keep=True,
                on_progress=rate,
            )
            identity = ServerIdentity.of(chosen, session)
            explored, values = await _values(session, identity, explored, model) if asked.values else (explored, None)
    if asked.save is not None:
        if explored.lost is not None and not explored.refused:
            raise explored.lost  # a file without types would pass for whole
        snapshots.save(asked.save, explored, identity, model, values, force=asked.force)
        from dataclasses import replace

        explored = replace(explored, shown=narrow(explored.shown, asked.wanted, names_of_types(explored.types)))
    table = noderows.table(explored, identity, model, values)
    name = f"{chosen.name}  {chosen.url}" if chosen.name else chosen.url
    protected = "no security" if session.security[1] == "None" else " ".join(session.security)
    endpoint = Endpoint(chosen.url, snapshots.namespaces_of(identity), is_secured=session.security[1] != "None")
    return Answer(f"{name}  {protected}", explored, table, values, time.monotonic() - started, endpoint)


async def _values(
    session: LastingSession, identity: ServerIdentity, explored: Explored, model: PlantModel | None
) -> tuple[Explored, pa.RecordBatch]:
    """Current values of the nodes shown; none of them when the connection is gone."""
    from dataclasses import replace

    from omptool.cli import noderows

    if explored.lost is None:
        try:
            return explored, await noderows.read(session, identity, explored, model)
        except Unreachable as error:
            explored = replace(explored, lost=error)
    return explored, await noderows.read(session, identity, replace(explored, shown=[]), model)


class Rate:
    """Shows how many nodes are known and how many come in a second."""

    def __init__(self, bar: diagnostics.Progress) -> None:
        self._bar = bar
        self._started = time.monotonic()

    def __call__(self, count: int) -> None:
        rate = round(count / max(time.monotonic() - self._started, 1e-3))
        self._bar.update([f"{count:,} nodes, {rate:,}/s"], {"nodes": count, "nodes_per_s": rate})

    def lost(self, error: OmptoolError) -> None:
        """The connection is gone, and is tried again."""
        self._bar.clear()
        diagnostics.note(f"note: {error.message}; trying again")


def _say_refused(explored: Explored) -> ExitCode:
    """A part of the tree is never passed off as the whole."""
    if explored.lost is not None:
        diagnostics.note(
            f"note: {explored.lost.message}: some or all types, units and values were not read", explored.lost.hint
        )
    code = wholeness.say(explored.refused)
    return code if explored.lost is None else ExitCode.PARTIAL


def _tree(answer: Answer, asked: Asked) -> str:
    import sys

    from omptool.cli import tree
    from omptool.model.companions import companions

    explored = answer.explored
    total = sum(node.node_class == "Variable" for node in explored.known)
    count = sum(node.node_class == "Variable" for node in explored.shown)
    variables = f"{count:,} of {total:,} variables" if asked.wanted else f"{total:,} variables"
    head = f"{terminal.escape(answer.source)}  {variables} · {answer.seconds:.1f} s"
    cells = tree.cells_of(answer.values)
    lines = tree.lines(
        explored.shown, explored.known, cells, root=asked.root or "Objects", is_narrowed=asked.is_narrowed
    )
    if named := companions(one for node in explored.shown for one in (node.node_id, node.type_definition or "")):
        lines.append("companion specifications: " + terminal.escape(", ".join(named)))
    return "\n".join([terminal.style(head, "bold", sys.stdout), *lines]) + "\n"
