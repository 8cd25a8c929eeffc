"""The one place that runs asyncio and the one place that handles signals.

The first SIGINT or SIGTERM asks the command to stop: it flushes, closes, and the exit code says which signal it was
(130, 143). A second one ends the process at once.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import TYPE_CHECKING, Any

from omptool.cli.exits import ExitCode

if TYPE_CHECKING:
    import asyncio


class Terminated(BaseException):
    """SIGTERM in a command that runs no event loop: unwinds like Ctrl-C, so that half-written files are removed."""


def raise_on_sigterm() -> None:
    """Let SIGTERM unwind the main thread instead of ending it where it stands."""

    def on_signal(_: int, __: FrameType | None) -> None:
        raise Terminated

    signal.signal(signal.SIGTERM, on_signal)


_CODES = {signal.SIGINT: ExitCode.INTERRUPTED, signal.SIGTERM: ExitCode.TERMINATED}


def run_async(work: Callable[[], Coroutine[Any, Any, ExitCode | None]]) -> ExitCode:
    """Run `work()` to its end; a signal cancels it."""

    async def cancelled_by(stop: asyncio.Event) -> ExitCode | None:
        import asyncio

        task = asyncio.ensure_future(work())
        stopped = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
            return None if task.cancelled() else task.result()
        finally:
            stopped.cancel()

    return run_until_stopped(cancelled_by)


def run_until_stopped(
    work: Callable[[asyncio.Event], Coroutine[Any, Any, ExitCode | None]], *, is_busy: bool = False
) -> ExitCode:
    """Run `work(stop)` to its end; a signal sets `stop` and `work` is expected to finish by itself.

    Args:
        is_busy: it has thousands of connections; then uvloop is used where it is installed.

    Returns:
        what `work` returned (None is OK), or 130 / 143 after a signal.
    """
    import asyncio

    received: list[signal.Signals] = []

    async def main() -> ExitCode | None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()

        def on_signal(number: int, _: FrameType | None) -> None:
            name = signal.Signals(number)
            if received:
                os._exit(_CODES[name])
            received.append(name)
            loop.call_soon_threadsafe(stop.set)

        before = {number: signal.signal(number, on_signal) for number in _CODES}
        try:
            return await work(stop)
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    with asyncio.Runner(loop_factory=_quick_loop() if is_busy else None) as runner:
        result = runner.run(main())
    if received:
        return _CODES[received[0]]
    return ExitCode.OK if result is None else result


def loop_name() -> str:
    """What a command with thousands of connections runs on: `uvloop` where it is installed, else `asyncio`."""
    return "asyncio" if _quick_loop() is None else "uvloop"


def _quick_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's, where it is installed (`omptool[fast]`)."""
    try:
        import uvloop
    except ImportError:
        return None
    made: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return made
