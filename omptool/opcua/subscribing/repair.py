"""Asks a server for messages that were skipped: what it still has is booked, the rest given up and becomes gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from asyncua import ua

from omptool.errors import MalformedMessage, OmptoolError
from omptool.model import status
from omptool.opcua.subscribing.moment import moment
from omptool.protocol.publish import parse_republish_response

if TYPE_CHECKING:
    from omptool.opcua.session import Session
    from omptool.opcua.subscribing.subscription_intake import Intake

MOST_REPUBLISHED = 1000
"""Messages asked for at once."""


async def repair(session: Session, intake: Intake) -> str:
    """Ask for every missing message once; empty, or why the connection is gone, and then nothing is given up."""
    asked_up_to = intake.ledger.expected
    refusal = ""
    for number in intake.ledger.to_republish(MOST_REPUBLISHED):
        request = ua.RepublishRequest()
        request.Parameters.SubscriptionId = intake.sub
        request.Parameters.RetransmitSequenceNumber = number
        try:
            answer = parse_republish_response(await session.call(request))
        except MalformedMessage as error:
            refusal = error.message
            continue
        except OmptoolError as error:
            return error.message
        if answer.service_result >> 31:
            refusal = status.name(answer.service_result)
        elif answer.sequence_number != number:
            refusal = f"it sent {answer.sequence_number} instead of {number}"
        else:
            intake.republished(answer, *moment())
    intake.give_up(refusal, before=asked_up_to)
    return ""
