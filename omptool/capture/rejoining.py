"""What a recording finds of itself at a server: its subscription of an earlier run, where that was killed a moment ago.

The capture says where the subscription stands, a file outside of it whose session it is; both must fit, and what is to
be recorded must be the same. Says why where they do not; then everything is made anew. Asks no server.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omptool.capture.asked import settings
from omptool.capture.choosing import Found, requests
from omptool.capture.position import Position
from omptool.capture.recording import Selection, Wanted
from omptool.capture.sessions import Sessions, Unfit
from omptool.model import status
from omptool.opcua.granted import Subscription
from omptool.opcua.inheritance import Inheritance, facts_of, key_of
from omptool.opcua.items import MonitoredItem, RequestedItem
from omptool.opcua.session import Session
from omptool.opcua.subscription_batch import Event

if TYPE_CHECKING:
    from omptool.capture.participant import Participant
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
    facts = {"epoch": epoch, "asked": purpose}
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
    if selection.events is not None:
        return "events are recorded, and a capture does not say where those stand"
    if wanted.intervals.rebrowse_s:
        return "new nodes are looked for, and a subscription of before has no room for them"
    position = standing.positions[left.identity.server]
    if isinstance(position, str):
        return position
    found = _found(left, selection)
    if any(said.poll_ms or said.heartbeat_ms for said in found.asked.values()):
        return "values are read or repeated in cycles too"
    try:
        facts = sessions.read(left.identity.server)
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


def _found(left: Left, selection: Selection) -> Found:
    """What the server has, and what of it is monitored, as the capture says it."""
    nodes = [entry.node for entry in left.nodes]
    by_handle = sorted((entry for entry in left.nodes if entry.handle), key=lambda entry: entry.handle)
    chosen = [entry.node for entry in by_handle]
    return Found(nodes, chosen, {}, settings(selection, chosen, nodes, left.identity.namespaces))


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
    known = sorted((entry for entry in left.nodes if entry.handle), key=lambda entry: entry.handle)
    items = [
        MonitoredItem(
            item,
            _code(failed[entry.handle]) if entry.handle in failed else 0,
            item.depth(publishing_ms),
            sampling_ms=entry.sampling_ms,
            queue_size=entry.queue_size,
        )
        for item, entry in zip(asked, known, strict=True)
    ]
    return Subscription(position.subscription_id, float(publishing_ms), alive, lifetime, tuple(items))


def _code(status_code: Any) -> int:
    """The StatusCode with which an item failed, as far as the capture says it."""
    is_known = type(status_code) is int and status_code in range(1 << 31, 1 << 32)
    return int(status_code) if is_known else status.code_of("BadUnexpectedError")
