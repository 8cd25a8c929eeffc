"""From a path to the nodes it names, and from a node to its path, without crawling the whole server.

A path is not unique: two nodes may have the same names all the way down, and then both are meant.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from omptool.errors import NotFound
from omptool.model import path as paths
from omptool.opcua.crawl import OBJECTS, browse_all, local
from omptool.protocol.wire import WireNodeId

if TYPE_CHECKING:
    from omptool.opcua.session import Session


async def nodes_at(session: Session, path: str) -> list[WireNodeId]:
    """The nodes a path from Objects names, in the order of their references.

    Raises:
        NotFound: there is none; the message has the nearest names at the place where the path leaves the tree.
    """
    here = [OBJECTS]
    names = paths.split(path)
    for level, name in enumerate(names):
        children = await _children(session, here)
        found = [node for child, node in children if child == name]
        if not found:
            raise _no_such_path(session, names, level, [child for child, _ in children])
        here = list(dict.fromkeys(found))
    return here


async def path_of(session: Session, node: WireNodeId) -> tuple[str, ...]:
    """Browse names from below Objects down to `node`: the shortest way up, its own name last; empty for Objects itself.

    Raises:
        NotFound: the server does not know the node, or no way leads from it up to Objects.
    """
    text = node.to_text(session.namespaces)
    if node == OBJECTS:
        return ()
    below: dict[WireNodeId, tuple[str, ...]] = {node: (await _own_name(session, node),)}
    level = [node]
    while level:
        results = await browse_all(session, level, inverse=True)
        if results[0].status >> 31 and level == [node]:
            raise NotFound(f"{session.url} has no node {text}")
        above: list[WireNodeId] = []
        for child, result in zip(level, results, strict=True):
            for reference in result.references:
                parent = local(reference.node_id, session.namespaces)
                if parent == OBJECTS:
                    return below[child]
                if parent is not None and parent not in below:
                    below[parent] = (reference.browse_name.name, *below[child])
                    above.append(parent)
        level = above
    raise NotFound(f"{text} is not below Objects of {session.url}")


async def _children(session: Session, parents: list[WireNodeId]) -> list[tuple[str, WireNodeId]]:
    results = await browse_all(session, parents)
    return [
        (reference.browse_name.name, node)
        for result in results
        for reference in result.references
        if (node := local(reference.node_id, session.namespaces)) is not None
    ]


async def _own_name(session: Session, node: WireNodeId) -> str:
    from omptool.opcua.metadata import BROWSE_NAME, read_attribute

    name = (await read_attribute(session, [node], BROWSE_NAME))[0]
    if name is None:
        raise NotFound(f"{session.url} has no node {node.to_text(session.namespaces)}")
    return str(name.Name)


def _no_such_path(session: Session, names: tuple[str, ...], level: int, siblings: list[str]) -> NotFound:
    near = difflib.get_close_matches(names[level], siblings, n=3, cutoff=0.5)
    above = paths.join(names[:level])
    hint = "did you mean  " + "  or  ".join(paths.join((*names[:level], name)) for name in near) if near else ""
    where = f"below {above}" if above else "below Objects"
    return NotFound(
        f'{session.url} has no "{names[level]}" {where}',
        hint or f"see what is there:  omptool browse {session.url}" + (f" --root '{above}'" if above else ""),
    )
