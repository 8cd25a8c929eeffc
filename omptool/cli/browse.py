"""`omptool browse`: every node below Objects, as a tree or as rows."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics, settings, terminal
from omptool.cli.access import Access
from omptool.cli.exits import ExitCode
from omptool.cli.options import (
    AcceptOption,
    ConfigOption,
    ForceOption,
    FormatOption,
    OutputOption,
    PasswordFileOption,
    PlantOption,
    ProgressMode,
    ProgressOption,
    SecurityOption,
    SelectOption,
    TimeoutOption,
    TrustFirstOption,
    UserCertificateOption,
    UserKeyOption,
    UserOption,
)
from omptool.cli.output import choose_format, emit, print_text, refuse_existing
from omptool.cli.signals import run_async

if TYPE_CHECKING:
    import pyarrow as pa

    from omptool.config import ServerConfig
    from omptool.model.plant import PlantModel
    from omptool.opcua.explore import Explored
    from omptool.opcua.survey import Wanted


@dataclass(frozen=True, slots=True)
class Asked:
    """What the user asked for, apart from the form of the answer."""

    root: str | None
    depth: int | None
    wanted: Wanted
    values: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found.

    Attributes:
        table: a row per node to show.
        values: telemetry rows of those with a value; None when values were not asked for.
        seconds: how long the server took.
        security: SecurityPolicy and mode of the channel.
    """

    explored: Explored
    table: pa.Table
    values: pa.RecordBatch | None
    seconds: float
    security: tuple[str, str]


def browse(
    server: Annotated[str, typer.Argument(help="opc.tcp://HOST:PORT, or a name from omptool.toml.", metavar="SERVER")],
    root: Annotated[
        str | None, typer.Option("--root", help="Start below this node: a path or a NodeId.", metavar="NODE")
    ] = None,
    select: SelectOption = None,
    type_: Annotated[
        list[str] | None,
        typer.Option("--type", help="Only nodes of this DataType or type definition; repeatable.", metavar="NAME"),
    ] = None,
    class_: Annotated[
        list[str] | None,
        typer.Option(
            "--class", help="Only nodes of this NodeClass (Object, Variable, Method); repeatable.", metavar="NAME"
        ),
    ] = None,
    depth: Annotated[int | None, typer.Option("--depth", help="Only this many levels.", min=1, metavar="N")] = None,
    values: Annotated[bool, typer.Option("--values", help="Read the current values too.")] = False,
    plant: PlantOption = None,
    security: SecurityOption = None,
    user: UserOption = None,
    password_file: PasswordFileOption = None,
    user_certificate: UserCertificateOption = None,
    user_key: UserKeyOption = None,
    accept: AcceptOption = None,
    trust_first: TrustFirstOption = False,
    timeout: TimeoutOption = None,
    config: ConfigOption = None,
    progress: ProgressOption = ProgressMode.AUTO,
    format: FormatOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
) -> ExitCode:
    """List every node below Objects with its type, unit, range and place in the plant.

    A tree on a terminal, rows in a pipe. Paths are browse names joined by "/"; in globs * stands for anything within
    one name, ** for any number of names.

    \b
    Examples:
      omptool browse opc.tcp://10.1.4.7:4840
      omptool browse press7 --select '**/Temperature*' --values
      omptool browse press7 --class Variable --format csv -o tags.csv
      omptool browse press7 --root Leipzig/Hall2 --depth 2
    """
    from omptool.opcua.survey import Wanted

    access = Access(security, user, password_file, user_certificate, user_key, accept, trust_first)
    chosen = settings.server(settings.load(config), server, access)
    if output is not None and str(output) != "-":
        refuse_existing(output, force=force)  # before a long crawl, not after
    asked = Asked(root, depth, Wanted(tuple(select or ()), tuple(class_ or ()), tuple(type_ or ())), values)
    asked.wanted.check()
    if root is not None:
        from omptool.opcua import locate

        locate.check(root)
    model = settings.plant(plant)

    async def work() -> ExitCode:
        answer = await _ask(chosen, asked, model, timeout, progress)
        _say_refused(answer.explored)
        if format is None and choose_format(format, output) == "table" and output is None:
            print_text(_tree(answer, chosen, asked))
        else:
            emit(answer.table, format=format, output=output, force=force)
        return ExitCode.OK

    return run_async(work)


async def _ask(
    chosen: ServerConfig, asked: Asked, model: PlantModel | None, timeout_s: float | None, progress: ProgressMode
) -> Answer:
    from omptool.capture.nodetable import ServerIdentity
    from omptool.cli import noderows
    from omptool.opcua.explore import explore
    from omptool.opcua.session import connect

    started = time.monotonic()
    with diagnostics.Progress(progress.value) as bar:
        bar.update([f"connecting to {chosen.url}"])
        async with connect(chosen, timeout_s=timeout_s) as session:
            explored = await explore(
                session,
                root=asked.root,
                depth=asked.depth,
                wanted=asked.wanted,
                on_progress=lambda count: bar.update([f"{count:,} nodes"], {"nodes": count}),
            )
            identity = ServerIdentity.of(chosen, session)
            values = await noderows.read(session, identity, explored, model) if asked.values else None
    table = noderows.table(explored, identity, model, values)
    return Answer(explored, table, values, time.monotonic() - started, session.security)


def _say_refused(explored: Explored) -> None:
    from omptool.model import status

    if explored.refused:
        node_id, code = next(iter(explored.refused.items()))
        diagnostics.note(
            f"note: {len(explored.refused)} nodes cannot be browsed, first {node_id} ({status.name(code)})"
        )


def _tree(answer: Answer, chosen: ServerConfig, asked: Asked) -> str:
    import sys

    from omptool.cli import tree

    explored = answer.explored
    total = sum(node.node_class == "Variable" for node in explored.known)
    count = sum(node.node_class == "Variable" for node in explored.shown)
    variables = f"{count:,} of {total:,} variables" if asked.wanted else f"{total:,} variables"
    name = f"{chosen.name}  {chosen.url}" if chosen.name else chosen.url
    security = "no security" if answer.security[1] == "None" else " ".join(answer.security)
    head = f"{terminal.escape(name)}  {security}  {variables} · {answer.seconds:.1f} s"
    cells = tree.cells_of(answer.values)
    lines = tree.lines(
        explored.shown,
        explored.known,
        cells,
        root=asked.root or "Objects",
        is_narrowed=bool(asked.wanted) or asked.root is not None,
    )
    return "\n".join([terminal.style(head, "bold", sys.stdout), *lines]) + "\n"
