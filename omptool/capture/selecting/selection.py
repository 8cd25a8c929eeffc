"""Which nodes a capture takes: C7's default, globs on paths, or a list somebody wrote.

Pure: works on node tables. Whatever was asked for and is not there is an error that names the nearest, because a
capture that quietly takes less than it was told is worse than none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from omptool.capture.selecting.nodelist import Listed, is_node_id
from omptool.errors import NotFound, UsageError
from omptool.model.nearest import glob_hint, nearest
from omptool.model.nodeid import NodeId
from omptool.model.nodes import READABLE, Node
from omptool.model.path import Glob

SERVER_OBJECT = "i=2253"

_BROWSE = "see what it has:  omptool browse SERVER"
_SHOWN = 10
"""Problems listed one by one; a list of thousands helps nobody."""


def select(
    nodes: Sequence[Node],
    *,
    globs: Sequence[str] = (),
    listed: Sequence[Listed] | None = None,
    namespaces: Sequence[str] = (),
) -> list[Node]:
    """The Variables to capture, in the order of `nodes`.

    Args:
        nodes: every node below Objects, with AccessLevel.
        globs: path globs. Each must match; one that matches none of the default nodes is tried on every readable
            Variable, so `Server/**` and a Property can be had by asking.
        listed: nodes of a list; None when there is none.
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
    chosen |= {node.node_id for node, _ in named(listed or (), nodes, namespaces)}
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
    listed: Sequence[Listed] | None = None,
    namespaces: Sequence[str] = (),
    is_shared: bool = True,
) -> Choice:
    """As `select` for one of several servers: a term that is not here may be on another (`nowhere`).

    Args:
        is_shared: whether other servers are asked for the same.

    Raises:
        UsageError: a malformed glob or NodeId, a listed node without a readable value, or a namespace index in a
            shared list, because it means something else on every server.
        NotFound: nothing was asked for, and the server has no Variable.
    """
    if not globs and listed is None:
        return Choice(select(nodes), {})
    indexed = [each.text for each in listed or () if each.text.startswith("ns=") and is_node_id(each.text)]
    if indexed and is_shared:
        raise UsageError(
            f"{indexed[0]} means another node on each server", "write nsu=<namespace URI>; instead of ns=, or a path"
        )
    chosen: set[str] = set()
    missing: dict[str, NotFound] = {}
    for glob in globs:
        try:
            chosen |= {node.node_id for node in select(nodes, globs=[glob])}
        except NotFound as error:
            missing[glob] = error
    found, unknown = find(listed or (), nodes, namespaces)
    _check_readable(found)
    chosen |= {node.node_id for node, _ in found}
    for text in unknown:
        missing[text] = _unknown([text], nodes) if len(missing) < _SHOWN else NotFound(text, _BROWSE)
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


def named(listed: Sequence[Listed], nodes: Sequence[Node], namespaces: Sequence[str]) -> list[tuple[Node, Listed]]:
    """The nodes that a list names, by path or NodeId; one whose NodeId is gone is what stands where it stood.

    Raises:
        NotFound: one is not there.
        UsageError: a malformed NodeId, or a node without a readable value.
    """
    found, unknown = find(listed, nodes, namespaces)
    if unknown:
        raise _unknown(unknown, nodes)
    _check_readable(found)
    return found


def find(
    listed: Sequence[Listed], nodes: Sequence[Node], namespaces: Sequence[str]
) -> tuple[list[tuple[Node, Listed]], list[str]]:
    """What is there of a list, and what is not."""
    by_id = {node.node_id: node for node in nodes}
    by_path: dict[str, list[Node]] = {}
    for node in nodes:
        by_path.setdefault(node.path, []).append(node)
    found: list[tuple[Node, Listed]] = []
    unknown: list[str] = []
    for each in listed:
        if each.text in by_path:
            found += [(node, each) for node in by_path[each.text]]
        elif (node_id := _node_id(each.text, namespaces)) in by_id:
            found.append((by_id[node_id], each))
        elif each.path and each.path in by_path:
            found += [(node, each) for node in by_path[each.path]]
        else:
            unknown.append(each.text)
    return found, unknown


def _check_readable(found: Iterable[tuple[Node, Listed]]) -> None:
    unreadable = [node.path or node.node_id for node, _ in found if not is_readable(node)]
    if unreadable:
        listing = "\n".join(unreadable[:_SHOWN])
        count = "1 of the listed nodes has" if len(unreadable) == 1 else f"{len(unreadable)} of the listed nodes have"
        raise UsageError(f"{count} no readable value", f"take out of the list:\n{listing}")


def _node_id(text: str, namespaces: Sequence[str]) -> str:
    """The C1 text of a line that is a NodeId; the empty string, which no node has, for a path."""
    if not is_node_id(text):
        return ""
    return str(NodeId.parse(text, namespaces))


def _unknown(unknown: Sequence[str], nodes: Sequence[Node]) -> NotFound:
    by_id, by_path = [node.node_id for node in nodes], [node.path for node in nodes]
    lines = []
    for text in unknown[:_SHOWN]:
        near = nearest(text, by_id if is_node_id(text) else by_path, 1)
        lines.append(f"{text}   nearest: {near[0]}" if near else text)
    more = len(unknown) - len(lines)
    lines += [f"and {more:,} more"] if more else []
    count = "1 listed node is" if len(unknown) == 1 else f"{len(unknown):,} listed nodes are"
    return NotFound(f"{count} not on this server", "\n".join(lines))
