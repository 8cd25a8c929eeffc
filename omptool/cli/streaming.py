"""Rows that come page by page from a server, written as they come: a thread writes, and asks for the next page.

So a history of any length needs the memory of a page, and a slow reader of stdout slows the server's answers down.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

Page = TypeVar("Page")


async def written(pages: AsyncGenerator[Page], write: Callable[[Iterator[Page]], None]) -> None:
    """Let `write` take `pages`, as many as it wants, in a thread; what either of them raises is raised here.

    Cancelled, the writer gets no end but an exception, so that no half of a file passes for the whole.
    """
    import asyncio
    import contextlib

    loop = asyncio.get_running_loop()
    asked: list[Future[Page | None]] = []
    is_stopped = False

    async def following() -> Page | None:
        if is_stopped:
            raise asyncio.CancelledError
        return await anext(pages, None)

    def taken() -> Iterator[Page]:
        while True:
            asked[:] = [asyncio.run_coroutine_threadsafe(following(), loop)]
            page = asked[0].result()
            if page is None:
                return
            yield page

    async with contextlib.aclosing(pages):
        writing = asyncio.ensure_future(asyncio.to_thread(lambda: write(taken())))
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            is_stopped = True
            for future in asked:
                future.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            raise
