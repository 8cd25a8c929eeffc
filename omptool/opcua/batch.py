"""Many operations in few requests: cut by the server's limits, several requests in flight, halved if it says too many.

Knows nothing of what the operations are. The order of the answers is the order of the items.
"""

from __future__ import annotations

import asyncio
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
) -> list[Result]:
    """Send `items` in chunks of at most `size`; one result per item, in order.

    Args:
        request: builds the request for a chunk.
        decode: one result per item of the chunk from the raw answer.

    Raises:
        OmptoolError: the first chunk that failed other than by being too large; chunks still in flight are dropped.
    """
    allowed = asyncio.Semaphore(IN_FLIGHT)
    most = size

    async def chunk(part: Sequence[Item]) -> list[Result]:
        nonlocal most
        if len(part) > most:  # another chunk has learned that this is too many
            return [result for piece in _cut(part, most) for result in await chunk(piece)]
        try:
            async with allowed:
                body = await session.checked(request(part))
        except OmptoolError as error:
            if faults.fault_code(error) not in TOO_MUCH or len(part) == 1:
                raise
            most = min(most, len(part) // 2)
            return await chunk(part)
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
