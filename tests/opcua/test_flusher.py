"""One beat for all: who is taken when, who may be asked, and who gets a turn."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from omptool.opcua.subscribing import flusher
from omptool.opcua.subscribing.flusher import Due, Flusher
from omptool.opcua.subscribing.gate import Gate
from omptool.opcua.subscribing.subscription_batch import Batch


class Teller:
    """A source that tells what became of its batches."""

    def __init__(self, name: str) -> None:
        self.owner = name
        self.taken = 0
        self.outcomes: list[BaseException | None] = []
        self.told = asyncio.Event()

    def take(self) -> Batch:
        self.taken += 1
        return Batch(self.owner, ())

    def stored(self, batch: Batch, error: BaseException | None) -> None:
        assert batch.server == self.owner
        self.outcomes.append(error)
        self.told.set()


def test_whoever_has_data_is_stored_together_and_told_what_became_of_it() -> None:
    calls: list[list[str]] = []
    failure = ValueError("odd")

    async def store(due: Sequence[Due]) -> Sequence[Exception | None]:
        calls.append([each.source.owner for each in due])
        await asyncio.sleep(0)
        return [failure if each.source.owner == "b" else None for each in due]

    async def main() -> None:
        beat = Flusher(store)
        a, b, c = Teller("a"), Teller("b"), Teller("c")
        for source in (a, b, a):
            beat.has_data(source)
        beat.has_data(c)
        beat.forget(c)
        beat.has_data(b, urgent=True)
        await b.told.wait()
        assert (a.outcomes, b.outcomes, c.taken) == ([None], [failure], 0)
        assert calls == [["a", "b"]]
        beat.has_data(c, urgent=True)
        await c.told.wait()
        assert calls[1:] == [["c"]]

    asyncio.run(main())


def test_a_store_that_fails_fails_for_all() -> None:
    async def store(due: Sequence[Due]) -> Sequence[Exception | None]:
        raise OSError("no space left")

    async def main() -> None:
        beat = Flusher(store)
        a, b = Teller("a"), Teller("b")
        beat.has_data(a)
        beat.has_data(b, urgent=True)
        await b.told.wait()
        assert [str(error) for error in (*a.outcomes, *b.outcomes)] == ["no space left"] * 2

    asyncio.run(main())


def test_nothing_is_taken_while_something_is_stored_and_too_much_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flusher, "MOST_BYTES", 100)

    async def main() -> None:
        gate, entered = asyncio.Event(), asyncio.Event()

        async def store(due: Sequence[Due]) -> Sequence[Exception | None]:
            entered.set()
            await gate.wait()
            return [None for _ in due]

        beat = Flusher(store)
        a, b = Teller("a"), Teller("b")
        beat.has_data(a, size=60, urgent=True)
        await entered.wait()
        beat.has_data(a, size=60)
        assert not beat.is_full
        beat.has_data(b, size=40, urgent=True)
        full = beat.is_full
        for _ in range(10):
            await asyncio.sleep(0)
        assert (a.taken, b.taken, full) == (1, 0, True)
        gate.set()
        await b.told.wait()
        assert (a.taken, b.taken, beat.is_full) == (2, 1, False)

    asyncio.run(main())


def test_few_have_a_turn_at_a_time_in_the_order_of_arrival() -> None:
    async def main() -> None:
        gate, order, most = Gate(2, lease_s=60), [], 0
        inside = 0

        async def work(number: int) -> None:
            nonlocal inside, most
            async with gate.turn():
                inside += 1
                most = max(most, inside)
                order.append(number)
                await asyncio.sleep(0)
                inside -= 1

        await asyncio.gather(*(work(number) for number in range(6)))
        assert (order, most) == ([0, 1, 2, 3, 4, 5], 2)

    asyncio.run(main())


def test_who_hangs_keeps_nobody_out_and_gives_back_one_place_only() -> None:
    async def main() -> None:
        gate = Gate(1, lease_s=0.01)
        hanging = await gate.enter()
        second = await gate.enter()  # the lease of the first one ran out
        hanging.leave()
        third = asyncio.create_task(gate.enter())
        await asyncio.sleep(0)
        assert not third.done()
        second.leave()
        (await third).leave()

    asyncio.run(main())
