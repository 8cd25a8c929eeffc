"""A time limit is one, whatever asyncua makes of the moment in which it is over."""

from __future__ import annotations

import asyncio
import time

import pytest
from asyncua.common.utils import wait_for

from omptool.opcua.subscribing.waiting import limited


def test_an_answer_in_the_moment_in_which_the_time_is_over_is_no_cancellation() -> None:
    """A busy loop finds both due at once; asyncio.timeout alone lets a CancelledError through that nobody asked for."""

    async def ask() -> None:
        answer = asyncio.get_running_loop().create_future()
        with pytest.raises(TimeoutError):
            async with limited(0.01):
                asyncio.get_running_loop().call_later(0.02, answer.set_result, None)
                asyncio.get_running_loop().call_soon(time.sleep, 0.05)
                await wait_for(answer, 10)
        task = asyncio.current_task()
        assert task is not None and not task.cancelling()

    asyncio.run(ask())


def test_who_is_cancelled_stays_cancelled() -> None:
    async def work() -> None:
        async with limited(60):
            await asyncio.sleep(60)

    async def main() -> bool:
        task = asyncio.create_task(work())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled()

    assert asyncio.run(main())


def test_without_a_limit_nothing_ends() -> None:
    async def main() -> int:
        async with limited(None):
            await asyncio.sleep(0)
            return 7

    assert asyncio.run(main()) == 7
