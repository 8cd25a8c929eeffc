"""Which nodes a capture takes: C7's default, globs on paths, or a list somebody wrote.

Pure: works on node tables. Whatever was asked for and is not there is an error that names the nearest, because a
capture that quietly takes less than it was told is worse than none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from omptool.errors import NotFound, UsageError
from omptool.model.nearest import glob_hint, nearest
from omptool.model.nodeid import NodeId
from omptool.model.nodes import READABLE, Node
from omptool.model.path import Glob

SERVER_OBJECT = "i=2253"

_NODE_ID = re.compile(r"(nsu=[^;]*;|ns=\d+;)?[isgb]=")
_BROWSE = "see what it has:  omptool browse SERVER"
_SHOWN = 10
"""Problems listed one by one; a list of thousands helps nobody."""


def select(
    nodes: Sequence[Node],
    *,
    globs: Sequence[str] = (),
    listed: Sequence[str] | None = None,
    namespaces: Sequence[str] = (),
) -> list[Node]:
    """The Variables to capture, in the order of `nodes`.

    Args:
        nodes: every node below Objects, with AccessLevel.
        globs: path globs. Each must match; one that matches none of the default nodes is tried on every readable
            Variable, so `Server/**` and a Property can be had by asking.
        listed: NodeIds or paths; None when there is no list.
        namespaces: the server's NamespaceArray, for `ns=` in the list.

    Raises:
        NotFound: nothing to capture, a glob without a match, or a listed node that is not there.
        UsageError: a malformed glob or NodeId, or a listed node without a readable value.
    """
    readable = [node for node in nodes if is_readable(node)]
    default = _default(nodes, readable)
    if not globs and listed is None:
        if not default:
            raise NotFound("the server has no readable Variable below Objects", _BROWSE)
        return default
    chosen = {node.node_id for glob in globs for node in _matching(glob, default, readable)}
    chosen |= {node.node_id for node in _named(listed or (), nodes, namespaces)}
    if not chosen:
        raise NotFound("the list of nodes is empty", "write one NodeId or path per line")
    return [node for node in nodes if node.node_id in chosen]


class Choice(NamedTuple):
    """What one of several servers has of a selection: Variables, and the error per term that is not on it."""

    nodes: list[Node]
    missing: dict[str, NotFound]


def choose(
    nodes: Sequence[Node],
    *,
    globs: Sequence[str] = (),
    listed: Sequence[str] | None = None,
    namespaces: Sequence[str] = (),
) -> Choice:
    """As `select` for one of several servers: a term that is not here may be on another (`nowhere`).

    Raises:
        UsageError: a malformed glob or NodeId, a listed node without a readable value, or a namespace index in the
            list, because it means something else on every server.
        NotFound: nothing was asked for, and the server has no Variable.
    """
    if not globs and listed is None:
        return Choice(select(nodes), {})
    indexed = [text for text in listed or () if text.startswith("ns=") and _NODE_ID.match(text)]
    if indexed:
        raise UsageError(
            f"{indexed[0]} means another node on each server", "write nsu=<namespace URI>; instead of ns=, or a path"
        )
    chosen: set[str] = set()
    missing: dict[str, NotFound] = {}
    for terms, kind in ((globs, "globs"), (listed or (), "listed")):
        for term in terms:
            try:
                found = select(nodes, **{kind: [term]}, namespaces=namespaces)
                chosen |= {node.node_id for node in found}
            except NotFound as error:
                missing[term] = error
    return Choice([node for node in nodes if node.node_id in chosen], missing)


def nowhere(choices: Sequence[Choice]) -> NotFound | None:
    """The error when a term is on none of these servers."""
    terms = (
        [term for term in choices[0].missing if all(term in choice.missing for choice in choices)] if choices else []
    )
    if not terms:
        return None
    first = choices[0].missing[terms[0]]
    if len(choices) == 1:
        return first
    more = f" and {len(terms) - 1:,} more are" if len(terms) > 1 else " is"
    return NotFound(f"{terms[0]!r}{more} on none of the {len(choices)} servers", first.hint)


def is_readable(node: Node) -> bool:
    """A Variable whose value this user may read, as far as the server says."""
    return node.node_class == "Variable" and (node.access_level is None or bool(node.access_level & READABLE))


def read_list(lines: Iterable[str]) -> list[str]:
    """NodeIds and paths of a list file: one per line, blank lines and lines with `#` in front left out."""
    stripped = (line.strip() for line in lines)
    return [line for line in stripped if line and not line.startswith("#")]


def _default(nodes: Sequence[Node], readable: Sequence[Node]) -> list[Node]:
    """C7: every readable Variable except the Server object and Properties."""
    server = next((node.path for node in nodes if node.node_id == SERVER_OBJECT), None)
    inside = None if server is None else f"{server}/"
    return [
        node
        for node in readable
        if not node.is_property and node.path and not (inside and node.path.startswith(inside))
    ]


def _matching(pattern: str, default: Sequence[Node], readable: Sequence[Node]) -> list[Node]:
    glob = Glob(pattern)
    found = [node for node in default if glob.matches(node.path)]
    found = found or [node for node in readable if glob.matches(node.path)]
    if not found:
        hint = glob_hint(pattern, (node.path for node in readable)) or _BROWSE
        raise NotFound(f"--select {pattern!r} matches none of {len(default):,} variables", hint)
    return found


def _named(listed: Sequence[str], nodes: Sequence[Node], namespaces: Sequence[str]) -> list[Node]:
    by_id = {node.node_id: node for node in nodes}
    by_path: dict[str, list[Node]] = {}
    for node in nodes:
        by_path.setdefault(node.path, []).append(node)
    found: list[Node] = []
    unknown: list[str] = []
    for text in listed:
        if text in by_path:
            found += by_path[text]
        elif (node_id := _node_id(text, namespaces)) in by_id:
            found.append(by_id[node_id])
        else:
            unknown.append(text)
    if unknown:
        raise _unknown(unknown, by_id, by_path)
    unreadable = [node.path or node.node_id for node in found if not is_readable(node)]
    if unreadable:
        listing = "\n".join(unreadable[:_SHOWN])
        count = "1 of the listed nodes has" if len(unreadable) == 1 else f"{len(unreadable)} of the listed nodes have"
        raise UsageError(f"{count} no readable value", f"take out of the list:\n{listing}")
    return found


def _node_id(text: str, namespaces: Sequence[str]) -> str:
    """The C1 text of a line that is a NodeId; the empty string, which no node has, for a path."""
    if not _NODE_ID.match(text):
        return ""
    return str(NodeId.parse(text, namespaces))


def _unknown(unknown: Sequence[str], by_id: Iterable[str], by_path: Iterable[str]) -> NotFound:
    lines = []
    for text in unknown[:_SHOWN]:
        near = nearest(text, by_id if _NODE_ID.match(text) else by_path, 1)
        lines.append(f"{text}   nearest: {near[0]}" if near else text)
    more = len(unknown) - len(lines)
    lines += [f"and {more:,} more"] if more else []
    count = "1 listed node is" if len(unknown) == 1 else f"{len(unknown):,} listed nodes are"
    return NotFound(f"{count} not on this server", "\n".join(lines))
