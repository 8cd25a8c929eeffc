"""What another process of ours had at a server, so that this one can go on with it: session, subscription, books.

The session's key is a secret as long as the session lives: whoever has it reads as this user. It is plain text here
only for the file that the caller keeps; nothing prints it. Asks no server and opens no file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import nodeid_from_binary, nodeid_to_binary, struct_from_binary, struct_to_binary

from omptool.opcua.hooks_session import SessionKey
from omptool.opcua.security.endpoints import NONE
from omptool.opcua.session import Session
from omptool.opcua.subscribing.granted import Subscription
from omptool.opcua.subscribing.link import Left, lasts_s
from omptool.opcua.subscribing.subscription import Kept
from omptool.opcua.subscribing.subscription_batch import STATEMENT_S, Ending, EndKind, Event
from omptool.opcua.subscribing.subscription_intake import Intake
from omptool.protocol.ledger import Range
from omptool.protocol.statement import Statement

NOT_RUNNING = "the capture was not running"

_MOST_POLICIES = 100


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What is known of it.

    Attributes:
        start_time: of the server, Unix nanoseconds; None where it does not say.
        granted: the subscription, with its items.
        said: the account of all that is on disk; `lost` the numbers that were given up.
        age_s: seconds since that process was alive for certain.
    """

    key: SessionKey
    start_time: int | None
    namespaces: tuple[str, ...]
    granted: Subscription
    said: Statement
    lost: tuple[Range, ...]
    age_s: float

    def left(self, timeout_s: float, on_event: Callable[[Event], None]) -> Left:
        """As a link takes it up; `on_event` hears what happens to the subscription."""
        intake = Intake.inherited(self.granted.sub, on_event, self.said, self.lost)
        ending = Ending(EndKind.NOT_RUNNING, NOT_RUNNING, self.said.published_ticks, self.granted.sub)
        lasts = lasts_s(self.granted, timeout_s) + STATEMENT_S
        return Left(
            self.key, Kept(self.granted, intake), self.start_time, self.namespaces, ending,
            time.monotonic() - self.age_s, lasts, is_inherited=True,
        )  # fmt: skip


def facts_of(session: Session, granted: Subscription) -> dict[str, Any]:
    """What a later process needs besides the capture, as JSON; secret."""
    key = session.key
    policies: Iterable[Any] = key.policy_ids
    return {
        "token": nodeid_to_binary(key.authentication_token).hex(),
        "nonce": None if key.server_nonce is None else bytes(key.server_nonce).hex(),
        "policies": [struct_to_binary(policy).hex() for policy in policies][:_MOST_POLICIES],
        "application_uri": key.application_uri,
        "security": list(key.security),
        "start_time": session.server_start_time,
        "subscription_id": granted.sub,
        "publishing_ms": granted.publishing_ms,
        "keep_alive_count": granted.keep_alive_count,
        "lifetime_count": granted.lifetime_count,
    }


def key_of(facts: Mapping[str, Any]) -> SessionKey:
    """The key in such facts.

    Raises:
        ValueError: it is none.
    """
    try:
        token = nodeid_from_binary(Buffer(bytes.fromhex(facts["token"])))
        nonce = None if facts["nonce"] is None else bytes.fromhex(facts["nonce"])
        policies = [
            struct_from_binary(ua.UserTokenPolicy, Buffer(bytes.fromhex(text)))
            for text in facts["policies"][:_MOST_POLICIES]
        ]
        policy, mode = map(str, facts.get("security", (NONE, NONE)))
        return SessionKey(token, nonce, tuple(policies), str(facts["application_uri"]), (policy, mode))
    except Exception as error:
        raise ValueError("the key of its session is not readable") from error
