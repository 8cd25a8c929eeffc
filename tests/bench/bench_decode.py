"""How much faster than asyncua the bytes of value changes become columns: ratios from one run, equal results checked
first.

    python tests/bench/bench_decode.py [--seconds S]

CPU time of this process, best of several rounds, both decoders on the same bytes in turn. "parse" is the
PublishResponse taken apart, "decode" its items to columns; "deferred" is the columns of many answers at once, as the
recorder does it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary

from omptool.protocol.browse import parse_browse_response
from omptool.protocol.columns import ItemColumns
from omptool.protocol.items import decode_items
from omptool.protocol.publish import DataChange, parse_publish_response

ROUNDS = 5
BATCH = 30_000
START = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = ua.VariantType


def uniform(index: int) -> ua.Variant:
    return ua.Variant(index * 0.5, KINDS.Double)


def mixed(index: int) -> ua.Variant:
    """Five types in turn, one of them text."""
    choices = (
        lambda: ua.Variant(index * 0.5, KINDS.Double),
        lambda: ua.Variant(-index, KINDS.Int32),
        lambda: ua.Variant(index % 2 == 0, KINDS.Boolean),
        lambda: ua.Variant(f"state-{index}-é", KINDS.String),
        lambda: ua.Variant(index * 0.25, KINDS.Float),
    )
    return choices[index % len(choices)]()


def publish(size: int, value: Callable[[int], ua.Variant]) -> bytes:
    """A PublishResponse with `size` value changes, both timestamps on each."""
    items = []
    for index in range(size):
        moment = START + timedelta(milliseconds=index)
        items.append(ua.MonitoredItemNotification(index, ua.DataValue(value(index), None, moment, moment)))
    answer = ua.PublishResponse()
    answer.TypeId = ua.FourByteNodeId(ua.ObjectIds.PublishResponse_Encoding_DefaultBinary)
    answer.Parameters.NotificationMessage.NotificationData = [ua.DataChangeNotification(items)]
    return struct_to_binary(answer)


def browse(size: int) -> bytes:
    """A BrowseResponse with `size` references."""
    references = [
        ua.ReferenceDescription(
            ua.NodeId(35), True, ua.NodeId(f"Line1.Machine{index}", 2), ua.QualifiedName(f"Machine{index}", 2),
            ua.LocalizedText(f"Machine{index}"), ua.NodeClass.Variable, ua.NodeId(63),
        )
        for index in range(size)
    ]  # fmt: skip
    answer = ua.BrowseResponse(Results=[ua.BrowseResult(References=references)])
    answer.TypeId = ua.FourByteNodeId(ua.ObjectIds.BrowseResponse_Encoding_DefaultBinary)
    return struct_to_binary(answer)


def by_asyncua(body: bytes) -> Any:
    return struct_from_binary(ua.PublishResponse, Buffer(body))


def block(body: bytes) -> tuple[bytes, int]:
    (change,) = parse_publish_response(body).notifications
    assert isinstance(change, DataChange)
    return change.items, change.count


def check_equal(columns: ItemColumns, body: bytes) -> None:
    """Every value, handle and time as asyncua reads them."""
    (change,) = by_asyncua(body).Parameters.NotificationMessage.NotificationData
    assert len(columns) == len(change.MonitoredItems)
    for row, item in enumerate(change.MonitoredItems):
        kind = item.Value.Value.VariantType
        found = {
            KINDS.Double: columns.f64, KINDS.Float: columns.f64, KINDS.Int32: columns.i64,
            KINDS.Boolean: columns.bool_, KINDS.String: columns.text,
        }[kind][row]  # fmt: skip
        assert found == item.Value.Value.Value
        assert columns.vtype[row] == kind.value
        assert columns.client_handle[row] == item.ClientHandle
        assert columns.source_ticks[row] == ua.uatypes.datetime_to_win_epoch(item.Value.SourceTimestamp)


def cost(work: Callable[[], Any], seconds: float) -> float:
    """CPU seconds of one call, in the quickest of `ROUNDS` rounds."""
    work()
    best = float("inf")
    for _ in range(ROUNDS):
        calls, start = 0, time.process_time()
        while (spent := time.process_time() - start) < seconds / ROUNDS:
            work()
            calls += 1
        best = min(best, spent / calls)
    return best


def compare(name: str, size: int, value: Callable[[int], ua.Variant], seconds: float) -> None:
    body = publish(size, value)
    piece = block(body)
    check_equal(decode_items([piece]), body)
    many = [piece] * (BATCH // size)
    theirs = cost(lambda: by_asyncua(body), seconds)
    parse = cost(lambda: parse_publish_response(body), seconds)
    decode = cost(lambda: decode_items([piece]), seconds)
    deferred = cost(lambda: decode_items(many), seconds) / len(many)
    say(
        f"{name:8} {size:5} {size / theirs:12,.0f} {parse * 1e6:9.1f} {size / decode:12,.0f} {theirs / decode:7.0f}x"
        f" {size / deferred:12,.0f} {theirs / deferred:7.0f}x {theirs / (parse + deferred):7.0f}x"
    )


def compare_browse(size: int, seconds: float) -> None:
    body = browse(size)
    found = parse_browse_response(body)[0].references
    theirs = struct_from_binary(ua.BrowseResponse, Buffer(body)).Results[0].References
    assert [node.node_id.identifier for node in found] == [node.NodeId.Identifier for node in theirs]
    assert [node.browse_name.name for node in found] == [node.BrowseName.Name for node in theirs]
    own = cost(lambda: parse_browse_response(body), seconds)
    other = cost(lambda: struct_from_binary(ua.BrowseResponse, Buffer(body)), seconds)
    each = f"asyncua {other / size * 1e6:.1f} µs each, own {own / size * 1e6:.1f} µs"
    say(f"browse   {size:5} references: {each}: {other / own:.1f}x")


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=0.2, help="CPU time per measurement")
    seconds = parser.parse_args().seconds
    columns = ("each", 5), ("asyncua/s", 12), ("parse µs", 9), ("decode/s", 12), ("", 8), ("deferred/s", 12), ("", 8)
    say(f"{'items':8} " + " ".join(f"{text:>{width}}" for text, width in (*columns, ("+parse", 8))))
    for name, value in (("Double", uniform), ("mixed", mixed)):
        for size in (10, 100, 1000):
            compare(name, size, value, seconds)
    compare_browse(1000, seconds)


if __name__ == "__main__":
    main()
