"""Looks at a server, and decides what of it is monitored, and how: what a recording and its dry run have in common."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from omptool.capture.nodetable import ServerIdentity
from omptool.capture.recording.asked import settings
from omptool.capture.recording.notifiers import watched
from omptool.capture.recording.prediction import refuse_too_many
from omptool.capture.recording.terms import Selection, ServerProgress
from omptool.capture.selecting.selection import Choice, choose, select
from omptool.config import ServerConfig
from omptool.errors import NotFound, OmptoolError, ServerRefused, Unreachable, UsageError
from omptool.model import status
from omptool.model.monitoring import AS_ALL, Monitoring
from omptool.model.nodes import Node
from omptool.opcua.exploring.alike import Alike
from omptool.opcua.exploring.browsing import CUT_SHORT
from omptool.opcua.exploring.crawl import GONE, crawl
from omptool.opcua.exploring.metadata import enrich
from omptool.opcua.exploring.relocate import relocate
from omptool.opcua.session import Session
from omptool.opcua.subscribing.items import MonitoredItem, RequestedItem, requested
from omptool.opcua.subscribing.subscription_batch import Event

LOOK_S = 5.0
"""Values wait for a look at all nodes of a server that began anew; no longer than this."""

_LATE = CUT_SHORT | {status.code_of("BadTimeout"), GONE}
"""StatusCodes of Browse that say nothing of the node."""

_NAMED = 20
"""Nodes named in one journal entry."""


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


_KINDS = 32
"""Kinds of servers whose requests are kept."""


def _names(look: tuple[Found, Choice], namespace: str) -> bool:
    """Whether any node of these has to do with a namespace, whose text this is."""
    found, _ = look
    return any(
        namespace in word
        for node in found.nodes
        for word in (
            node.node_id, node.browse_name, *node.parents, node.type_definition or "", node.data_type_id or "",
            node.data_type or "",
        )
    )  # fmt: skip


class Pool:
    """Nodes that several servers have alike, kept once: machines of one type describe themselves in the same words."""

    def __init__(self) -> None:
        self._known: dict[Node, Node] = {}
        self._looks: Alike[tuple[Found, Choice]] = Alike()
        self._requests: dict[tuple[int, float], tuple[Found, list[RequestedItem]]] = {}

    async def browse(
        self, session: Session, selection: Selection, progress: ServerProgress, *, is_alone: bool
    ) -> tuple[Found, Choice]:
        """`browse`; for servers that answer alike the same objects, which nobody may change."""

        async def look() -> tuple[Found, Choice]:
            found, choice = await browse(session, selection, progress, is_alone=is_alone)
            return Found(self._alike(found.nodes), self._alike(found.chosen), found.unbrowsable, found.asked), choice

        progress.phase = "browsing"
        # NodeIds in a list may be of any namespace
        of = tuple(session.namespaces) if selection.listed is not None or selection.events is not None else ()
        found, choice = await self._looks.look(session, (id(selection), is_alone, of), look, _names)
        progress.nodes = len(found.nodes)
        return found, choice

    def requests(self, found: Found, sampling_ms: float) -> list[RequestedItem]:
        """`requests`; the same list for the same nodes."""
        key = (id(found), sampling_ms)
        known = self._requests.get(key)
        if known is None or known[0] is not found:
            if len(self._requests) >= _KINDS:
                self._requests.pop(next(iter(self._requests)))
            known = self._requests[key] = found, requests(found.chosen, found.asked, sampling_ms)
        return known[1]

    def _alike(self, nodes: Sequence[Node]) -> list[Node]:
        return [node if node.enum_names else self._known.setdefault(node, node) for node in nodes]


async def browse(
    session: Session, selection: Selection, progress: ServerProgress, *, is_alone: bool
) -> tuple[Found, Choice]:
    """Look at every node of a server, and choose; where it is the only one, everything asked for must be there.

    Raises:
        NotFound, UsageError: see `selection.select` and `selection.choose`.
        ServerRefused: more than the server's profile says that it takes.
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
        with _unless_unseen(refused):
            choice = Choice(select(nodes, globs=globs, listed=listed, namespaces=session.namespaces), {})
    else:
        choice = choose(nodes, globs=globs, listed=listed, namespaces=session.namespaces)
    asked = settings(selection, choice.nodes, nodes, session.namespaces)
    items = sum(not asked.get(node.node_id, AS_ALL).poll_ms for node in choice.nodes)
    refuse_too_many(session.url, session.capacity, items)
    if selection.events is not None:
        notifiers, wishes = await watched(session, selection.events, nodes)
        choice, asked = Choice([*choice.nodes, *notifiers], choice.missing), asked | wishes
        known = {node.node_id for node in nodes}
        nodes += [node for node in notifiers if node.node_id not in known]
    return Found(nodes, choice.nodes, refused, asked), choice


@contextlib.contextmanager
def _unless_unseen(refused: Mapping[str, int]) -> Iterator[None]:
    """Not to be there and not to have been seen are two things: a server too busy to answer is asked again.

    Raises:
        Unreachable: what is not found may lie below a node that was not looked below in time.
    """
    try:
        yield
    except NotFound as error:
        if late := [node for node, code in refused.items() if code in _LATE]:
            raise Unreachable(
                f"{error.message}, but nobody could look below {late[0]}"
                + (f" and {len(late) - 1:,} more" if len(late) > 1 else "")
                + f": {status.name(refused[late[0]])}",
                "try again, or give the server longer:  --timeout 30",
            ) from None
        raise


def requests(chosen: Sequence[Node], asked: Mapping[str, Monitoring], sampling_ms: float) -> list[RequestedItem]:
    """What to ask the server for, in the order of the nodes; ClientHandles count from 1, and leave out
    nodes that are read in cycles."""
    return [
        requested(node.node_id, handle, asked.get(node.node_id, AS_ALL), sampling_ms)
        for handle, node in enumerate(chosen, 1)
        if not asked.get(node.node_id, AS_ALL).poll_ms
    ]


async def look_again(
    session: Session, selection: Selection, found: Found, *, is_restarted: bool
) -> tuple[Found, list[Event]]:
    """On another session nodes may have other NodeIds, and after a restart there may be more of them.

    What is known is recorded all the same when a look at the whole server takes too long, or fails at the selection.
    """
    events = []
    relocated = await relocate(session, found.chosen)
    if relocated is not None:
        asked = _moved_settings(found.asked, relocated.moved)
        found = Found(relocated.nodes, relocated.chosen, found.unbrowsable, asked)
        events.append(
            named("nodes_moved", [{"from": old, "to": node.node_id} for old, node in relocated.moved.items()])
        )
    if is_restarted:
        found, new = await _with_new_nodes(session, selection, found)
        events += [named("nodes_new", [node.node_id for node in new])] if new else []
    return found, events


async def _with_new_nodes(session: Session, selection: Selection, found: Found) -> tuple[Found, list[Node]]:
    try:
        async with asyncio.timeout(LOOK_S):
            seen = await grown(session, selection, found)
    except (TimeoutError, NotFound, UsageError):
        return found, []
    return seen.found, seen.new


class Grown(NamedTuple):
    """What another look at a server found.

    Attributes:
        found: with what is new; `new` the nodes that are wanted and were not there.
        gone: NodeIds of monitored Variables that are not there any more; of a look that saw not all of it, none.
    """

    found: Found
    new: list[Node]
    gone: frozenset[str]

    def at_most(self, count: int) -> Grown:
        """Without the last ones of the new nodes."""
        more = max(len(self.new) - count, 0)
        chosen = self.found.chosen[: len(self.found.chosen) - more]
        return Grown(self.found._replace(chosen=chosen), self.new[:count], self.gone)


async def grown(session: Session, selection: Selection, found: Found) -> Grown:
    """Look at the whole server again, for nodes that are wanted and for nodes that are gone.

    Raises:
        NotFound, UsageError: see `selection.choose`.
        Unreachable: the connection is gone.
    """
    refused: dict[str, int] = {}
    nodes = await enrich(session, await crawl(session, on_problem=refused.__setitem__))
    choice = choose(
        nodes, globs=selection.globs, listed=selection.listed, namespaces=session.namespaces, is_shared=False
    )  # a list that means another node on each server was refused at the first look
    known = {node.node_id for node in found.chosen}
    new = [node for node in choice.nodes if node.node_id not in known]
    there = {node.node_id for node in nodes}
    variables = {node.node_id for node in found.chosen if node.node_class == "Variable"}
    gone = frozenset() if refused else frozenset(variables - there)
    if not new:
        return Grown(found, [], gone)
    chosen = [*found.chosen, *new]
    asked = settings(selection, new, nodes, session.namespaces)
    nodes += [node for node in found.chosen if node.node_id not in there]
    return Grown(Found(nodes, chosen, found.unbrowsable, found.asked | asked), new, gone)


def named(kind: str, nodes: Sequence[object]) -> Event:
    """A journal entry about nodes: how many, and the first of them."""
    return Event(kind, None, {"nodes": len(nodes), "named": nodes[:_NAMED]})


def in_order(found: Found, numbered: Sequence[str]) -> Found:
    """Those that have a handle already come first, so that they keep it; where one is gone, all get new ones."""
    by_id = {node.node_id: node for node in found.chosen}
    if not numbered or not by_id.keys() >= set(numbered):
        return found
    new = by_id.keys() - set(numbered)
    chosen = [by_id[node_id] for node_id in numbered] + [node for node in found.chosen if node.node_id in new]
    return found._replace(chosen=chosen)


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


def _moved_settings(asked: Mapping[str, Monitoring], moved: Mapping[str, Node]) -> dict[str, Monitoring]:
    """The settings of nodes by the NodeIds that they have now."""
    return {moved[old].node_id if old in moved else old: said for old, said in asked.items()}


def nothing_monitored(items: Sequence[MonitoredItem], url: str) -> OmptoolError:
    """An empty capture that looks like success helps nobody."""
    names = sorted({status.name(item.status) for item in items})
    return ServerRefused(f"{url} monitors none of the {len(items):,} selected nodes ({', '.join(names)})")


def same_server(before: ServerIdentity | None, server: ServerConfig, session: Session) -> str:
    """The ApplicationUri to go by: another server at this address is not this one, but may stand in for it.

    Raises:
        ServerRefused: it is another one.
    """
    if before is not None and len(server.addresses) > 1:
        return before.application_uri
    if before is not None and before.application_uri != session.application_uri:
        raise ServerRefused(
            f"{server.url} is another server now: {session.application_uri or 'without a name'}, "
            f"where {before.application_uri or 'a nameless one'} was"
        )
    return session.application_uri
