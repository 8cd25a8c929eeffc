"""Takes up a subscription that outlived its connection: whose it is now, and what it sent while nobody listened.

TransferSubscriptions is asked for only where the session is another one; asked within the same session it fails, and
a client that takes that failure for the end deletes the very queues it came back for. Then every message the server
may have sent into the broken connection is asked for again, in order; one that is gone does not stop the others.
Decides nothing about what follows, waits for nothing but answers.
"""

from __future__ import annotations

import contextlib

from asyncua import ua

from omptool.errors import MalformedMessage, OmptoolError
from omptool.model import status
from omptool.opcua.faults import ServiceRefused, from_status
from omptool.opcua.session import Session
from omptool.opcua.subscribing.moment import moment
from omptool.opcua.subscribing.repair import MOST_REPUBLISHED
from omptool.opcua.subscribing.subscription import DELETE_TIMEOUT_S, IN_FLIGHT
from omptool.opcua.subscribing.subscription_intake import Intake
from omptool.protocol.ledger import distance, step
from omptool.protocol.publish import parse_republish_response

_ALREADY_OURS = status.code_of("BadNothingToDo")
_NOT_KEPT = status.code_of("BadMessageNotAvailable")
_NO_SUBSCRIPTION = frozenset(status.code_of(name) for name in ("BadSubscriptionIdInvalid", "BadNoSubscription"))
_NO_SESSION = frozenset(
    status.code_of(name) for name in ("BadSessionIdInvalid", "BadSessionClosed", "BadSessionNotActivated")
)

_HALF = 1 << 31


async def rejoin(session: Session, intake: Intake) -> str:
    """Make a subscription the session's own and catch up with it; empty, or why it cannot be had.

    Raises:
        Unreachable: the connection or the session is gone again; the subscription may still be there.
    """
    available: list[int] | None = None
    if not session.resumed:
        refusal, available = await _transfer(session, intake.sub)
        if refusal:
            return refusal
    return await _catch_up(session, intake, available)


async def delete(session: Session, sub: int) -> None:
    """Free a subscription that is not gone on with, so that it answers none of our PublishRequests."""
    request = ua.DeleteSubscriptionsRequest()
    request.Parameters.SubscriptionIds = [sub]
    with contextlib.suppress(OmptoolError):
        await session.call(request, timeout_s=min(DELETE_TIMEOUT_S, session.timeout_s))


async def _transfer(session: Session, sub: int) -> tuple[str, list[int] | None]:
    """Why the subscription cannot become this session's, and the numbers it keeps where the server says so."""
    parameters = ua.TransferSubscriptionsParameters(SubscriptionIds=[sub], SendInitialValues=False)
    try:
        answer = await session.ask(ua.TransferSubscriptionsRequest(Parameters=parameters))
    except ServiceRefused as error:
        if error.code == _ALREADY_OURS:
            return "", None
        return f"TransferSubscriptions: {status.name(error.code)}", None
    results = answer.Parameters.Results
    if not results:
        return "TransferSubscriptions: no answer", None
    code = int(results[0].StatusCode.value)
    if code == _ALREADY_OURS:
        return "", None
    if code >> 31:
        return f"TransferSubscriptions: {status.name(code)}", None
    return "", list(results[0].AvailableSequenceNumbers or ())


async def _catch_up(session: Session, intake: Intake, available: list[int] | None) -> str:
    """Republish what was missing and what was sent since.

    Where the server does not say what it keeps, numbers are tried until as many in a row are not kept as messages can
    have been under way: every PublishRequest may have been answered into the void.
    """
    for number in intake.ledger.to_republish(MOST_REPUBLISHED):
        gone, _ = await _republish(session, intake, number)
        if gone:
            return gone
    if available:
        ahead = [number for number in available if distance(intake.ledger.expected, number) < _HALF]
        for number in sorted(ahead, key=lambda each: distance(intake.ledger.expected, each))[:MOST_REPUBLISHED]:
            gone, _ = await _republish(session, intake, number)
            if gone:
                return gone
        return ""
    number, misses = intake.ledger.expected, 0
    for _ in range(MOST_REPUBLISHED):
        gone, has_come = await _republish(session, intake, number)
        misses = 0 if has_come else misses + 1
        if gone or misses > IN_FLIGHT:
            return gone
        number = step(number)
    return ""


async def _republish(session: Session, intake: Intake, number: int) -> tuple[str, bool]:
    """Why the subscription is gone (empty: it is not), and whether the message came."""
    request = ua.RepublishRequest()
    request.Parameters.SubscriptionId = intake.sub
    request.Parameters.RetransmitSequenceNumber = number
    try:
        answer = parse_republish_response(await session.call(request))
    except MalformedMessage:
        return "", False
    code = answer.service_result
    if code in _NO_SESSION:
        raise from_status(code, "answer Republish", session.url)
    if code in _NO_SUBSCRIPTION:
        return f"Republish: {status.name(code)}", False
    if code >> 31 or answer.sequence_number != number:
        return "", False
    intake.republished(answer, *moment())
    return "", True
