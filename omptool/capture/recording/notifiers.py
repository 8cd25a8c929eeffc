"""Which objects of a server are watched for events: the Server object, what globs match, what a list names."""

from __future__ import annotations

from collections.abc import Sequence

from omptool.capture.selecting.nodelist import EventsOf, Listed
from omptool.capture.selecting.selection import SERVER_OBJECT, find
from omptool.errors import NotFound
from omptool.model.eventfields import EventWish
from omptool.model.monitoring import Monitoring
from omptool.model.nearest import glob_hint
from omptool.model.nodes import Node
from omptool.model.path import Glob
from omptool.opcua.session import Session
from omptool.opcua.subscribing.events import notifiers_among


async def watched(session: Session, asked: EventsOf, nodes: Sequence[Node]) -> tuple[list[Node], dict[str, Monitoring]]:
    """The objects to watch, and by NodeId how.

    Raises:
        NotFound: a glob matches no object that sends events, or a listed object is not there.
    """
    found: dict[str, tuple[Node, EventWish]] = {}
    for notifier in asked.listed:
        pairs, unknown = find([Listed(notifier.text)], nodes, session.namespaces)
        if unknown:
            raise NotFound(f"{notifier.text}, whose events are asked for, is not on this server")
        for node, _ in pairs:
            before = found.get(node.node_id, (node, EventWish()))[1]
            fields = tuple(dict.fromkeys((*before.extra, *asked.wish.extra, *notifier.fields)))
            types = tuple(dict.fromkeys((*before.types, *notifier.types))) if node.node_id not in found else ()
            found[node.node_id] = node, EventWish(fields, types or asked.wish.types, asked.wish.severity)
    for glob in asked.sources:
        for node in await _matching(session, glob, nodes):
            found.setdefault(node.node_id, (node, asked.wish))
    if not asked.sources and not asked.listed:
        server = next((node for node in nodes if node.node_id == SERVER_OBJECT), None)
        found[SERVER_OBJECT] = server or Node(SERVER_OBJECT, "Server", "Server", node_class="Object"), asked.wish
    wishes = {node_id: Monitoring(events=wish) for node_id, (_, wish) in found.items()}
    return [node for node, _ in found.values()], wishes


async def _matching(session: Session, pattern: str, nodes: Sequence[Node]) -> list[Node]:
    glob = Glob(pattern)
    objects = [node for node in nodes if node.node_class == "Object"]
    found = await notifiers_among(session, [node for node in objects if glob.matches(node.path)])
    if not found:
        hint = glob_hint(pattern, (node.path for node in objects)) or "leave it out: the Server object sends all events"
        raise NotFound(f"--event-source {pattern!r} matches no object that sends events", hint)
    return found
