"""`omptool read`: current values of named nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics, settings
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
    SecurityOption,
    TimeoutOption,
    TrustFirstOption,
    TzOption,
    UserCertificateOption,
    UserKeyOption,
    UserOption,
)
from omptool.cli.output import Rows, choose_format, emit, refuse_existing
from omptool.cli.shortvalue import short_value
from omptool.cli.signals import run_async

if TYPE_CHECKING:
    import pyarrow as pa

    from omptool.errors import OmptoolError
    from omptool.model.nodes import Node
    from omptool.opcua.session import Session
    from omptool.protocol.wire import WireNodeId

SHOWN = ("path", "value", "status_name", "time", "type")
"""What a person looks at."""


def read(
    server: Annotated[str, typer.Argument(help="opc.tcp://HOST:PORT, or a name from omptool.toml.", metavar="SERVER")],
    nodes: Annotated[list[str], typer.Argument(help="Paths or NodeIds.", metavar="NODE")],
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
    tz: TzOption = None,
    format: FormatOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
) -> ExitCode:
    """Read the current values of nodes, with status and both times.

    A NODE is a path as browse shows it, or a NodeId: nsu=URI;s=NAME, ns=2;i=5, i=2258. What the server does not have is
    said on stderr; the others are still read, and the exit code is 1.

    \b
    Examples:
      omptool read opc.tcp://10.1.4.7:4840 Leipzig/Hall2/Line1/Press7/Speed
      omptool read press7 i=2258 --format json
      omptool read press7 'nsu=urn:plant;s=Press7.Speed' 'nsu=urn:plant;s=Press7.State'
    """
    access = Access(security, user, password_file, user_certificate, user_key, accept, trust_first)
    chosen = settings.server(settings.load(config), server, access)
    from omptool.opcua import locate

    for text in nodes:
        locate.check(text)
    if output is not None and str(output) != "-":
        refuse_existing(output, force=force)
    model = settings.plant(plant)
    zone = settings.zone_name(tz, model)

    async def work() -> ExitCode:
        from omptool.capture.nodetable import ServerIdentity
        from omptool.cli import noderows
        from omptool.opcua.around import look_around
        from omptool.opcua.session import connect

        async with connect(chosen, timeout_s=timeout) as session:
            asked = await _resolve(session, nodes)
            around = await look_around(session, asked.nodes)
            identity = ServerIdentity.of(chosen, session)
            rows = await noderows.read_telemetry(session, identity, around.nodes, around.context, model)
            present, absent = _without_value(rows, around.nodes)
            problems = [*asked.problems, *[await _absent(session, node, code) for node, code in absent]]
        table = noderows.with_status_name(rows.filter(present))
        if len(table) and format is None and output is None and choose_format(format, output) == "table":
            emit(_shown(table), tz=zone)
        elif len(table):
            emit(table, format=format, output=output, force=force, tz=zone)
        for problem in problems:
            diagnostics.error(problem.message, problem.hint)
        return ExitCode.FAILED if problems else ExitCode.OK

    return run_async(work)


@dataclass(frozen=True, slots=True)
class _Asked:
    nodes: list[WireNodeId]
    problems: list[OmptoolError]


async def _resolve(session: Session, texts: list[str]) -> _Asked:
    """The nodes that the arguments name; a path that leads nowhere leaves the others alone."""
    from omptool.errors import NotFound
    from omptool.opcua.locate import resolve

    found: dict[WireNodeId, None] = {}
    problems: list[OmptoolError] = []
    for text in texts:
        try:
            nodes = await resolve(session, text)
        except NotFound as error:
            problems.append(error)
            continue
        if text.startswith("ns=") and (known_as := nodes[0].to_text(session.namespaces)) != text:
            diagnostics.note(f"note: {text} is {known_as} today; a namespace index may change when the server restarts")
        found |= dict.fromkeys(nodes)
    return _Asked(list(found), problems)


def _shown(table: pa.Table) -> Rows:
    names = (
        "path",
        "node_id",
        "type",
        "value",
        "value_exact",
        "value_text",
        "value_list",
        "unit",
        "status_name",
        "time",
    )
    return Rows(
        SHOWN,
        [
            (path or node_id, short_value(kind, value, exact, text, listed, unit), status_name, moment, kind)
            for path, node_id, kind, value, exact, text, listed, unit, status_name, moment in zip(
                *(table.column(name).to_pylist() for name in names), strict=True
            )
        ],
    )


def _without_value(rows: pa.RecordBatch, nodes: list[Node]) -> tuple[pa.Array, list[tuple[Node, int]]]:
    """Which rows are answers, and the nodes that cannot have one, with the StatusCode that says why."""
    import pyarrow as pa

    from omptool.model import status

    no_answer = {status.code_of(name) for name in ("BadNodeIdUnknown", "BadNodeIdInvalid", "BadAttributeIdInvalid")}
    codes = rows.column("status").to_pylist()
    present = pa.array([code not in no_answer for code in codes], pa.bool_())
    return present, [(node, code) for node, code in zip(nodes, codes, strict=True) if code in no_answer]


async def _absent(session: Session, node: Node, code: int) -> OmptoolError:
    from omptool.errors import NotFound
    from omptool.model import status
    from omptool.model.nearest import nearest
    from omptool.opcua.crawl import crawl

    if node.node_class not in ("", "Variable", "VariableType") and status.name(code) == "BadAttributeIdInvalid":
        place = node.path or node.node_id
        article = "an" if node.node_class[0] in "AEIOU" else "a"
        return NotFound(
            f"{place} is {article} {node.node_class} and has no value",
            f"read what is below it:  omptool browse {session.url} --root '{node.path or node.node_id}' --values",
        )
    near = nearest(node.node_id, [known.node_id for known in await crawl(session)])
    look = f"see what is there:  omptool browse {session.url}"
    hint = "\n".join(["nearest:", *(f"  {node_id}" for node_id in near)]) if near else look
    return NotFound(f"{session.url} has no node {node.node_id} ({status.name(code)})", hint)
