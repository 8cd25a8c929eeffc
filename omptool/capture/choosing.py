"""Looks at a server, and decides what of it is monitored, and how: what a recording and its dry run have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from omptool.capture.asked import settings
from omptool.capture.notifiers import watched
from omptool.capture.recording import Selection, ServerProgress
from omptool.capture.selection import Choice, choose, select
from omptool.model.monitoring import AS_ALL, Monitoring
from omptool.model.nodes import Node
from omptool.opcua.crawl import crawl
from omptool.opcua.items import RequestedItem, requested
from omptool.opcua.metadata import enrich
from omptool.opcua.session import Session


class Found(NamedTuple):
    """What a server has, and what of it is wanted.

    Attributes:
        nodes: every one below Objects.
        chosen: the Variables to monitor, and behind them the objects whose events are wanted.
        unbrowsable: nodes (with StatusCode) below which nobody can look.
        asked: by NodeId how a Variable is to be monitored, where something is said of it.
    """

    nodes: list[Node]
    chosen: list[Node]
    unbrowsable: dict[str, int]
    asked: dict[str, Monitoring]


async def browse(
    session: Session, selection: Selection, progress: ServerProgress, *, is_alone: bool
) -> tuple[Found, Choice]:
    """Look at every node of a server, and choose; where it is the only one, everything asked for must be there.

    Raises:
        NotFound, UsageError: see `selection.select` and `selection.choose`.
    """
    progress.phase = "browsing"

    def count(found: int) -> None:
        progress.nodes = found

    refused: dict[str, int] = {}
    nodes = await enrich(session, await crawl(session, on_progress=count, on_problem=refused.__setitem__))
    globs, listed = selection.globs, selection.listed
    if selection.events is not None and listed == () and not globs:
        choice = Choice([], {})
    elif is_alone:
        choice = Choice(select(nodes, globs=globs, listed=listed, namespaces=session.namespaces), {})
    else:
        choice = choose(nodes, globs=globs, listed=listed, namespaces=session.namespaces)
    asked = settings(selection, choice.nodes, nodes, session.namespaces)
    if selection.events is not None:
        notifiers, wishes = await watched(session, selection.events, nodes)
        choice, asked = Choice([*choice.nodes, *notifiers], choice.missing), asked | wishes
        known = {node.node_id for node in nodes}
        nodes += [node for node in notifiers if node.node_id not in known]
    return Found(nodes, choice.nodes, refused, asked), choice


def requests(chosen: Sequence[Node], asked: Mapping[str, Monitoring], sampling_ms: float) -> list[RequestedItem]:
    """What to ask the server for, in the order of the nodes; ClientHandles count from 1, and leave out
    nodes that are read in cycles."""
    return [
        requested(node.node_id, handle, asked.get(node.node_id, AS_ALL), sampling_ms)
        for handle, node in enumerate(chosen, 1)
        if not asked.get(node.node_id, AS_ALL).poll_ms
    ]


def polled(chosen: Sequence[Node], asked: Mapping[str, Monitoring], base: int) -> dict[float, dict[int, str]]:
    """What to read in cycles; see `polling.Groups`. The first node's handle is `base` + 1."""
    groups: dict[float, dict[int, str]] = {}
    for handle, node in enumerate(chosen, base + 1):
        if interval_ms := asked.get(node.node_id, AS_ALL).poll_ms:
            groups.setdefault(interval_ms, {})[handle] = node.node_id
    return groups


def beating(chosen: Sequence[Node], asked: Mapping[str, Monitoring], base: int) -> dict[int, float]:
    """By handle, after how many milliseconds a value is repeated."""
    said = ((handle, asked.get(node.node_id, AS_ALL)) for handle, node in enumerate(chosen, base + 1))
    return {handle: each.heartbeat_ms for handle, each in said if each.heartbeat_ms and not each.poll_ms}


def moved_settings(asked: Mapping[str, Monitoring], moved: Mapping[str, Node]) -> dict[str, Monitoring]:
    """The settings of nodes by the NodeIds that they have now."""
    return {moved[old].node_id if old in moved else old: said for old, said in asked.items()}
