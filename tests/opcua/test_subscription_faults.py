"""The publish loop when server, connection or disk fail: what was received is committed, and the ending says why."""

from __future__ import annotations

import asyncio

import pytest

from omptool.errors import DiskFull
from omptool.opcua.subscribing.subscription_batch import EndKind, StoreFailed
from tests.opcua.subscription_run import Run, scripted
from tests.opcua.subscription_script import message, publish_time, values


def test_too_many_requests_lowers_the_number_in_flight() -> None:
    async def script(run: Run) -> None:
        await run.server.idle(3)
        await run.server.fail("BadTooManyPublishRequests")
        await run.server.send(1)
        await run.server.send(2)
        await run.holds(lambda: run.numbers == [1, 2])
        await run.server.idle(2)
        assert run.server.in_flight == 2
        assert [event.detail for event in run.kinds("publish_requests")] == [{"in_flight": 2}]
        await run.server.fail("BadTooManyPublishRequests")
        await run.server.fail("BadTooManyPublishRequests")
        await run.server.send(3)
        await run.holds(lambda: run.numbers == [1, 2, 3])
        assert not run.task.done()
        await run.finish()

    asyncio.run(scripted(script))


@pytest.mark.parametrize("name", ["BadNoSubscription", "BadSessionIdInvalid", "BadSecureChannelClosed"])
def test_a_server_that_no_longer_publishes_has_lost_the_subscription(name: str) -> None:
    async def script(run: Run) -> None:
        await run.server.send(1)
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
            await run.server.send(number)
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
        assert ending.kind is EndKind.STALE
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
        await run.server.send(2)
        await run.holds(lambda: sorted(run.numbers) == [1, 2])
        await run.finish()
        assert len(run.kinds("malformed")) == 1
        assert run.gaps == []

    asyncio.run(scripted(script))


def test_a_last_message_that_does_not_decode_is_a_gap() -> None:
    async def script(run: Run) -> None:
        await run.server.send(1)
        await run.server.answer(message(2, values(2))[:-9])
        await run.server.idle(3)
        await run.finish()
        assert (run.numbers, run.gaps) == ([1], [(2, 2)])

    asyncio.run(scripted(script))


def test_a_keep_alive_behind_a_message_that_does_not_decode_says_whether_it_mattered() -> None:
    async def script(run: Run) -> None:
        await run.server.send(1)
        await run.server.answer(message(2, None)[:-9])
        await run.server.keep_alive(2)
        await run.server.idle(3)
        await run.finish()
        assert (run.numbers, run.gaps) == ([1], [])

    asyncio.run(scripted(script))


def test_an_answer_for_another_subscription_is_noted_once() -> None:
    async def script(run: Run) -> None:
        stranger = message(1, values(1)).replace(bytes((77, 0, 0, 0)), bytes((78, 0, 0, 0)), 1)
        await run.server.answer(stranger)
        await run.server.answer(stranger)
        await run.server.send(1)
        await run.holds(lambda: run.numbers == [1])
        await run.finish()
        assert [event.detail for event in run.kinds("stranger")] == [{"subscription_id": 78}]

    asyncio.run(scripted(script))


def test_a_server_that_sends_only_nonsense_is_given_up() -> None:
    async def script(run: Run) -> None:
        while not run.task.done():
            answering = asyncio.create_task(run.server.answer(message(1, values(1))[:-9]))
            await asyncio.wait({answering, run.task}, return_when=asyncio.FIRST_COMPLETED)
            answering.cancel()
        assert run.task.result().kind is EndKind.STALE
        assert run.numbers == []

    asyncio.run(scripted(script, publishing_ms=10.0, keep_alive_count=2, timeout_s=0.05))


def test_a_slow_disk_stops_the_requests_and_nothing_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omptool.opcua.subscribing.subscription_batch.FLUSH_ITEMS", 2)
    monkeypatch.setattr("omptool.opcua.subscribing.subscription_batch.MOST_FLUSHES_BEHIND", 2)

    async def script(run: Run) -> None:
        run.gate.clear()
        sent = 0
        while sent < 4 or run.server.in_flight:
            await run.server.send(sent + 1)
            sent += 1
            for _ in range(20):
                await asyncio.sleep(0)
        assert sent < 15
        run.gate.set()
        await run.holds(lambda: len(run.numbers) == sent)
        await run.server.idle(3)
        await run.server.send(sent + 1)
        await run.holds(lambda: len(run.numbers) == sent + 1)
        await run.finish()
        assert run.numbers == list(range(1, sent + 2))
        assert run.kinds("client_slow")[0].detail["seconds"] >= 0

    asyncio.run(scripted(script))


def test_what_commit_raises_ends_the_run() -> None:
    async def script(run: Run) -> None:
        run.failure = DiskFull("no space left")
        await run.server.send(1)
        with pytest.raises(StoreFailed, match="DiskFull"):
            await run.task
        assert run.server.acknowledged == []

    asyncio.run(scripted(script))


def test_a_full_disk_at_the_very_end_is_not_swallowed() -> None:
    async def script(run: Run) -> None:
        await run.server.idle(3)
        await run.server.send(1)
        run.failure = DiskFull("no space left")
        with pytest.raises(StoreFailed, match="DiskFull"):
            await run.finish()

    asyncio.run(scripted(script))


def test_values_wait_until_the_items_are_known() -> None:
    async def script(run: Run) -> None:
        for number in range(1, 4):
            await run.server.send(number)
        await run.holds(lambda: len(run.numbers) == 3)
        assert run.created is not None
        assert [item.requested.handle for item in run.created.items] == list(range(1, 51))
        await run.finish()

    asyncio.run(scripted(script, items=50))
