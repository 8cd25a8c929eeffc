"""Which nodes `read` is about: those that were named, and those that --select matches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from omptool.cli import diagnostics

if TYPE_CHECKING:
    from omptool.errors import OmptoolError
    from omptool.model.nodes import Node
    from omptool.opcua.session import Session
    from omptool.protocol.wire import WireNodeId


@dataclass(frozen=True, slots=True)
class Chosen:
    """Nodes with everything the server says about them.

    Attributes:
        named: those of the arguments; `selected` the Variables that a glob matches, the others left out.
        context: nodes above and beside, which say where they stand.
        problems: arguments that lead nowhere.
        refused: NodeId → StatusCode of nodes below which a glob may match more.
    """

    named: list[Node] = field(default_factory=list)
    selected: list[Node] = field(default_factory=list)
    context: list[Node] = field(default_factory=list)
    problems: list[OmptoolError] = field(default_factory=list)
    refused: Mapping[str, int] = field(default_factory=dict)

    @property
    def nodes(self) -> list[Node]:
        return [*self.named, *self.selected]


async def choose(session: Session, texts: Sequence[str], globs: Sequence[str]) -> Chosen:
    """Find them.

    Raises:
        NotFound: a glob matches nothing, or no Variable.
    """
    from omptool.opcua.exploring.around import look_around

    found, problems = await _resolve(session, texts)
    around = await look_around(session, found)
    if not globs:
        return Chosen(around.nodes, [], around.context, problems)
    from omptool.errors import NotFound
    from omptool.opcua.exploring.explore import explore
    from omptool.opcua.exploring.survey import Wanted

    explored = await explore(session, wanted=Wanted(tuple(globs)))
    named = {node.node_id for node in around.nodes}
    variables = [node for node in explored.shown if node.node_class == "Variable"]
    if not variables:
        listed = " ".join(repr(glob) for glob in globs)
        raise NotFound(
            f"--select {listed} matches {len(explored.shown):,} nodes, and no Variable",
            f"what is below them:  --select '{globs[0]}/**'",
        )
    selected = [node for node in variables if node.node_id not in named]
    context = {node.node_id: node for node in (*explored.known, *around.context)}
    return Chosen(around.nodes, selected, list(context.values()), problems, explored.refused)


async def _resolve(session: Session, texts: Sequence[str]) -> tuple[list[WireNodeId], list[OmptoolError]]:
    """The nodes that the arguments name; a path that leads nowhere leaves the others alone."""
    from omptool.errors import NotFound
    from omptool.opcua.exploring.locate import resolve

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
    return list(found), problems


async def absent(session: Session, node: Node, code: int) -> OmptoolError:
    """Why there is nothing to read of a node, with what to type instead."""
    from omptool.errors import NotFound
    from omptool.model import status
    from omptool.model.nearest import nearest
    from omptool.opcua.exploring.crawl import crawl

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
