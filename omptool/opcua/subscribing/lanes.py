"""Keeps PublishRequests waiting at a server: each answer is handed on, and the request behind it sent again.

Without tasks, futures and time-outs per request, which cost more than the answer itself: an answer calls `set_result`
of its lane straight from the socket. When nothing more may be asked for, lanes rest until `go_on`. Decides nothing
about what is in an answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from omptool.errors import MalformedMessage, OmptoolError
from omptool.model import status
from omptool.opcua.hooks_framing import Slot
from omptool.opcua.subscribing.subscription_batch import Event
from omptool.protocol.publish import PublishAnswer, parse_publish_response

if TYPE_CHECKING:
    from omptool.opcua.session import Session
    from omptool.opcua.subscribing.subscription_intake import Intake

MOST_ACKNOWLEDGEMENTS = 100
"""Per request."""

_TOO_MANY_REQUESTS = status.code_of("BadTooManyPublishRequests")
_ASK_AGAIN = frozenset(status.code_of(name) for name in ("BadTimeout", "BadRequestTimeout"))


class Listener(Protocol):
    """Who wants the answers."""

    def answered(self, answer: PublishAnswer) -> bool:
        """A message of the subscription; returns whether more may be asked for."""

    def lost(self, cause: str) -> None:
        """No answer can come any more."""

    def failed(self, error: Exception) -> None:
        """Something went wrong that nobody foresaw."""


class Lane(Slot):
    """One PublishRequest after the other.

    Attributes:
        acknowledged: what its request carried.
    """

    __slots__ = ("_lanes", "acknowledged")

    def __init__(self, lanes: Lanes) -> None:
        self._lanes = lanes
        self.acknowledged: tuple[int, ...] = ()

    def set_result(self, body: bytes) -> None:
        """The raw answer."""
        try:
            self._lanes.answered(self, bytes(body))
        except Exception as error:
            if self._lanes.is_over:
                raise
            self._lanes.listener.failed(error)

    def set_exception(self, error: Exception) -> None:
        """There will be none."""
        self._lanes.lost(self, error)


class Lanes:
    """The PublishRequests of one subscription.

    Args:
        count: how many to keep at the server.
        publishing_s: pause before a request that was refused for the moment is sent again, at most 1 s.
    """

    def __init__(
        self,
        session: Session,
        intake: Intake,
        listener: Listener,
        on_event: Callable[[Event], None],
        *,
        count: int,
        publishing_s: float,
    ) -> None:
        self.listener = listener
        self.is_over = False
        self._session = session
        self._intake = intake
        self._on_event = on_event
        self._pause_s = min(publishing_s, 1.0)
        self._count = count
        self._resting: list[Lane] = []
        self._strangers: set[int] = set()

    def begin(self) -> None:
        """Send the first requests."""
        for _ in range(self._count):
            self._ask(Lane(self))

    def end(self) -> None:
        """Answers that still come are nobody's."""
        self.is_over = True

    def go_on(self) -> None:
        """More may be asked for again."""
        resting, self._resting = self._resting, []
        for lane in resting:
            self._ask(lane)

    def _ask(self, lane: Lane) -> None:
        if self.is_over:
            return
        ledger = self._intake.ledger
        lane.acknowledged = ledger.take_acknowledgements(MOST_ACKNOWLEDGEMENTS)
        try:
            self._session.publish(self._intake.sub, lane.acknowledged, lane)
        except OmptoolError as error:
            ledger.return_acknowledgements(lane.acknowledged)
            self.listener.lost(error.message)

    def lost(self, lane: Lane, error: Exception) -> None:
        """There is no connection any more, or the server answered none of our questions."""
        if not self.is_over:
            self._intake.ledger.return_acknowledgements(lane.acknowledged)
            self.listener.lost(self._session.unanswered(error, "Publish").message)

    def answered(self, lane: Lane, body: bytes) -> None:
        """Hand an answer on, and ask again."""
        if self.is_over:
            return
        try:
            answer = parse_publish_response(body)
        except MalformedMessage as error:
            # Go on: the next message shows the hole in the numbers, and Republish gets a second chance. Not counted as
            # hearing from the server, so one that sends nothing else is given up.
            self._intake.malformed(error.message)
            asyncio.get_running_loop().call_soon(self._ask, lane)
            return
        if answer.service_result >> 31:
            self._intake.ledger.return_acknowledgements(lane.acknowledged)
            self._refused(lane, answer.service_result)
        elif answer.subscription_id != self._intake.sub:
            self._stranger(answer.subscription_id)
            self._ask(lane)
        elif self.listener.answered(answer):
            self._ask(lane)
        else:
            self._resting.append(lane)

    def _refused(self, lane: Lane, code: int) -> None:
        if code == _TOO_MANY_REQUESTS and self._count > 1:
            self._count -= 1
            self._on_event(Event("publish_requests", self._intake.sub, {"in_flight": self._count}))
        elif code == _TOO_MANY_REQUESTS or code in _ASK_AGAIN:
            asyncio.get_running_loop().call_later(self._pause_s, self._ask, lane)
        else:
            self.listener.lost(f"the server refused to publish ({status.name(code)})")

    def _stranger(self, sub: int) -> None:
        if sub not in self._strangers:
            self._strangers.add(sub)
            self._on_event(Event("stranger", self._intake.sub, {"subscription_id": sub}))
