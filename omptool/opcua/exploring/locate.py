"""From a path to the nodes it names, without crawling the whole server.

A path is not unique: two nodes may have the same names all the way down, and then both are meant.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from omptool.errors import NotFound, UsageError
from omptool.model import path as paths
from omptool.model.nearest import nearest
from omptool.model.nodeid import NodeId
from omptool.opcua.exploring.browsing import browse_all, local
from omptool.opcua.exploring.landmarks import OBJECTS
from omptool.protocol.wire import WireNodeId

if TYPE_CHECKING:
    from omptool.opcua.session import Session


_INDEX = re.compile(r"^ns=\d+;")
_NODE_ID = re.compile(r"(nsu=[^;]*;|ns=\d+;)?[isgb]=")


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


async def _children(session: Session, parents: list[WireNodeId]) -> list[tuple[str, WireNodeId]]:
    results = await browse_all(session, parents)
    return [
        (reference.browse_name.name, node)
        for result in results
        for reference in result.references
        if (node := local(reference.node_id, session.namespaces)) is not None
    ]


def _no_such_path(session: Session, names: tuple[str, ...], level: int, siblings: list[str]) -> NotFound:
    near = nearest(names[level], siblings)
    above = paths.join(names[:level])
    hint = "did you mean  " + "  or  ".join(paths.join((*names[:level], name)) for name in near) if near else ""
    where = f"below {above}" if above else "below Objects"
    return NotFound(
        f'{session.url} has no "{names[level]}" {where}',
        hint or f"see what is there:  omptool browse {session.url}" + (f" --root '{above}'" if above else ""),
    )


def is_node_id(text: str) -> bool:
    """Whether a user wrote a NodeId rather than a path."""
    return _NODE_ID.match(text) is not None


def check(text: str) -> None:
    """Find a malformed NodeId before anyone connects; an index is for the server to resolve.

    Raises:
        UsageError: it is empty, or begins like a NodeId and is none.
    """
    if not text:
        raise UsageError("a text without a character names no node", "write a NodeId, or a path as browse shows it")
    if is_node_id(text):
        NodeId.parse(_INDEX.sub("", text))


async def resolve(session: Session, text: str) -> list[WireNodeId]:
    """The nodes that a user names, by NodeId (`ns=<index>;…` too) or by path; a NodeId is not checked for existence.

    Raises:
        UsageError: a malformed NodeId, or one of a namespace the server does not have.
        NotFound: a path that leads nowhere.
    """
    if is_node_id(text):
        return [WireNodeId(*session.resolve(text))]
    return await nodes_at(session, text)
