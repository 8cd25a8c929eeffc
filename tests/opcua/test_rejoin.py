"""Taking up a subscription again, against a server that says exactly what a test wants it to say."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asyncua import ua
from hypothesis import given
from hypothesis import strategies as st

from omptool.errors import Unreachable
from omptool.model import status
from omptool.model.vocabulary import Origin
from omptool.opcua.faults import from_status
from omptool.opcua.subscribing.rejoin import rejoin
from omptool.opcua.subscribing.subscription import IN_FLIGHT
from omptool.opcua.subscribing.subscription_batch import Event
from omptool.opcua.subscribing.subscription_intake import Intake
from omptool.protocol.ledger import LAST, Range, step
from omptool.protocol.publish import parse_publish_response
from tests.opcua.subscription_script import ScriptedServer, fault, message, values

GOOD = "Good"


class Rejoined(ScriptedServer):
    """A server that is asked for an old subscription.

    Attributes:
        resumed: whether the session is the old one too.
        transfer: StatusCode name of the result, or of the whole answer when `refuses`.
    """

    def __init__(self, *, resumed: bool, transfer: str = GOOD, refuses: bool = False, states: bool = False) -> None:
        super().__init__()
        self.resumed = resumed
        self.transferred = 0
        self._transfer, self._refuses, self._states = transfer, refuses, states
        self.republish_says = ""

    async def ask(self, request: Any) -> Any:
        if not isinstance(request, ua.TransferSubscriptionsRequest):
            return await super().ask(request)
        await asyncio.sleep(0)
        self.transferred += 1
        assert (request.Parameters.SubscriptionIds, request.Parameters.SendInitialValues) == ([77], False)
        code = status.code_of(self._transfer)
        if self._refuses:
            raise from_status(code, "answer TransferSubscriptions", self.url)
        answer = ua.TransferSubscriptionsResponse()
        result = ua.TransferResult()
        result.StatusCode = ua.StatusCode(code)
        result.AvailableSequenceNumbers = list(self.kept) if self._states else []
        answer.Parameters.Results = [result]
        return answer

    def _republish(self, number: int) -> bytes:
        if self.republish_says:
            self.republished.append(number)
            return fault(self.republish_says)
        return super()._republish(number)


def after(*numbers: int) -> tuple[Intake, list[Event]]:
    """The books of a subscription that received these messages before its connection broke."""
    events: list[Event] = []
    intake = Intake(77, events.append)
    for number in numbers:
        intake.published(parse_publish_response(message(number, values(number))), 1, 1)
    return intake, events


def rows(intake: Intake) -> list[tuple[int, Origin]]:
    return [(received.sequence, received.origin) for received in intake.buffer.notifications]


def rejoined(server: Rejoined, intake: Intake) -> str:
    return asyncio.run(rejoin(server, intake))  # type: ignore[arg-type]  # stands in for a Session


def keep(server: Rejoined, *numbers: int) -> None:
    server.kept = {number: values(number) for number in numbers}


def test_in_the_same_session_nobody_asks_whose_the_subscription_is() -> None:
    server = Rejoined(resumed=True)
    keep(server, 3, 4)
    intake, events = after(1, 2)
    assert rejoined(server, intake) == ""
    assert server.transferred == 0
    assert rows(intake)[2:] == [(3, Origin.REPUBLISHED), (4, Origin.REPUBLISHED)]
    assert intake.ledger.expected == 5
    assert [event.kind for event in events] == ["republished", "republished"]


@pytest.mark.parametrize("refuses", [True, False])
def test_nothing_to_do_means_that_it_is_ours_already(refuses: bool) -> None:
    server = Rejoined(resumed=False, transfer="BadNothingToDo", refuses=refuses)
    keep(server, 2)
    intake, _ = after(1)
    assert rejoined(server, intake) == ""
    assert rows(intake)[1:] == [(2, Origin.REPUBLISHED)]


@pytest.mark.parametrize(
    ("name", "refuses"),
    [
        ("BadUserAccessDenied", False),
        ("BadSubscriptionIdInvalid", False),
        ("BadServiceUnsupported", True),
        ("BadNotImplemented", True),
    ],
)
def test_any_other_refusal_means_that_it_is_lost(name: str, refuses: bool) -> None:
    server = Rejoined(resumed=False, transfer=name, refuses=refuses)
    keep(server, 2)
    intake, _ = after(1)
    assert rejoined(server, intake) == f"TransferSubscriptions: {name}"
    assert server.republished == []


def test_what_the_server_says_it_keeps_is_what_is_asked_for() -> None:
    server = Rejoined(resumed=False, states=True)
    keep(server, 1, 2, 3, 9)
    intake, _ = after(1, 2)
    assert rejoined(server, intake) == ""
    assert server.republished == [3, 9]
    assert [str(gap) for gap in intake.ledger.missing] == ["Range(first=4, last=8)"]


def test_a_message_that_is_gone_does_not_stop_the_others() -> None:
    server = Rejoined(resumed=True)
    keep(server, 2, 4, 7)
    intake, _ = after(1)
    assert rejoined(server, intake) == ""
    assert [number for number, _ in rows(intake)] == [1, 2, 4, 7]
    assert server.republished == list(range(2, 12))  # four in a row are not kept: nothing more was under way
    intake.give_up("")
    assert [(gap.first, gap.last) for gap in intake.buffer.gaps] == [(3, 3), (5, 6)]


def test_what_was_missing_before_is_asked_for_first() -> None:
    server = Rejoined(resumed=True)
    keep(server, 2, 4)
    intake, _ = after(1, 3)
    assert rejoined(server, intake) == ""
    assert server.republished[:2] == [2, 4]
    assert (intake.ledger.missing, intake.ledger.expected) == ([], 5)


def test_over_the_wrap() -> None:
    last = 0xFFFF_FFFF
    server = Rejoined(resumed=True)
    keep(server, last, 1, 2)
    intake, _ = after()
    intake.ledger.expected = last
    assert rejoined(server, intake) == ""
    assert [number for number, _ in rows(intake)] == [last, 1, 2]


def test_a_subscription_that_republish_does_not_know_is_lost() -> None:
    server = Rejoined(resumed=True)
    server.republish_says = "BadSubscriptionIdInvalid"
    assert rejoined(server, after(1)[0]) == "Republish: BadSubscriptionIdInvalid"


def test_a_server_without_republish_keeps_the_subscription_all_the_same() -> None:
    server = Rejoined(resumed=True)
    server.republish_says = "BadServiceUnsupported"
    intake, _ = after(1)
    assert rejoined(server, intake) == ""
    assert intake.ledger.missing == []


def test_a_session_that_is_gone_again_decides_nothing() -> None:
    server = Rejoined(resumed=True)
    server.republish_says = "BadSessionIdInvalid"
    with pytest.raises(Unreachable):
        rejoined(server, after(1)[0])


STARTS = st.one_of(st.just(1), st.integers(0, 8).map(lambda back: step(1, -back)), st.integers(1, LAST))
STEPS = st.lists(st.sampled_from(["comes", "lost", "gone", "keep-alive", "cut"]), max_size=30)


@given(STARTS, STEPS, st.booleans())
def test_every_message_is_had_once_or_is_in_a_gap_whatever_the_order(
    first: int, steps: list[str], states: bool
) -> None:
    """comes: received; lost: sent into the void; gone: so, and not kept either; cut: connection lost and resumed."""
    server = Rejoined(resumed=not states, states=states)
    intake, _ = after()
    intake.ledger.expected = number = first
    sent: list[int] = []
    unheard = 0
    for what in [*steps, "cut", "keep-alive", "cut"]:  # the last one stands for the repair that follows a hole
        if what in ("comes", "lost", "gone"):
            unheard = 0 if what == "comes" else unheard + 1
            if unheard > IN_FLIGHT:  # there are no more PublishRequests to answer: it waits in a queue
                continue
            sent.append(number)
            if what != "gone":
                server.kept[number] = values(number)
            if what == "comes":
                intake.published(parse_publish_response(message(number, values(number), available=server.kept)), 1, 1)
            number = step(number)
        elif what == "keep-alive":
            unheard = 0
            intake.published(parse_publish_response(message(number, None, available=server.kept)), 1, 1)
        else:
            assert rejoined(server, intake) == ""
            unheard = 0
    intake.close()
    had = [received.sequence for received in intake.buffer.notifications]
    gaps = [each for gap in intake.buffer.gaps for each in Range(gap.first, gap.last).numbers()]
    assert sorted(had + gaps) == sorted(sent)
    assert set(had) >= set(server.kept) & set(sent)
