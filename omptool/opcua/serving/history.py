"""HistoryRead of our server: raw values, page by page, with the values that bound the window (Part 11, 6.5.3).

asyncua's own keeps what it has seen since it started, in microseconds, and forgets the bounds. Here a historian is
asked (`served.History`), and nothing is kept: a continuation point says where to go on, so no client can use them up.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from asyncua import ua
from asyncua.server.history import HistoryManager
from asyncua.server.internal_server import InternalServer
from asyncua.ua.object_ids import ObjectIds

from omptool.model import status
from omptool.model.times import ticks_to_unix_ns, unix_ns_to_ticks
from omptool.opcua.serving.served import NULL_VARIANT, History, ServedValue
from omptool.opcua.serving.values import EncodedValue

MOST_VALUES = 1000
"""Of one node in one answer."""

KEPT_NS = 7 * 86_400 * 1_000_000_000
"""How far back the historian goes."""

_AT_ONCE = 20
"""Values between two looks at what else there is to do."""

_POINT = struct.Struct("<q")
_COUNT = struct.Struct("<i")
_NO_TIME = 0
_WHOLE_US = 900
"""asyncua hands times over cut to microseconds: an end means the last tick of its own."""

_DATA = ua.NodeId(ua.Int32(ObjectIds.HistoryData_Encoding_DefaultBinary))
_NOT_FOUND = status.code_of("BadBoundNotFound")


class ServedHistory(HistoryManager):
    """Answers from a historian, up to what the server has given out already."""

    def __init__(self, server: InternalServer) -> None:
        super().__init__(server)
        self._history: History | None = None
        self._nodes: dict[ua.NodeId, str] = {}
        self._reached_ns: Callable[[], int] = int

    def keep(self, history: History, nodes: dict[ua.NodeId, str], reached_ns: Callable[[], int]) -> None:
        """Begin to answer.

        Args:
            nodes: C1 texts of the nodes it keeps, by their ids here.
            reached_ns: SourceTimestamp of the newest value given out; a historian knows no future.
        """
        self._history, self._nodes, self._reached_ns = history, nodes, reached_ns

    async def read_history(self, params: ua.HistoryReadParameters) -> list[ua.HistoryReadResult]:
        """One result per node."""
        return [
            ua.HistoryReadResult()
            if params.ReleaseContinuationPoints and wanted.ContinuationPoint
            else await self._read(params, wanted)
            for wanted in params.NodesToRead
        ]

    async def _read(self, params: ua.HistoryReadParameters, wanted: ua.HistoryReadValueId) -> ua.HistoryReadResult:
        details: Any = params.HistoryReadDetails
        node_id = self._nodes.get(wanted.NodeId)
        if wanted.NodeId not in self.iserver.aspace:
            return _refused("BadNodeIdUnknown")
        if node_id is None or not isinstance(details, ua.ReadRawModifiedDetails) or details.IsReadModified:
            return _refused("BadHistoryOperationUnsupported")
        if params.TimestampsToReturn == ua.TimestampsToReturn.Neither:
            return _refused("BadTimestampsToReturnInvalid")
        start, end = (_unix_ns(moment) for moment in (details.StartTime, details.EndTime))
        if (start is None or end is None) and (not details.NumValuesPerNode or start == end):
            return _refused("BadInvalidTimestampArgument")
        point = wanted.ContinuationPoint
        if point and len(point) != _POINT.size:
            return _refused("BadContinuationPointInvalid")
        window = _Window(self._values(node_id), start, end, self._reached_ns(), details.ReturnBounds)
        return await _page(window, details.NumValuesPerNode, point, params.TimestampsToReturn)

    def _values(self, node_id: str) -> Callable[[int, int, bool], Iterator[ServedValue]]:
        assert self._history is not None  # no node has history without one
        history = self._history

        def values(start_ns: int, end_ns: int, newest_first: bool) -> Iterator[ServedValue]:
            known = self._reached_ns() + 1
            return history.values(
                node_id, max(start_ns, known - KEPT_NS), min(end_ns, known), newest_first=newest_first
            )

        return values


class _Window:
    """What one node is asked for. Without one of the times it is open on that side, and has no bound there."""

    def __init__(
        self,
        values: Callable[[int, int, bool], Iterator[ServedValue]],
        start: int | None,
        end: int | None,
        reached: int,
        bounds: bool,
    ) -> None:
        self._values = values
        self.is_open = start is None or end is None
        self.newest_first = start is None or (end is not None and end < start)
        low, high = (end, start) if self.newest_first and not self.is_open else (start, end)
        self._low = reached - KEPT_NS if low is None else low
        self._high = reached if high is None else high
        self._bounds = bounds and not self.is_open

    def rows(self, resumed: int | None) -> Iterator[tuple[int, EncodedValue | ServedValue]]:
        """SourceTimestamps and values in the order asked for, from a continuation point on."""
        low, high = self._low, self._high + _WHOLE_US
        if resumed is not None:
            low, high = (low, min(resumed, high)) if self.newest_first else (max(resumed, low), high)
        at = None
        for value in self._values(low, high + 1, self.newest_first):
            if at is None and resumed is None:
                yield from self._beyond(_time(value), before=not self.newest_first)
            at = _time(value)
            yield at, value
        if at is None and resumed is None:
            yield from self._beyond(None, before=not self.newest_first)
        yield from self._beyond(at, before=self.newest_first)

    def _beyond(self, at: int | None, *, before: bool) -> Iterator[tuple[int, EncodedValue | ServedValue]]:
        """What bounds the window on one side, unless the value `at` that side is as near: another value, or the word
        that there is none (Part 11, 6.5.3.2)."""
        moment = self._low if before else self._high
        if not self._bounds or (at is not None and moment <= at <= moment + _WHOLE_US):
            return
        start, end = (moment - KEPT_NS, moment) if before else (moment + _WHOLE_US + 1, moment + KEPT_NS)
        beside = next(self._values(start, end, before), None)
        if beside is not None:
            yield _time(beside), beside
            return
        ticks = unix_ns_to_ticks(moment)
        yield moment, EncodedValue(NULL_VARIANT, _NOT_FOUND, ticks, 0, ticks)


async def _page(
    window: _Window, asked: int, point: bytes | None, timestamps: ua.TimestampsToReturn
) -> ua.HistoryReadResult:
    most = min(asked or MOST_VALUES, MOST_VALUES)
    rows = window.rows(_POINT.unpack(point)[0] if point else None)
    found: list[bytes] = []
    while len(found) < most and (some := list(islice(rows, min(_AT_ONCE, most - len(found))))):
        found += [_encoded(value, timestamps) for _, value in some]
        await asyncio.sleep(0)
    following = None if window.is_open and len(found) == asked else next(rows, None)
    result = ua.HistoryReadResult()
    if not found:
        result.StatusCode = ua.StatusCode(ua.UInt32(status.code_of("GoodNoData")))
    result.ContinuationPoint = None if following is None else _POINT.pack(following[0])
    result.HistoryData = ua.ExtensionObject(_DATA, ua.ByteString(_COUNT.pack(len(found)) + b"".join(found)))
    return result


def _encoded(value: EncodedValue | ServedValue, timestamps: ua.TimestampsToReturn) -> bytes:
    source = value.source_ticks if timestamps != ua.TimestampsToReturn.Server else None
    server = value.server_ticks if timestamps != ua.TimestampsToReturn.Source else None
    return EncodedValue(value.variant, value.status, source, 0, server).data


def _time(value: ServedValue) -> int:
    assert value.source_ticks is not None  # a historian keeps values under their times
    return ticks_to_unix_ns(value.source_ticks)


def _unix_ns(moment: Any) -> int | None:
    ticks = _NO_TIME if moment is None else int(ua.datetime_to_win_epoch(moment))
    return None if ticks <= _NO_TIME else ticks_to_unix_ns(ticks)


def _refused(code: str) -> ua.HistoryReadResult:
    result = ua.HistoryReadResult()
    result.StatusCode = ua.StatusCode(ua.UInt32(status.code_of(code)))
    return result
