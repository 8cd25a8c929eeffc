"""From what a user wants to see to the nodes that are it: crawl, narrow down, and ask about those that are left."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from omptool.errors import OmptoolError, ServerRefused, Unreachable
from omptool.model import path as paths
from omptool.model import status
from omptool.model.nodes import Node
from omptool.model.typetree import names_of_types, types_used
from omptool.opcua.exploring.around import look_around
from omptool.opcua.exploring.crawl import GONE, crawl
from omptool.opcua.exploring.equipment import with_equipment
from omptool.opcua.exploring.locate import is_node_id, resolve
from omptool.opcua.exploring.metadata import describe
from omptool.opcua.exploring.survey import Wanted, in_tree_order, narrow
from omptool.opcua.exploring.type_tree import types_above
from omptool.opcua.exploring.upward import Links, kinds_of, links_of

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
        links: by which references these hang below their parents, where somebody asked.
        lost: why the connection is gone, where it was lost on the way: `refused` then has the nodes nobody could ask
            about, and nodes may lack their attributes.
    """

    shown: list[Node]
    known: list[Node]
    above: list[Node] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    types: list[Node] = field(default_factory=list)
    links: Links = field(default_factory=dict)
    lost: OmptoolError | None = None


async def explore(
    session: Session,
    *,
    root: str | None = None,
    depth: int | None = None,
    wanted: Wanted | None = None,
    with_types: bool = False,
    with_links: bool = False,
    keep: bool = False,
    on_progress: Callable[[int], None] | None = None,
) -> Explored:
    """Crawl below `root` (a path or a NodeId) and keep what is wanted.

    Args:
        with_types: ask for the types of the nodes and what is above them, also when nobody narrows by type.
        with_links: ask by which references the nodes hang below their parents, and for the types of these.
        keep: when the connection is lost for good, what was found until then is the result; else that is an error.

    Raises:
        Unreachable: the server does not answer (any more).
        NotFound: `root` is not there, or nothing matches.
        UsageError: a malformed root, glob or class.
    """
    wanted = wanted or Wanted()
    found = await _crawled(session, root, depth, on_progress, keep=keep)
    if found.lost is None:
        with found.until_lost():
            found.ordered = await with_equipment(session, found.ordered, found.ordered)
    shown = narrow(found.ordered, wanted.of_names, {})
    types: list[Node] = []
    links: Links = {}
    if found.lost is None:
        with found.until_lost():
            shown = await describe(session, shown, among=found.ordered)
            links = await links_of(session, shown) if with_links else {}
            used = [*types_used(shown), *kinds_of(links)]
            types = await types_above(session, used) if wanted.types or with_types else []
    if found.lost is not None and (not keep or wanted.of_descriptions):
        raise found.lost  # by types and units nobody can narrow now
    shown = narrow(shown, wanted.of_descriptions, names_of_types(types))
    return Explored(shown, found.ordered, found.above, found.refused, types, links, found.lost)


@dataclass(slots=True)
class _Found:
    """What a crawl found, from all starts."""

    ordered: list[Node]
    above: list[Node]
    refused: dict[str, int]
    lost: OmptoolError | None = None

    @contextlib.contextmanager
    def until_lost(self) -> Iterator[None]:
        """Remember that the connection was lost in the block."""
        try:
            yield
        except Unreachable as error:
            self.lost = error


async def _crawled(
    session: Session,
    root: str | None,
    depth: int | None,
    on_progress: Callable[[int], None] | None,
    *,
    keep: bool,
) -> _Found:
    roots = [] if root is None else await resolve(session, root)
    above = (await look_around(session, roots)).context if roots else []
    starts: list[str | None] = [node.to_text(session.namespaces) for node in roots] or [None]
    found = _Found([], above, {})
    known: dict[str, Node] = {}
    names = () if root is None or is_node_id(root) else paths.split(root)

    def lose(error: OmptoolError) -> None:
        found.lost = error

    for start in starts:
        if found.lost is not None:
            found.refused[str(start)] = GONE
            continue
        nodes = await crawl(
            session, root=start, names=names, depth=depth, on_progress=on_progress,
            on_problem=found.refused.__setitem__, on_loss=lose if keep else None,
        )  # fmt: skip
        for node in nodes:
            known.setdefault(node.node_id, node)
    if found.refused and not known:
        why = status.name(next(iter(found.refused.values())))
        raise ServerRefused(f"{session.url} does not let this user browse ({why})")
    found.ordered = in_tree_order(list(known.values()))
    return found
