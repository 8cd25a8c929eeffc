"""What a recording finds of itself at a server: its subscription of an earlier run, where that was killed a moment ago.

The capture says where the subscription stands, a file outside of it whose session it is; both must fit, and what is to
be recorded must be the same. Says why where they do not; then everything is made anew. Asks no server.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from omptool.capture.position import Position
from omptool.capture.recording.asked import settings
from omptool.capture.recording.choosing import Found, requests
from omptool.capture.recording.sessions import Sessions, Unfit
from omptool.capture.recording.terms import Selection, Wanted
from omptool.errors import OmptoolError
from omptool.model import status
from omptool.model.eventfields import EventWish, check_field
from omptool.model.monitoring import Monitoring
from omptool.model.nodeid import NodeId
from omptool.opcua.session import Session
from omptool.opcua.subscribing.granted import Subscription
from omptool.opcua.subscribing.inheritance import Inheritance, facts_of, key_of
from omptool.opcua.subscribing.items import MonitoredItem, RequestedItem
from omptool.opcua.subscribing.subscription_batch import Event

if TYPE_CHECKING:
    from omptool.capture.recording.participant import Participant
    from omptool.capture.resume import Left, Standing

_LONGEST_MS = 86_400_000.0
_MOST_COUNT = 2**32


@dataclass(frozen=True, slots=True)
class Heir:
    """A subscription that may be gone on with.

    Attributes:
        position: where it stands; `inheritance` what the link needs of it.
        found: the nodes of the server, and those that are monitored.
    """

    position: Position
    inheritance: Inheritance
    found: Found


def purpose_of(wanted: Wanted, selection: Selection) -> str:
    """What is to be recorded, in short: a subscription that was made for something else is not gone on with."""
    return hashlib.sha256(repr((selection, wanted.intervals)).encode()).hexdigest()


def keep(
    sessions: Sessions | None, server: str, epoch: int, session: Session, granted: Subscription, purpose: str
) -> str:
    """Write what a later run needs of a subscription that exists now; empty, or why it cannot be had."""
    facts = {"epoch": epoch, "asked": purpose, "events": _events_of(granted)}
    return "" if sessions is None else sessions.keep(server, {**facts_of(session, granted), **facts})


def offer(
    participant: Participant, standing: Standing, left: Left, selection: Selection, sessions: Sessions | None
) -> None:
    """Let a server of a capture that was not ended go on with its subscription, or say why it cannot."""
    if sessions is None or standing.capture.finished:
        return
    found = heir(standing, left, participant.wanted, selection, sessions)
    if isinstance(found, str):
        participant.event(Event("not_resumed", None, {"cause": found}))
    else:
        participant.inherit(found)


def heir(standing: Standing, left: Left, wanted: Wanted, selection: Selection, sessions: Sessions) -> Heir | str:
    """What may be gone on with of a server, or why nothing."""
    if len(wanted.server.addresses) > 1:
        return "it has several addresses, and nobody knows whose session it was"
    position = standing.positions[left.identity.server]
    if isinstance(position, str):
        return position
    try:
        facts = sessions.read(left.identity.server)
        found = _found(left, selection, facts)
        granted = _granted(facts, position, left, requests(found.chosen, found.asked, wanted.intervals.sampling_ms))
        key, began = key_of(facts), facts.get("start_time")
    except (Unfit, ValueError) as error:
        return str(error)
    if facts.get("asked") != purpose_of(wanted, selection):
        return "something else is to be recorded now"
    age_s = max(time.time_ns() - left.recorded_ns, 0) / 1e9
    inheritance = Inheritance(
        key=key,
        start_time=began if type(began) is int else None,
        namespaces=left.identity.namespaces,
        granted=granted,
        said=position.said,
        lost=position.lost,
        age_s=age_s,
    )
    return Heir(position, inheritance, found)


def _found(left: Left, selection: Selection, facts: Mapping[str, Any]) -> Found:
    """What the server has, and what of it is monitored, as the capture says it; of events the file says how.

    Raises:
        ValueError: it does not.
    """
    nodes = [entry.node for entry in left.nodes]
    by_handle = sorted((entry for entry in left.nodes if entry.handle), key=lambda entry: entry.handle)
    chosen = [entry.node for entry in by_handle]
    asked = settings(selection, chosen, nodes, left.identity.namespaces)
    known = {node.node_id for node in chosen}
    for node_id, (wish, _) in _wishes(facts).items():
        if node_id not in known:
            raise ValueError("the file of its session is damaged")
        asked[node_id] = Monitoring(events=wish)
    return Found(nodes, chosen, {}, asked)


def _events_of(granted: Subscription) -> dict[str, Any]:
    """Which events are watched, by NodeId of the notifier, and what a server took none of its filters for."""
    return {
        item.requested.node_id: {
            **asdict(item.requested.events),
            "unfiltered": item.unfiltered,
            "monitored": item.is_monitored,
        }
        for item in granted.items
        if item.requested.events is not None
    }


def _wishes(facts: Mapping[str, Any]) -> dict[str, tuple[EventWish, int]]:
    """The same, from a file.

    Raises:
        ValueError: it makes no sense.
    """
    said = facts.get("events", {})
    try:
        if not all(each["monitored"] for each in said.values()):
            raise Unfit("a notifier was refused at first, and the file of its session does not say how it was taken")
        return {
            str(node_id): (
                EventWish(
                    tuple(map(check_field, each["extra"])),
                    tuple(str(NodeId.parse(kind)) for kind in each["types"]),
                    int(each["severity"]),
                    bool(each["is_basic"]),
                ),
                int(each["unfiltered"]),
            )
            for node_id, each in said.items()
        }
    except (AttributeError, KeyError, TypeError, ValueError, OmptoolError):
        raise ValueError("the file of its session is damaged") from None


def _granted(facts: Mapping[str, Any], position: Position, left: Left, asked: Sequence[RequestedItem]) -> Subscription:
    """The subscription with its items, as the capture has them.

    Raises:
        ValueError: the file is of another subscription, or makes no sense.
    """
    if (facts.get("subscription_id"), facts.get("epoch")) != (position.subscription_id, position.epoch):
        raise ValueError("the file of its session is of another subscription")
    publishing_ms, alive, lifetime = (
        facts.get(name) for name in ("publishing_ms", "keep_alive_count", "lifetime_count")
    )
    if not (isinstance(publishing_ms, int | float) and 0 < publishing_ms <= _LONGEST_MS):
        raise ValueError("the file of its session is damaged")
    if not (type(alive) is int and type(lifetime) is int and 0 < alive < _MOST_COUNT and 0 <= lifetime < _MOST_COUNT):
        raise ValueError("the file of its session is damaged")
    failed = {gap.node: gap.detail.get("status") for gap in left.windows if gap.node is not None}
    known = {entry.node.node_id: entry for entry in left.nodes if entry.handle}
    unfiltered = {node_id: code for node_id, (_, code) in _wishes(facts).items()}
    items = []
    for item in asked:
        entry = known[item.node_id]
        if entry.sampling_ms is None and entry.handle not in failed:
            raise ValueError("nobody knows whether its newest nodes are monitored")
        items.append(
            MonitoredItem(
                item,
                _code(failed[entry.handle]) if entry.handle in failed else 0,
                item.depth(publishing_ms),
                sampling_ms=entry.sampling_ms,
                queue_size=entry.queue_size,
                unfiltered=unfiltered.get(item.node_id, 0),
            )
        )
    return Subscription(position.subscription_id, float(publishing_ms), alive, lifetime, tuple(items))


def _code(status_code: Any) -> int:
    """The StatusCode with which an item failed, as far as the capture says it."""
    is_known = type(status_code) is int and status_code in range(1 << 31, 1 << 32)
    return int(status_code) if is_known else status.code_of("BadUnexpectedError")
