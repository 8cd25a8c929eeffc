"""Pages that a coroutine has, written by a thread: in order, as many as wanted, never a half as if it were whole."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Iterator

import pytest

from omptool.cli.streaming import written
from omptool.errors import Unreachable


class Pages:
    """Numbers without end; `closed` once nobody wants more."""

    def __init__(self, ends_at: int | None = None, fails_at: int | None = None) -> None:
        self.closed = False
        self._ends_at, self._fails_at = ends_at, fails_at

    async def __call__(self) -> AsyncGenerator[int]:
        number = 0
        try:
            while number != self._ends_at:
                await asyncio.sleep(0)
                if number == self._fails_at:
                    raise Unreachable("it is gone")
                yield number
                number += 1
        finally:
            self.closed = True


def test_pages_come_in_order_and_all_of_them() -> None:
    pages, taken = Pages(ends_at=100), []
    asyncio.run(written(pages(), taken.extend))
    assert taken == list(range(100))
    assert pages.closed


def test_a_writer_that_has_enough_ends_the_pages() -> None:
    pages, taken = Pages(), []

    def three(numbers: Iterator[int]) -> None:
        taken.extend(next(numbers) for _ in range(3))

    asyncio.run(written(pages(), three))
    assert taken == [0, 1, 2]
    assert pages.closed


def test_what_the_pages_raise_is_raised() -> None:
    pages = Pages(fails_at=2)
    with pytest.raises(Unreachable, match="it is gone"):
        asyncio.run(written(pages(), list))
    assert pages.closed


def test_what_the_writer_raises_is_raised() -> None:
    pages = Pages()

    def full(numbers: Iterator[int]) -> None:
        next(numbers)
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        asyncio.run(written(pages(), full))
    assert pages.closed


def test_cancelled_the_writer_gets_no_end() -> None:
    pages, begun, outcome = Pages(), threading.Event(), []

    def write(numbers: Iterator[int]) -> None:
        try:
            for _ in numbers:
                begun.set()
            outcome.append("whole")
        except BaseException as error:
            outcome.append(type(error).__name__)
            raise

    async def main() -> None:
        task = asyncio.create_task(written(pages(), write))
        await asyncio.to_thread(begun.wait, 30)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert outcome == ["CancelledError"]
    assert pages.closed
