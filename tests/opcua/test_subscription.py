"""The publish loop against a server that does every legal and illegal thing with its sequence numbers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from omptool.errors import DiskFull
from omptool.model.vocabulary import Origin
from omptool.opcua.items import RequestedItem
from omptool.opcua.subscription import Subscriber, Subscription
from omptool.opcua.subscription_batch import Batch, Ending, EndKind, Event
from omptool.protocol.ledger import LAST, step
from tests.opcua.subscription_script import ScriptedServer, message, publish_time, values


class Run:
    """A subscriber at work, with what it handed on."""

    def __init__(self, server: ScriptedServer, *, in_flight: int = 3, items: int = 1) -> None:
        self.server = server
        self.batches: list[Batch] = []
        self.events: list[Event] = []
        self.created: Subscription | None = None
        self.stop = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()
        self.failure: Exception | None = None
        self._changed = asyncio.Condition()
        self.subscriber = Subscriber(
            server,  # type: ignore[arg-type]
            [RequestedItem(f"ns=2;i={number}", number) for number in range(1, items + 1)],
            publishing_ms=20.0,
            commit=self._commit,
            on_created=self._on_created,
            on_event=self.events.append,
            in_flight=in_flight,
        )
        self.task = asyncio.create_task(self.subscriber.run(self.stop))

    async def _on_created(self, subscription: Subscription) -> None:
        self.created = subscription

    async def _commit(self, batch: Batch) -> None:
        await self.gate.wait()
        if self.failure:
            raise self.failure
        async with self._changed:
            self.batches.append(batch)
            self._changed.notify_all()

    @property
    def numbers(self) -> list[int]:
        return [received.sequence for batch in self.batches for received in batch.notifications]

    @property
    def gaps(self) -> list[tuple[int, int]]:
        return [(gap.first, gap.last) for batch in self.batches for gap in batch.gaps]

    def kinds(self, kind: str) -> list[Event]:
        return [event for event in self.events if event.kind == kind]

    async def holds(self, condition: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(condition)

    async def finish(self) -> Ending:
        self.stop.set()
        return await self.task


def scripted(
    script: Callable[[Run], Awaitable[None]], *, in_flight: int = 3, items: int = 1, **options: Any
) -> Coroutine[Any, Any, None]:
    async def main() -> None:
        run = Run(ScriptedServer(**options), in_flight=in_flight, items=items)
        try:
            async with asyncio.timeout(60):
                await script(run)
        finally:
            run.task.cancel()
            await asyncio.gather(run.task, return_exceptions=True)

    return main()


def test_three_requests_are_in_flight_and_every_message_is_handed_on_in_order() -> None:
    async def script(run: Run) -> None:
        for number in range(1, 51):
            await run.server.publish(number)
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
            await run.server.publish(number)
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


def test_acknowledgements_of_a_request_without_an_answer_are_sent_again() -> None:
    async def script(run: Run) -> None:
        await run.server.publish(1)
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
        await run.server.publish(1)
        run.server.kept[2] = values(2)
        await run.server.publish(3)
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
        await run.server.publish(1)
        run.server.kept[2] = values(2)
        await run.server.keep_alive(3)
        await run.holds(lambda: run.numbers == [1, 2])
        await run.server.publish(3)
        await run.holds(lambda: run.numbers == [1, 2, 3])
        await run.finish()
        assert run.gaps == []

    asyncio.run(scripted(script))


def test_keep_alives_use_up_no_number() -> None:
    async def script(run: Run) -> None:
        await run.server.keep_alive(1)
        await run.server.publish(1)
        for _ in range(5):
            await run.server.keep_alive(2)
        await run.server.publish(2)
        await run.holds(lambda: run.numbers == [1, 2])
        await run.finish()
        assert run.gaps == []
        assert run.server.republished == []
        assert run.subscriber.ledger.keep_alives == 6

    asyncio.run(scripted(script))


def test_what_the_server_no_longer_has_becomes_a_gap_with_times_around_it() -> None:
    async def script(run: Run) -> None:
        await run.server.publish(99, available=[99])
        await run.holds(lambda: run.gaps == [(1, 98)])
        await run.server.publish(150, available=[149, 150])
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
        await run.server.publish(1)
        run.server.kept |= {3: values(3)}
        await run.server.publish(5)
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
            await run.server.publish(number)
            number = step(number)
        await run.holds(lambda: len(run.numbers) == 4)
        await run.finish()
        assert run.numbers == [LAST - 1, LAST, 1, 2]
        assert run.gaps == []

    asyncio.run(scripted(script))


def test_a_message_sent_twice_is_handed_on_once() -> None:
    async def script(run: Run) -> None:
        await run.server.publish(1)
        await run.server.publish(1)
        await run.server.publish(2)
        await run.holds(lambda: run.numbers[-1:] == [2])
        await run.finish()
        assert run.numbers == [1, 2]
        assert run.subscriber.ledger.duplicates == 1

    asyncio.run(scripted(script))


def test_too_many_requests_lowers_the_number_in_flight() -> None:
    async def script(run: Run) -> None:
        await run.server.idle(3)
        await run.server.fail("BadTooManyPublishRequests")
        await run.server.publish(1)
        await run.server.publish(2)
        await run.holds(lambda: run.numbers == [1, 2])
        await run.server.idle(2)
        assert run.server.in_flight == 2
        assert [event.detail for event in run.kinds("publish_requests")] == [{"in_flight": 2}]
        await run.server.fail("BadTooManyPublishRequests")
        await run.server.fail("BadTooManyPublishRequests")
        await run.server.publish(3)
        await run.holds(lambda: run.numbers == [1, 2, 3])
        assert not run.task.done()
        await run.finish()

    asyncio.run(scripted(script))


@pytest.mark.parametrize("name", ["BadNoSubscription", "BadSessionIdInvalid", "BadSecureChannelClosed"])
def test_a_server_that_no_longer_publishes_has_lost_the_subscription(name: str) -> None:
    async def script(run: Run) -> None:
        await run.server.publish(1)
        await run.server.fail(name)
        ending = await run.task
        assert ending.kind is EndKind.LOST
        assert name in ending.cause
        assert run.numbers == [1]
        assert not run.server.deleted.is_set()

    asyncio.run(scripted(script))


def test_a_broken_connection_ends_the_run_with_everything_committed() -> None:
    async def script(run: Run) -> None:
        for number in range(1, 6):
            await run.server.publish(number)
        await run.server.idle(3)
        run.server.cut()
        ending = await run.task
        assert (ending.kind, ending.last_ticks) == (EndKind.LOST, publish_time(5))
        assert "connection reset" in ending.cause
        assert run.numbers == [1, 2, 3, 4, 5]

    asyncio.run(scripted(script))


def test_silence_longer_than_the_revised_keep_alive_is_a_lost_connection() -> None:
    async def script(run: Run) -> None:
        ending = await run.task
        assert ending.kind is EndKind.LOST
        assert "no message for" in ending.cause

    asyncio.run(scripted(script, publishing_ms=10.0, keep_alive_count=2, timeout_s=0.05))


@pytest.mark.parametrize(
    ("name", "ends"), [("BadTimeout", True), ("GoodSubscriptionTransferred", True), ("Good", False)]
)
def test_a_status_change_ends_the_subscription_or_is_only_noted(name: str, ends: bool) -> None:
    async def script(run: Run) -> None:
        await run.server.status_change(1, name)
        if ends:
            ending = await run.task
            assert ending.kind is EndKind.LOST
            assert name in ending.cause
        else:
            await run.server.keep_alive(2)
            await run.server.acknowledges(1)
            await run.finish()
        assert [event.detail["status"] for event in run.kinds("status_change")] == [name]

    asyncio.run(scripted(script))


def test_a_message_that_does_not_decode_is_asked_for_again() -> None:
    async def script(run: Run) -> None:
        await run.server.answer(message(1, values(1))[:-9])
        run.server.kept[1] = values(1)
        await run.server.publish(2)
        await run.holds(lambda: sorted(run.numbers) == [1, 2])
        await run.finish()
        assert len(run.kinds("malformed")) == 1
        assert run.gaps == []

    asyncio.run(scripted(script))


def test_a_server_that_sends_only_nonsense_is_given_up() -> None:
    async def script(run: Run) -> None:
        while not run.task.done():
            answering = asyncio.create_task(run.server.answer(message(1, values(1))[:-9]))
            await asyncio.wait({answering, run.task}, return_when=asyncio.FIRST_COMPLETED)
            answering.cancel()
        assert run.task.result().kind is EndKind.LOST
        assert run.numbers == []

    asyncio.run(scripted(script, publishing_ms=10.0, keep_alive_count=2, timeout_s=0.05))


def test_a_slow_disk_stops_the_requests_and_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omptool.opcua.subscription_batch.FLUSH_ITEMS", 2)
    monkeypatch.setattr("omptool.opcua.subscription_batch.MOST_FLUSHES_BEHIND", 2)

    async def script(run: Run) -> None:
        run.gate.clear()
        sent = 0
        while sent < 4 or run.server.in_flight:
            await run.server.publish(sent + 1)
            sent += 1
            for _ in range(20):
                await asyncio.sleep(0)
        assert sent < 15
        run.gate.set()
        await run.holds(lambda: len(run.numbers) == sent)
        await run.server.idle(3)
        await run.server.publish(sent + 1)
        await run.holds(lambda: len(run.numbers) == sent + 1)
        await run.finish()
        assert run.numbers == list(range(1, sent + 2))
        assert run.kinds("client_slow")[0].detail["seconds"] >= 0

    asyncio.run(scripted(script))


def test_what_commit_raises_ends_the_run() -> None:
    async def script(run: Run) -> None:
        run.failure = DiskFull("no space left")
        await run.server.publish(1)
        with pytest.raises(DiskFull):
            await run.task
        assert run.server.acknowledged == []

    asyncio.run(scripted(script))


def test_a_full_disk_at_the_very_end_is_not_swallowed() -> None:
    async def script(run: Run) -> None:
        await run.server.idle(3)
        await run.server.publish(1)
        run.failure = DiskFull("no space left")
        with pytest.raises(DiskFull):
            await run.finish()

    asyncio.run(scripted(script))


def test_values_wait_until_the_items_are_known() -> None:
    async def script(run: Run) -> None:
        for number in range(1, 4):
            await run.server.publish(number)
        await run.holds(lambda: len(run.numbers) == 3)
        assert run.created is not None
        assert [item.requested.handle for item in run.created.items] == list(range(1, 51))
        await run.finish()

    asyncio.run(scripted(script, items=50))
