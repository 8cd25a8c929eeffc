"""From what a user wants to see to the nodes that are it: crawl, narrow down, and ask about those that are left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from omptool.errors import ServerRefused
from omptool.model import path as paths
from omptool.model import status
from omptool.model.nodes import Node
from omptool.model.typetree import names_of_types, types_used
from omptool.opcua.around import look_around
from omptool.opcua.crawl import crawl
from omptool.opcua.equipment import with_equipment
from omptool.opcua.locate import is_node_id, resolve
from omptool.opcua.metadata import describe
from omptool.opcua.survey import Wanted, in_tree_order, narrow
from omptool.opcua.type_tree import types_above

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
        types: types of the nodes in `shown` and what is above them, where somebody asked.
    """

    shown: list[Node]
    known: list[Node]
    above: list[Node] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    types: list[Node] = field(default_factory=list)


async def explore(
    session: Session,
    *,
    root: str | None = None,
    depth: int | None = None,
    wanted: Wanted | None = None,
    with_types: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Explored:
    """Crawl below `root` (a path or a NodeId) and keep what is wanted.

    Args:
        with_types: ask for the types of the nodes and what is above them, also when nobody narrows by type.

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
    chosen = narrow(ordered, wanted.of_names, {})
    described = await describe(session, chosen, among=ordered)
    types = await types_above(session, types_used(described)) if wanted.types or with_types else []
    described = narrow(described, wanted.of_descriptions, names_of_types(types))
    return Explored(described, ordered, above, refused, types)
