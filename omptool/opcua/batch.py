"""Many operations in few requests: cut by the server's limits, several in flight, smaller where it says too many.

Adapts to slow servers: a request that gets no answer in time is asked again in parts, and one that takes long makes
those that follow smaller.

Knows nothing of what the operations are. The order of the answers is the order of the items.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from omptool.errors import MalformedMessage, OmptoolError
from omptool.model import status
from omptool.opcua import faults

if TYPE_CHECKING:
    from omptool.opcua.session import Session

Item = TypeVar("Item")
Result = TypeVar("Result")

IN_FLIGHT = 4
"""Requests sent before the first is answered: enough to keep a server busy, few enough for its other clients."""

TOO_MUCH = frozenset(
    status.code_of(name)
    for name in (
        "BadTooManyOperations",
        "BadResponseTooLarge",
        "BadRequestTooLarge",
        "BadTcpMessageTooLarge",
        "BadEncodingLimitsExceeded",
    )
)
"""ServiceResults that a smaller request may avoid: limits that servers have but do not always state."""

TOO_SLOW = frozenset(status.code_of(name) for name in ("BadTimeout", "BadRequestTimeout", "BadServerTooBusy"))
"""ServiceResults of a server that did not finish in time."""

TARGET_S = 2.0
"""An answer that takes longer makes the requests that follow smaller: the server has other clients."""
_LEAST = 50
"""A slow answer alone makes requests no smaller than this."""
_PARTS = 8
"""Into so many parts is asked again what got no answer: waiting is what costs."""
_SILENCES = 8
"""After so many without an answer in between nobody is there any more."""


def matched(results: list[Result], expected: int) -> list[Result]:
    """`results`, if there is one per operation as Part 4 demands.

    Raises:
        MalformedMessage: there is not.
    """
    expect(len(results), expected)
    return results


def expect(answered: int, asked: int) -> None:
    """Refuse an answer to more or fewer operations than were asked.

    Raises:
        MalformedMessage: nobody knows which result belongs to which operation.
    """
    if answered != asked:
        raise MalformedMessage(f"the server answered {answered} of {asked} operations")


def _cut(items: Sequence[Item], size: int) -> list[Sequence[Item]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


async def run(
    session: Session,
    items: Sequence[Item],
    size: int,
    request: Callable[[Sequence[Item]], Any],
    decode: Callable[[bytes, Sequence[Item]], list[Result]],
    *,
    unanswered: Callable[[Item], Result] | None = None,
    pace: Pace | None = None,
) -> list[Result]:
    """Send `items` in chunks of at most `size`; one result per item, in order.

    Args:
        request: builds the request for a chunk.
        decode: one result per item of the chunk from the raw answer.
        unanswered: the result of an item that alone gets no answer in time; without it that is an error.
        pace: what earlier calls of the same kind have learned of the server, and what this one learns.

    Raises:
        OmptoolError: the first chunk that failed other than by being too large; chunks still in flight are dropped.
    """
    allowed = asyncio.Semaphore(IN_FLIGHT)
    pace = pace or Pace(size)

    async def chunk(part: Sequence[Item]) -> list[Result]:
        try:
            async with allowed:
                body = None
                if pace.over is not None:
                    raise pace.over
                if len(part) <= pace.most:  # else another chunk has learned that this is too many
                    started = time.monotonic()
                    body = await session.checked(request(part))
                    pace.answered(len(part), time.monotonic() - started)
        except OmptoolError as error:
            is_slow = pace.refused(len(part), error)
            if len(part) > 1:
                return await chunk(part)
            if unanswered is None or not is_slow:
                raise
            return [unanswered(part[0])]
        if body is None:
            return [result for piece in _cut(part, pace.most) for result in await chunk(piece)]
        return decode(body, part)

    if len(items) <= size:
        return await chunk(items) if items else []
    tasks = [asyncio.create_task(chunk(part)) for part in _cut(items, size)]
    try:
        return [result for task in tasks for result in await task]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Pace:
    """How many operations one request may have, as the answers teach it.

    Attributes:
        most: operations per request.
        over: why nothing more is asked; None while the server answers.
    """

    def __init__(self, size: int) -> None:
        self.most = size
        self.over: OmptoolError | None = None
        self._silences = 0

    def answered(self, count: int, seconds: float) -> None:
        self._silences = 0
        if seconds > TARGET_S and count > _LEAST:
            self.most = min(self.most, max(_LEAST, int(count * TARGET_S / seconds)))

    def refused(self, count: int, error: OmptoolError) -> bool:
        """Make the next requests smaller; whether the server was too slow, and not asked too much.

        Raises:
            OmptoolError: `error`, where smaller requests would not help.
        """
        code = faults.fault_code(error)
        is_slow = isinstance(error, faults.Silent) or code in TOO_SLOW
        self._silences += is_slow
        if (not is_slow and code not in TOO_MUCH) or self._silences > _SILENCES:
            self.over = error
            raise error
        self.most = max(1, min(self.most, count // (_PARTS if is_slow else 2)))
        return is_slow
