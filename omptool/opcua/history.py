"""Reads the raw history of many nodes: cut by the server's limits, page by page, one request's worth held at a time.

What the values are good for is decided elsewhere: this says per node what came and how it ended, and judges nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from omptool.errors import OmptoolError, Unreachable
from omptool.model import status
from omptool.model.times import unix_ns_to_ticks
from omptool.opcua import batch, faults, requests
from omptool.protocol.columns import ItemColumns
from omptool.protocol.history import HistoryResult, parse_history_read_response
from omptool.protocol.items import decode_data_values

if TYPE_CHECKING:
    from omptool.opcua.session import Session

OnValues = Callable[[int, ItemColumns], Awaitable[None]]

MOST_NODES = 50
VALUES_PER_NODE = 1000
"""Of one request: at most 50,000 values are in memory at once."""

_IDLE_PAGES = 3
"""A server that promises more and so often sends nothing, or nothing newer, has no more."""

_MOST_PAGES = 100_000
"""Of one node: a server that always has one more, a little newer, is left alone after these."""

ENDLESS = "promises more values and sends none"


async def read_raw(
    session: Session, node_ids: Sequence[str], start_ns: int, end_ns: int, on_values: OnValues
) -> list[str]:
    """Raw values of nodes in [start, end], with the bounding ones where the server knows them.

    Args:
        node_ids: C1 texts.
        start_ns, end_ns: Unix nanoseconds, the server's clock.
        on_values: gets the number of a node and some of its values, in the order in which the server has them.

    Returns:
        Per node why not all of it came; empty = the server says that it did.

    Raises:
        Unreachable: the connection is gone.
    """
    endings = ["was not asked for"] * len(node_ids)
    waiting = [
        list(range(start, min(start + MOST_NODES, len(node_ids)))) for start in range(0, len(node_ids), MOST_NODES)
    ]
    most = min(MOST_NODES, session.limits.chunk(session.limits.max_nodes_per_history_read_data))
    window = unix_ns_to_ticks(start_ns), unix_ns_to_ticks(end_ns)
    while waiting:
        part = waiting.pop(0)
        if len(part) > most:
            waiting[:0] = [part[:most], part[most:]]
            continue
        try:
            await _read(session, {at: node_ids[at] for at in part}, window, on_values, endings)
        except Unreachable:
            raise
        except OmptoolError as error:
            if faults.fault_code(error) in batch.TOO_MUCH and len(part) > 1:
                most = len(part) // 2
                waiting.insert(0, part)
                continue
            for at in part:
                endings[at] = error.message
    return endings


async def _read(
    session: Session, nodes: dict[int, str], window: tuple[int, int], on_values: OnValues, endings: list[str]
) -> None:
    """All pages of some nodes."""
    asked = {at: (session.encode(node_id), b"") for at, node_id in nodes.items()}
    pages = {at: _Pages() for at in nodes}
    while asked:
        request = requests.history_read(asked.values(), *window, values=VALUES_PER_NODE)
        results = batch.matched(parse_history_read_response(await session.checked(request)), len(asked))
        following: dict[int, tuple[bytes, bytes]] = {}
        for (at, (encoded, _)), result in zip(asked.items(), results, strict=True):
            columns = decode_data_values(result.items, result.values) if result.values else None
            goes_on = pages[at].goes_on(columns)
            if columns is not None:
                await on_values(at, columns)
            if result.continuation and not result.status >> 31 and goes_on:
                following[at] = (encoded, result.continuation)
            else:
                endings[at] = _ending(result)
        asked = following


class _Pages:
    """Whether what comes of a node gets anywhere: a continuation point proves nothing, newer values do."""

    def __init__(self) -> None:
        self._newest = -1
        self._idle = self._count = 0

    def goes_on(self, columns: ItemColumns | None) -> bool:
        """Take in a page; whether another one may bring something."""
        self._count += 1
        newest = -1 if columns is None else int(max(columns.source_ticks.max(), columns.server_ticks.max()))
        self._idle = 0 if newest > self._newest else self._idle + 1
        self._newest = max(newest, self._newest)
        return self._idle < _IDLE_PAGES and self._count < _MOST_PAGES


def _ending(result: HistoryResult) -> str:
    if result.status >> 31:
        return status.name(result.status)
    return ENDLESS if result.continuation else ""
