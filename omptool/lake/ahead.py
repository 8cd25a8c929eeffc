"""Work that is done one step ahead of whoever needs it, in a thread: Arrow and numpy let two cores work at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Item = TypeVar("Item")


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """The same items; the next one is made while the last is used, never more.

    What making one raises is raised here. Whoever stops early waits for the one that is being made.
    """
    source: Iterator[Any] = iter(items)
    end: Any = object()
    with ThreadPoolExecutor(1, "omptool-ahead") as pool:
        following = pool.submit(next, source, end)
        item: Any
        while (item := following.result()) is not end:
            following = pool.submit(next, source, end)
            yield item
