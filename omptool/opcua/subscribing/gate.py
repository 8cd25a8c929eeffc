"""Lets few at a time do what takes much work: thousands of connections that are set up all at once all time out.

Nobody holds a place for long: a server that takes the connection and then says nothing must not keep others out, so a
place is free again after `LEASE_S`, whoever has it. Knows no server.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

PLACES = 32
"""Enough that waiting for answers costs no time, few enough that each is answered at once."""

LEASE_S = 0.5
"""A step of a set-up takes a few milliseconds of work; who takes so long waits for a server."""


class Gate:
    """A door with so many places behind it."""

    def __init__(self, places: int = PLACES, lease_s: float = LEASE_S) -> None:
        self._places = asyncio.Semaphore(places)
        self._lease_s = lease_s

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a place, in the order of arrival, and give it back."""
        place = await self.enter()
        try:
            yield
        finally:
            place.leave()

    async def enter(self) -> Place:
        """Wait for a place, in the order of arrival."""
        await self._places.acquire()
        return Place(self._places, self._lease_s)


class Place:
    """One that was taken, until `leave`."""

    def __init__(self, places: asyncio.Semaphore, lease_s: float) -> None:
        self._places = places
        self._is_ours = True
        self._lease = asyncio.get_running_loop().call_later(lease_s, self.leave)

    def leave(self) -> None:
        """Give it back, if it was not taken away."""
        if self._is_ours:
            self._is_ours = False
            self._lease.cancel()
            self._places.release()
