"""The publish loop against a server that does every legal and illegal thing with its sequence numbers."""

from __future__ import annotations

import asyncio

import pytest

from omptool.model.vocabulary import Origin
from omptool.opcua.subscribing.subscription_batch import EndKind
from omptool.protocol.ledger import LAST, Arrival, Ledger, step
from tests.opcua.subscription_run import Run, scripted
from tests.opcua.subscription_script import message, publish_time, values


def test_three_requests_are_in_flight_and_every_message_is_handed_on_in_order() -> None:
    async def script(run: Run) -> None:
        for number in range(1, 51):
            await run.server.send(number)
        await run.holds(lambda: len(run.numbers) == 50)
        ending = await run.finish()
        assert run.numbers == list(range(1, 51))
        assert run.server.most_waiting == 3
        assert (ending.kind, ending.cause, ending.sub) == (EndKind.STOPPED, "", 77)
        assert ending.last_ticks == publish_time(50)
        assert run.server.deleted.is_set()
        assert run.gaps == []
        first = run.batches[0].notifications[0]
        assert (first.publish_ticks, first.origin, first.notification.count) == (publish_time(1), Origin.LIVE, 1)
        assert run.batches[0].server == "urn:scripted"

    asyncio.run(scripted(script))


def test_nothing_is_acknowledged_before_it_is_committed() -> None:
    async def script(run: Run) -> None:
        run.gate.clear()
        for number in range(1, 10):
            await run.server.send(number)
        await run.server.keep_alive(10)
        await run.server.idle(3)
        assert run.server.acknowledged == []
        run.gate.set()
        await run.holds(lambda: len(run.numbers) == 9)
        await run.server.keep_alive(10)
        await run.server.acknowledges(*range(1, 10))
        assert run.server.kept == {}
        await run.finish()

    asyncio.run(scripted(script))


def test_what_came_while_the_items_were_being_written_down_is_handed_on_though_it_is_stopped() -> None:
    async def script(run: Run) -> None:
        run.told.clear()
        for number in range(1, 4):
            await run.server.send(number)
        run.stop.set()
        await run.server.deleted.wait()
        assert run.numbers == []
        run.told.set()
        await run.task
        assert run.numbers == [1, 2, 3]

    asyncio.run(scripted(script))


def test_acknowledgements_of_a_request_without_an_answer_are_sent_again() -> None:
    async def script(run: Run) -> None:
        await run.server.send(1)
        await run.holds(lambda: run.numbers == [1])
        await run.server.keep_alive(2)
        await run.server.acknowledges(1)
        await run.server.fail("BadTimeout")
        await run.server.fail("BadTimeout")
        await run.server.fail("BadTimeout")
        await run.server.idle(3)
        assert run.server.acknowledged.count(1) == 2
        assert not run.task.done()
        await run.finish()

    asyncio.run(scripted(script, publishing_ms=5.0))


def test_a_skipped_message_is_republished_and_marked() -> None:
    async def script(run: Run) -> None:
        await run.server.send(1)
        run.server.kept[2] = values(2)
        await run.server.send(3)
        await run.holds(lambda: sorted(run.numbers) == [1, 2, 3])
        await run.finish()
        origins = {received.sequence: received.origin for batch in run.batches for received in batch.notifications}
        assert origins == {1: Origin.LIVE, 2: Origin.REPUBLISHED, 3: Origin.LIVE}
        assert run.gaps == []
        assert run.server.republished == [2]
        assert [event.detail["sequence"] for event in run.kinds("republished")] == [2]

    asyncio.run(scripted(script))


def test_a_message_lost_before_a_keep_alive_is_republished() -> None:
    async def script(run: Run) -> None:
        await run.server.send(1)
        run.server.kept[2] = values(2)
        await run.server.keep_alive(3)
        await run.holds(lambda: run.numbers == [1, 2])
        await run.server.send(3)
        await run.holds(lambda: run.numbers == [1, 2, 3])
        await run.finish()
        assert run.gaps == []

    asyncio.run(scripted(script))


def test_keep_alives_use_up_no_number() -> None:
    async def script(run: Run) -> None:
        await run.server.keep_alive(1)
        await run.server.send(1)
        for _ in range(5):
            await run.server.keep_alive(2)
        await run.server.send(2)
        await run.holds(lambda: run.numbers == [1, 2])
        await run.finish()
        assert run.gaps == []
        assert run.server.republished == []
        assert run.subscriber.ledger.keep_alives == 6

    asyncio.run(scripted(script))


def test_what_the_server_no_longer_has_becomes_a_gap_with_times_around_it() -> None:
    async def script(run: Run) -> None:
        await run.server.send(99, available=[99])
        await run.holds(lambda: run.gaps == [(1, 98)])
        await run.server.send(150, available=[149, 150])
        await run.holds(lambda: len(run.gaps) == 2)
        await run.finish()
        gap = run.batches[-1].gaps[0] if run.batches[-1].gaps else run.batches[-2].gaps[0]
        assert (gap.first, gap.last, gap.missing) == (100, 149, 50)
        assert (gap.before_ticks, gap.after_ticks) == (publish_time(99), publish_time(150))
        assert gap.answer == "BadMessageNotAvailable"
        assert run.numbers == [99, 150]

    asyncio.run(scripted(script))


def test_the_middle_of_a_hole_can_come_back() -> None:
    async def script(run: Run) -> None:
        await run.server.send(1)
        run.server.kept |= {3: values(3)}
        await run.server.send(5)
        await run.holds(lambda: run.gaps == [(2, 2), (4, 4)])
        await run.finish()
        assert sorted(run.numbers) == [1, 3, 5]

    asyncio.run(scripted(script))


def test_numbers_wrap_around() -> None:
    async def script(run: Run) -> None:
        await run.holds(lambda: True)
        await run.server.idle(3)
        run.subscriber.ledger.expected = LAST - 1
        number = LAST - 1
        for _ in range(4):
            await run.server.send(number)
            number = step(number)
        await run.holds(lambda: len(run.numbers) == 4)
        await run.finish()
        assert run.numbers == [LAST - 1, LAST, 1, 2]
        assert run.gaps == []

    asyncio.run(scripted(script))


def test_a_message_sent_twice_is_handed_on_once() -> None:
    async def script(run: Run) -> None:
        await run.server.send(1)
        await run.server.send(1)
        await run.server.send(2)
        await run.holds(lambda: run.numbers[-1:] == [2])
        await run.finish()
        assert run.numbers == [1, 2]
        assert run.subscriber.ledger.duplicates == 1
        assert [event.detail["sequence"] for event in run.kinds("duplicate")] == [1]

    asyncio.run(scripted(script))


@pytest.mark.parametrize("numbers", [[1, 2, 3, 1, 2, 3, 4], [1, 1, 1]])
def test_an_old_number_with_new_content_is_no_repetition(numbers: list[int]) -> None:
    async def script(run: Run) -> None:
        for value, number in enumerate(numbers):
            await run.server.answer(message(number, [(1, 100.0 + value)]))
        await run.holds(lambda: len(run.numbers) == len(numbers))
        await run.server.idle(3)
        await run.finish()
        assert run.numbers == numbers
        assert len(run.kinds("sequence_reused")) == 1
        assert set(run.server.acknowledged) <= set(numbers)

    asyncio.run(scripted(script))


def test_a_reused_number_is_not_acknowledged_before_its_new_content_is_committed() -> None:
    ledger = Ledger()
    assert ledger.notification(1) is Arrival.NEW
    ledger.committed([1])
    assert ledger.take_acknowledgements(9) == (1,)
    assert ledger.notification(1) is Arrival.DUPLICATE
    ledger.reuse(1)
    assert ledger.take_acknowledgements(9) == ()
    ledger.committed([1])
    assert (ledger.take_acknowledgements(9), ledger.received, ledger.duplicates) == ((1,), 2, 0)
