"""Reads the history of many nodes: cut by the server's limits, page by page, one request's worth held at a time.

What the values are good for is decided elsewhere: this says per node what came and how it ended, and judges nothing.
A continuation point costs the server memory: each is asked to its end, or given back.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from omptool.errors import OmptoolError, Unreachable
from omptool.model import status
from omptool.model.times import ticks_to_unix_ns, unix_ns_to_ticks
from omptool.opcua import batch, faults, requests
from omptool.protocol.columns import ItemColumns
from omptool.protocol.history import HistoryResult, parse_history_read_response
from omptool.protocol.items import decode_data_values

if TYPE_CHECKING:
    from omptool.opcua.session import Session

OnValues = Callable[[int, ItemColumns], Awaitable[None]]

MOST_NODES = 50
VALUES_PER_NODE = 1000
_MOST_VALUES = MOST_NODES * VALUES_PER_NODE
"""Of one request: so many values are in memory at once."""

MOST_NEWEST = 10_000
"""Values of a node that can be asked for from the newest on: they come in one page."""

_IDLE_PAGES = 3
"""A server that promises more and so often sends nothing, or nothing newer, has no more."""

_MOST_PAGES = 100_000
"""Of one node: a server that always has one more, a little newer, is left alone after these."""

_SILENCES = 3
"""After so many requests without an answer nobody is asked any more."""

_RELEASE_S = 2.0
_NO_POINT_LEFT = status.code_of("BadNoContinuationPoints")

ENDLESS = "promises more values and sends none"


class Details(Protocol):
    """What of each node's history is wanted.

    Attributes:
        most: values per node; None = all.
        page: values of a node in one answer; 0 = as many as the server likes.
        is_backwards: the last value comes first.
    """

    @property
    def most(self) -> int | None: ...

    @property
    def page(self) -> int: ...

    @property
    def is_backwards(self) -> bool: ...

    def encoded(self, nodes: int) -> bytes:
        """For a request about so many nodes."""

    def after(self, ticks: int) -> Details | None:
        """The same from a later time on; None where that cannot be asked."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Values as they were stored.

    Attributes:
        start_ns: Unix nanoseconds, the server's clock; None = the newest `most` before `end_ns`, the last one first.
        bounds: also those that lie beside the window.
    """

    start_ns: int | None
    end_ns: int
    bounds: bool = False
    most: int | None = None

    @property
    def is_backwards(self) -> bool:
        return self.start_ns is None

    @property
    def page(self) -> int:
        return min(self.most or VALUES_PER_NODE, MOST_NEWEST if self.start_ns is None else VALUES_PER_NODE)

    def encoded(self, nodes: int) -> bytes:
        end = unix_ns_to_ticks(self.end_ns)
        if self.start_ns is not None:
            return requests.raw_details(unix_ns_to_ticks(self.start_ns), end, values=self.page, bounds=self.bounds)
        last = end if self.bounds else end - 1  # backwards a server begins with the value at the very end
        return requests.raw_details(requests.NO_TIME, last, values=self.page, bounds=self.bounds)

    def after(self, ticks: int) -> Raw | None:
        return None if self.start_ns is None else replace(self, start_ns=ticks_to_unix_ns(ticks))


@dataclass(frozen=True, slots=True)
class Processed:
    """One value per interval, computed by the server.

    Attributes:
        interval_ms: 0 is the whole window.
        aggregate: encoded NodeId of the AggregateFunction.
    """

    start_ns: int
    end_ns: int
    interval_ms: float
    aggregate: bytes
    most: int | None = None
    page: int = 0
    is_backwards: bool = False

    def encoded(self, nodes: int) -> bytes:
        window = unix_ns_to_ticks(self.start_ns), unix_ns_to_ticks(self.end_ns)
        return requests.processed_details(*window, interval_ms=self.interval_ms, aggregate=self.aggregate, nodes=nodes)

    def after(self, ticks: int) -> None:
        return None


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
    history = History(session, node_ids, Raw(start_ns, end_ns, bounds=True))
    async with contextlib.aclosing(history.pages()) as pages:
        async for at, columns in pages:
            await on_values(at, columns)
    return history.endings


class History:
    """The history of some nodes, being read.

    Attributes:
        endings: per node why not all of it came; empty = the server says that it did, or enough came.
    """

    def __init__(self, session: Session, node_ids: Sequence[str], details: Details) -> None:
        self._session, self._node_ids, self._details = session, node_ids, details
        self._courses = [_Course(details) for _ in node_ids]
        self.endings = ["was not asked for"] * len(node_ids)

    async def pages(self) -> AsyncGenerator[tuple[int, ItemColumns]]:
        """Number of a node and some of its values, in the order in which the server has them; close it in the end.

        Raises:
            Unreachable: the connection is gone.
        """
        limit = self._session.limits.chunk(self._session.limits.max_nodes_per_history_read_data)
        most = max(1, min(MOST_NODES, limit, _MOST_VALUES // max(self._details.page, 1)))
        waiting = [(part, self._details) for part in _cut(range(len(self._node_ids)), most)]
        silences = 0
        while waiting:
            part, details = waiting.pop(0)
            if len(part) > most:
                waiting[:0] = [(piece, details) for piece in _cut(part, most)]
                continue
            errand = _Errand(self._session, details, self._courses, self.endings)
            try:
                async with contextlib.aclosing(errand.pages({at: self._node_ids[at] for at in part})) as pages:
                    async for page in pages:
                        yield page
            except OmptoolError as error:
                is_silent = isinstance(error, faults.Silent)
                silences += is_silent
                if isinstance(error, Unreachable) and (not is_silent or silences >= _SILENCES):
                    raise
                if (is_silent or faults.fault_code(error) in batch.TOO_MUCH) and len(part) > 1 and not errand.came:
                    most = len(part) // 2
                    waiting.insert(0, (part, details))
                    continue
                for at in errand.unfinished or part:
                    self.endings[at] = error.message
            waiting[:0] = [([at], details) for at in errand.again] + [([at], on) for at, on in errand.onward]


class _Errand:
    """All pages of the nodes of one request.

    Attributes:
        came: whether values were handed out; then the nodes cannot be asked from the beginning again.
        unfinished: nodes of which more was to come.
        again: nodes that the server could not begin beside the others, for want of continuation points.
        onward: nodes whose page was full, with what asks for the rest: some servers cut there without a word.
    """

    def __init__(self, session: Session, details: Details, courses: Sequence[_Course], endings: list[str]) -> None:
        self._session, self._details, self._courses, self._endings = session, details, courses, endings
        self.came = False
        self.unfinished: list[int] = []
        self.again: list[int] = []
        self.onward: list[tuple[int, Details]] = []
        self._points: dict[int, tuple[bytes, bytes]] = {}
        """Nodes with the continuation points that the server holds for them."""

    async def pages(self, nodes: dict[int, str]) -> AsyncGenerator[tuple[int, ItemColumns]]:
        asked = {at: (self._session.encode(node_id), b"") for at, node_id in nodes.items()}
        try:
            while asked:
                self.unfinished = list(asked)
                request = requests.history_read(asked.values(), self._details.encoded(len(asked)))
                results = parse_history_read_response(await self._session.checked(request))
                following: dict[int, tuple[bytes, bytes]] = {}
                for (at, (encoded, _)), result in zip(asked.items(), batch.matched(results, len(asked)), strict=True):
                    self._hold(at, encoded, result.continuation)
                    if result.status == _NO_POINT_LEFT and not result.values and len(nodes) > 1:
                        self.again.append(at)
                        continue
                    columns = decode_data_values(result.items, result.values) if result.values else None
                    course = self._courses[at]
                    goes_on = course.goes_on(columns)
                    if columns is not None:
                        self.came = True
                        yield at, course.wanted(columns)
                    if result.continuation and not result.status >> 31 and goes_on:
                        following[at] = (encoded, result.continuation)
                    else:
                        self._end(at, result, goes_on)
                asked = following
        finally:
            await self._release()

    def _end(self, at: int, result: HistoryResult, goes_on: bool) -> None:
        course = self._courses[at]
        self._endings[at] = "" if course.has_enough else _ending(result)
        is_cut = 0 < self._details.page == result.values and not result.continuation and not result.status >> 31
        if not is_cut or course.newest is None or course.has_enough:
            return
        if course.stands or not goes_on:
            self._endings[at] = f"gives no more than {result.values:,} values of one moment"
        elif (on := self._details.after(course.newest)) is not None:
            course.begin_again()
            self.onward.append((at, on))

    def _hold(self, at: int, encoded: bytes, point: bytes) -> None:
        self._points.pop(at, None)
        if point:
            self._points[at] = (encoded, point)

    async def _release(self) -> None:
        """Give back what was not asked to its end; a server that does not listen frees it with the session."""
        if self._points and not self._session.closed.is_set():
            details = self._details.encoded(len(self._points))
            request = requests.history_read(self._points.values(), details, release=True)
            with contextlib.suppress(OmptoolError):
                await self._session.call(request, timeout_s=_RELEASE_S)


class _Course:
    """How far the history of a node has come: a continuation point proves nothing, newer values do.

    Attributes:
        newest: ticks of the newest value.
        has_enough: as many values came as were wanted.
        stands: the last page brought nothing newer.
    """

    def __init__(self, details: Details) -> None:
        self._sign = -1 if details.is_backwards else 1
        self._left = details.most
        self._idle = self._count = 0
        self._at_newest = 0
        """Values that have the newest stamp."""
        self._known: tuple[int, int] = (0, 0)
        """A stamp, and how many values of it came before the next page."""
        self.newest: int | None = None
        self.has_enough = False
        self.stands = False

    def goes_on(self, columns: ItemColumns | None) -> bool:
        """Take in a page; whether another one may bring something."""
        self._count += 1
        self.stands = True
        if columns is not None:
            stamps = self._stamps(columns)
            newest = int(stamps.max())
            self.stands = self.newest is not None and newest <= self.newest
            if self.newest is None or newest > self.newest:
                self.newest, self._at_newest = newest, 0
            self._at_newest += int(np.count_nonzero(stamps == self.newest))
            self.has_enough = self._left is not None and len(columns) - self._known[1] >= self._left
        self._idle = self._idle + 1 if self.stands else 0
        return self._idle < _IDLE_PAGES and self._count < _MOST_PAGES and not self.has_enough

    def begin_again(self) -> None:
        """The next page begins with the newest values once more."""
        assert self.newest is not None
        self._known, self._at_newest = (self.newest, self._at_newest), 0

    def wanted(self, columns: ItemColumns) -> ItemColumns:
        """Those that are new, as many of them as are still wanted."""
        (stamp, count), self._known = self._known, (0, 0)
        first = int(np.count_nonzero(self._stamps(columns)[:count] == stamp))
        last = len(columns) if self._left is None else min(len(columns), first + self._left)
        if self._left is not None:
            self._left -= last - first
        return columns if (first, last) == (0, len(columns)) else columns.take(np.arange(first, last))

    def _stamps(self, columns: ItemColumns) -> NDArray[np.int64]:
        """Ticks that grow as the history is read."""
        ticks: NDArray[np.int64] = np.where(columns.has_source, columns.source_ticks, columns.server_ticks) * self._sign
        return ticks


def _cut(numbers: Sequence[int], size: int) -> list[list[int]]:
    return [list(numbers[start : start + size]) for start in range(0, len(numbers), size)]


def _ending(result: HistoryResult) -> str:
    if result.status >> 31:
        return status.name(result.status)
    return ENDLESS if result.continuation else ""
