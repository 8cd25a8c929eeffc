"""`omptool diff`: what changed between two address spaces, of servers, snapshots or captures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.cli import diagnostics, settings, terminal
from omptool.cli.access import NOTHING, Access
from omptool.cli.exits import ExitCode
from omptool.cli.grouping import grouped
from omptool.cli.options import (
    ConfigOption,
    ForceOption,
    FormatOption,
    OutputOption,
    ProgressMode,
    ProgressOption,
    SelectOption,
    TimeoutOption,
)
from omptool.cli.output import Rows, choose_format, emit, print_text, refuse_existing
from omptool.cli.signals import run_async
from omptool.errors import NotFound, UsageError

if TYPE_CHECKING:
    from omptool.config import Config
    from omptool.model.nodediff import Change
    from omptool.model.nodes import Node
    from omptool.model.path import Glob

COLUMNS = ("change", "path", "node_id", "node_class", "field", "before", "after")
_SERVER_OBJECT = "i=2253"


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two address spaces.

    Attributes:
        missing: nodes of which nobody knows what is below them.
        is_nodeset: a NodeSet2 file.
    """

    label: str
    nodes: list[Node]
    missing: int = 0
    is_nodeset: bool = False


@grouped
def diff(
    before: Annotated[
        str, typer.Argument(help="Server, snapshot (browse --save) or capture, as it was.", metavar="BEFORE")
    ],
    after: Annotated[str, typer.Argument(help="The same, as it is now.", metavar="AFTER")],
    select: SelectOption = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore",
            help="Leave out: added, removed, moved, renumbered, retyped, re-united, changed; repeatable.",
            metavar="KIND",
        ),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Compare the Server object too.")] = False,
    access: Access = NOTHING,
    timeout: TimeoutOption = None,
    config: ConfigOption = None,
    progress: ProgressOption = ProgressMode.AUTO,
    format: FormatOption = None,
    output: OutputOption = None,
    force: ForceOption = False,
) -> ExitCode:
    """Say what changed between two address spaces: nodes, NodeIds, paths, types, units, ranges.

    Exit code 6: they differ, 0: they do not. A node with another NodeId at the same path is renumbered. What is below
    the Server object changes with every session and is left out.

    \b
    Examples:
      omptool diff press7-monday.parquet press7
      omptool diff press7 press8 --ignore renumbered --select '**/Axis*/**'
      omptool diff old.omcap new.omcap --format csv -o changes.csv
    """
    from omptool.model.nodediff import KINDS, compare

    loaded = settings.load(config)
    if output is not None and str(output) != "-":
        refuse_existing(output, force=force)
    for kind in ignore or ():
        if kind not in KINDS:
            raise UsageError(f"--ignore {kind}: there is no such change", "one of " + ", ".join(KINDS))
    globs = _globs(select)
    access.check_for(sum(_is_server(text, loaded) for text in (before, after)))

    async def work() -> ExitCode:
        sides = [
            _stored(text, loaded) or await _asked(text, loaded, access, timeout, progress) for text in (before, after)
        ]
        is_nodeset = any(side.is_nodeset for side in sides)  # which leaves namespace 0 to the standard
        old, new = [_kept(side, globs, with_server=all_, own_only=is_nodeset) for side in sides]
        if globs and not old.nodes and not new.nodes:
            raise _nothing(globs[0].pattern, sides)
        changes = compare(old.nodes, new.nodes, ignore=ignore or ())
        if format is None and output is None and choose_format(None, None) == "table":
            print_text(_tree(old, new, changes))
        else:
            rows = [
                (c.kind, c.node.path, c.node.node_id, c.node.node_class, c.field, c.before, c.after) for c in changes
            ]
            emit(Rows(COLUMNS, rows), format=format, output=output, force=force)
        return _verdict(old, new, changes)

    return run_async(work)


def _globs(select: Sequence[str] | None) -> list[Glob]:
    from omptool.model.path import Glob

    return [Glob(pattern) for pattern in select or ()]


def _is_server(text: str, loaded: Config) -> bool:
    return text in loaded.servers or "://" in text


def _stored(text: str, loaded: Config) -> Side | None:
    """What a file or a folder holds; None for a server."""
    from omptool.sources import snapshot

    if _is_server(text, loaded):
        return None
    path = Path(text)
    if snapshot.is_snapshot(text):
        saved = snapshot.read(path)
        return Side(text, saved.nodes, len(saved.missing), path.suffix.lower() == ".xml")
    return _captured(path) if path.is_dir() else None


async def _asked(text: str, loaded: Config, access: Access, timeout_s: float | None, progress: ProgressMode) -> Side:
    from omptool.opcua.exploring.explore import explore
    from omptool.opcua.subscribing.lasting import lasting

    chosen = settings.server(loaded, text, access)
    with diagnostics.Progress(progress.value) as bar:
        bar.update([f"connecting to {chosen.url}"])
        async with lasting(chosen, timeout_s=timeout_s) as session:
            found = await explore(
                session, on_progress=lambda count: bar.update([f"{text}: {count:,} nodes"], {"nodes": count})
            )
    return Side(text, found.shown, len(found.refused))


def _captured(path: Path) -> Side:
    """The nodes of a capture as its last tables have them."""
    from omptool.cli.opening import open_capture

    nodes: dict[str, tuple[int, Node]] = {}
    servers = set()
    for entry in open_capture(path).nodes():
        servers.add(entry.server)
        known = nodes.get(entry.node.node_id)
        if known is None or known[0] <= entry.valid_from:
            nodes[entry.node.node_id] = (entry.valid_from, entry.node)
    if len(servers) > 1:
        raise UsageError(f"{path} holds {len(servers)} servers", "compare captures of one server")
    return Side(str(path), [node for _, node in nodes.values()])


def _kept(side: Side, globs: Sequence[Glob], *, with_server: bool, own_only: bool) -> Side:
    """The nodes to compare; none where everything that is meant was added or removed."""
    from dataclasses import replace

    nodes = [
        node
        for node in side.nodes
        if node.path
        and (with_server or not (node.node_id == _SERVER_OBJECT or node.path.startswith("Server/")))
        and (node.node_id.startswith("nsu=") or not own_only)
        and (not globs or any(glob.matches(node.path) for glob in globs))
    ]
    return replace(side, nodes=nodes)


def _nothing(pattern: str, sides: Sequence[Side]) -> NotFound:
    from omptool.model.nearest import glob_hint

    counted = " and ".join(
        f"{len(side.nodes):,} {'node' if len(side.nodes) == 1 else 'nodes'} of {side.label}" for side in sides
    )
    paths = list(dict.fromkeys(node.path for side in sides for node in side.nodes))
    return NotFound(f"--select {pattern!r} matches none of {counted}", glob_hint(pattern, paths))


def _verdict(old: Side, new: Side, changes: Sequence[Change]) -> ExitCode:
    for side in (old, new):
        if side.missing:
            noun = "node" if side.missing == 1 else "nodes"
            diagnostics.note(f"note: {side.label} is not whole: what is below {side.missing:,} {noun} is missing")
    if changes:
        return ExitCode.DIFFERENT
    diagnostics.note(f"no difference in {len(new.nodes):,} nodes")
    return ExitCode.PARTIAL if old.missing or new.missing else ExitCode.OK


def _tree(old: Side, new: Side, changes: Sequence[Change]) -> str:
    import sys

    from omptool.cli import tree
    from omptool.model.nodediff import counts, topmost
    from omptool.opcua.exploring.survey import in_tree_order

    known = {node.node_id: node for node in (*old.nodes, *new.nodes)}
    said: dict[str, list[str]] = {}
    for change, below in topmost(changes):
        said.setdefault(change.node.node_id, []).append(_words(change, below))
    marked = [node for node in in_tree_order(list(known.values())) if node.node_id in said]
    lines = tree.lines(
        marked,
        list(known.values()),
        lambda node: ("", terminal.escape("; ".join(said[node.node_id]))),
        is_narrowed=True,
    )
    summary = ", ".join(f"{count:,} {kind}" for kind, count in counts(changes).items()) or "no difference"
    head = terminal.style(terminal.escape(f"{old.label} → {new.label}  {summary}"), "bold", sys.stdout)
    return "\n".join([head, *(lines if changes else [])]) + "\n"


def _words(change: Change, below: int) -> str:
    """What happened to a node, in a few words."""
    more = f" with {below:,} below" if below else ""
    if not change.field:
        return change.kind + more
    if change.kind == "moved":
        return f"moved from {change.before}{more}"
    return f"{change.kind}: {change.field} {change.before or '(none)'} → {change.after or '(none)'}"
