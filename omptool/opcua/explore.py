"""From what a user wants to see to the nodes that are it: crawl, narrow down, and ask about those that are left."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from omptool.errors import ServerRefused
from omptool.model import path as paths
from omptool.model import status
from omptool.model.nodes import Node
from omptool.opcua.around import look_around
from omptool.opcua.crawl import crawl
from omptool.opcua.equipment import with_equipment
from omptool.opcua.locate import is_node_id, resolve
from omptool.opcua.metadata import BROWSE_NAME, describe, read_attribute
from omptool.opcua.survey import Wanted, in_tree_order, narrow
from omptool.protocol.wire import WireNodeId

if TYPE_CHECKING:
    from omptool.opcua.session import Session


@dataclass(frozen=True, slots=True)
class Explored:
    """What was found.

    Attributes:
        shown: the wanted nodes in tree order, with everything the server says about them.
        known: every node that was crawled; attributes only of those in `shown`.
        above: nodes on the way to the root and beside it, when one was named; places need them.
        refused: NodeId → StatusCode of nodes whose references the server would not give.
    """

    shown: list[Node]
    known: list[Node]
    above: list[Node] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)


async def explore(
    session: Session,
    *,
    root: str | None = None,
    depth: int | None = None,
    wanted: Wanted | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> Explored:
    """Crawl below `root` (a path or a NodeId) and keep what is wanted.

    Raises:
        NotFound: `root` is not there, or nothing matches.
        UsageError: a malformed root, glob or class.
    """
    wanted = wanted or Wanted()
    roots = [] if root is None else await resolve(session, root)
    above = (await look_around(session, roots)).context if roots else []
    starts: list[str | None] = [node.to_text(session.namespaces) for node in roots] or [None]
    refused: dict[str, int] = {}
    known: dict[str, Node] = {}
    names = () if root is None or is_node_id(root) else paths.split(root)
    for start in starts:
        found = await crawl(
            session, root=start, names=names, depth=depth, on_progress=on_progress, on_problem=refused.__setitem__
        )
        known |= {node.node_id: node for node in found if node.node_id not in known}
    if refused and not known:
        why = status.name(next(iter(refused.values())))
        raise ServerRefused(f"{session.url} does not let this user browse ({why})")
    ordered = in_tree_order(list(known.values()))
    ordered = await with_equipment(session, ordered, ordered)
    chosen = narrow(ordered, Wanted(wanted.globs, wanted.classes), {})
    described = await describe(session, chosen, among=ordered)
    if wanted.types:
        described = narrow(described, Wanted(types=wanted.types), await _type_names(session, described))
    return Explored(described, ordered, above, refused)


async def _type_names(session: Session, nodes: Sequence[Node]) -> Mapping[str, str]:
    """NodeId → name of every DataType and type definition of `nodes`."""
    names = {node.data_type_id: node.data_type for node in nodes if node.data_type_id and node.data_type}
    definitions = list(dict.fromkeys(node.type_definition for node in nodes if node.type_definition))
    wires = [WireNodeId(*session.resolve(definition)) for definition in definitions]
    for definition, name in zip(definitions, await read_attribute(session, wires, BROWSE_NAME), strict=True):
        if name is not None:
            names[definition] = name.Name
    return names
