"""The account that goes with every batch: what came, what is missing, and why, whatever a server does."""

from __future__ import annotations

import asyncio

import pytest

from omptool.opcua.subscribing.subscription_batch import Event
from omptool.opcua.subscribing.subscription_intake import Intake
from omptool.protocol.publish import Events, PublishAnswer, tells_overflow
from omptool.protocol.statement import Statement
from tests.opcua.subscription_run import Run, scripted


def account(run: Run) -> Statement:
    statement = run.batches[-1].statement
    assert statement is not None
    return statement


def test_an_account_counts_messages_values_and_keep_alives() -> None:
    async def script(run: Run) -> None:
        await run.server.send(1)
        await run.server.keep_alive(2)
        await run.server.send(2)
        await run.holds(lambda: run.numbers == [1, 2])
        await run.finish()
        said = account(run)
        assert (said.first, said.next, said.received, said.values) == (1, 3, 2, 2)
        assert (said.keep_alives, said.lost, said.missing, said.bare) == (1, 0, (), 0)

    asyncio.run(scripted(script))


def test_what_the_server_has_no_longer_is_lost_and_what_it_still_has_is_sent_again() -> None:
    async def script(run: Run) -> None:
        await run.server.send(1)
        run.server.kept[2] = [(1, 2.0)]
        await run.server.send(4)
        await run.holds(lambda: run.gaps == [(3, 3)] and 2 in run.numbers)
        await run.finish()
        said = account(run)
        assert (said.received, said.republished, said.lost, said.next) == (3, 1, 1, 5)

    asyncio.run(scripted(script))


def test_a_silent_subscription_has_an_account_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omptool.opcua.subscribing.subscription.STATEMENT_S", 0.0)

    async def script(run: Run) -> None:
        await run.server.keep_alive(1)
        await run.server.keep_alive(1)
        await run.holds(lambda: bool(run.batches) and account(run).keep_alives == 2)
        assert run.numbers == []
        await run.finish()

    asyncio.run(scripted(script))


@pytest.mark.parametrize("name", ["BadTimeout", "GoodSubscriptionTransferred"])
def test_a_subscription_that_the_server_ends_is_accounted_for_to_its_last_message(name: str) -> None:
    async def script(run: Run) -> None:
        await run.server.send(1)
        await run.server.status_change(2, name)
        ending = await run.task
        assert name in ending.cause
        assert (account(run).received, account(run).bare, account(run).next) == (2, 1, 3)

    asyncio.run(scripted(script))


def test_a_missing_number_that_the_server_stops_keeping_is_an_overrun() -> None:
    intake = Intake(77, lambda event: None)
    for answer in (
        PublishAnswer(0, 77, 3, 30, available=(1, 2, 3)),
        PublishAnswer(0, 77, 3, 40, available=(2, 3)),
        PublishAnswer(0, 77, 3, 50, more_notifications=True, available=(3,)),
    ):
        intake.published(answer, 0, 0)
    said = intake.statement()
    assert (said.overruns, said.more) == (2, 1)
    assert [(hole.first, hole.last, hole.after_ticks) for hole in said.missing] == [(1, 2, 30)]


def test_giving_up_many_holes_takes_time_in_proportion() -> None:
    intake = Intake(77, lambda event: None)
    for number in range(2, 60_000, 2):
        intake.published(PublishAnswer(0, 77, number + 1, number), 0, 0)
        intake.ledger.expected = number + 2  # the message after it came
    intake.give_up("")
    assert len(intake.buffer.gaps) == 29_999
    assert intake.statement().missing == ()


NODE_ID = {"four bytes": b"\x11\x01\x00\xdb\x0b", "numeric": b"\x11\x02\x00\x00\xdb\x0b\x00\x00"}


@pytest.mark.parametrize("event_type", NODE_ID.values(), ids=NODE_ID)
def test_an_overflow_of_events_is_recognised_by_its_type(event_type: bytes) -> None:
    events = Events(1, b"\x05\0\0\0" + b"\x02\0\0\0" + b"\x06\x01\0\0\0" + event_type)
    assert tells_overflow(events)
    told: list[Event] = []
    intake = Intake(77, told.append)
    intake.published(PublishAnswer(0, 77, 1, 10, notifications=(events,)), 0, 0)
    assert [event.kind for event in told] == ["event_overflow"]
    assert intake.statement().event_overflows == 1


@pytest.mark.parametrize("items", [b"", b"\x05\0\0\0\x01\0\0\0\x06\x01\0\0\0", b"\xff" * 9])
def test_other_events_and_bytes_that_are_none_tell_nothing(items: bytes) -> None:
    assert not tells_overflow(Events(1, items))
