"""HistoryRead on the wire: our bytes are a foreign encoder's, its answers come back exactly, lies are refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary, to_binary

from omptool.errors import MalformedMessage, OmptoolError
from omptool.model.times import unix_ns_to_ticks
from omptool.opcua import requests
from omptool.protocol.history import parse_history_read_response
from omptool.protocol.items import decode_data_values

START, END = datetime(2026, 11, 22, 6, tzinfo=UTC), datetime(2026, 11, 22, 7, tzinfo=UTC)


def ticks(moment: datetime) -> int:
    return unix_ns_to_ticks(int(moment.timestamp()) * 1_000_000_000)


def answer(*results: ua.HistoryReadResult) -> bytes:
    response = ua.HistoryReadResponse()
    response.Results = list(results)
    return struct_to_binary(response)


def result(values: list[float], *, status: int = 0, continuation: bytes | None = None) -> ua.HistoryReadResult:
    data = ua.HistoryData([ua.DataValue(ua.Variant(value), SourceTimestamp=START) for value in values])
    return ua.HistoryReadResult(ua.StatusCode(status), continuation, data)  # type: ignore[arg-type]


def test_the_request_is_what_a_foreign_encoder_writes() -> None:
    request = ua.HistoryReadRequest()
    request.Parameters.HistoryReadDetails = ua.ReadRawModifiedDetails(False, START, END, 1000, True)  # type: ignore[arg-type]
    request.Parameters.ReleaseContinuationPoints = False
    request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    request.Parameters.NodesToRead = [
        ua.HistoryReadValueId(ua.NodeId("Speed", 2)),
        ua.HistoryReadValueId(ua.NodeId(77, 3), ContinuationPoint=b"more"),
    ]
    encoded = [(requests.encode_node_id(2, "Speed"), b""), (requests.encode_node_id(3, 77), b"more")]
    ours = requests.history_read(encoded, requests.raw_details(ticks(START), ticks(END), values=1000, bounds=True))
    assert ours.parameters == struct_to_binary(request.Parameters)
    assert ours.service_id == request.TypeId.Identifier


def test_so_is_the_one_for_an_aggregate() -> None:
    request = ua.HistoryReadRequest()
    average = ua.NodeId(2342)
    configuration = ua.AggregateConfiguration(True, False, 0, 0, False)  # type: ignore[arg-type]
    request.Parameters.HistoryReadDetails = ua.ReadProcessedDetails(
        START,
        END,
        10_000.0,  # type: ignore[arg-type]
        [average, average],
        configuration,
    )
    request.Parameters.ReleaseContinuationPoints = True
    request.Parameters.TimestampsToReturn = ua.TimestampsToReturn.Both
    request.Parameters.NodesToRead = [
        ua.HistoryReadValueId(ua.NodeId("Speed", 2), ContinuationPoint=b"more"),
        ua.HistoryReadValueId(ua.NodeId(77, 3), ContinuationPoint=b"and more"),
    ]
    encoded = [(requests.encode_node_id(2, "Speed"), b"more"), (requests.encode_node_id(3, 77), b"and more")]
    details = requests.processed_details(
        ticks(START), ticks(END), interval_ms=10_000.0, aggregate=requests.encode_node_id(0, 2342), nodes=2
    )
    assert requests.history_read(encoded, details, release=True).parameters == struct_to_binary(request.Parameters)


def test_values_and_continuation_come_back() -> None:
    first, second = parse_history_read_response(
        answer(result([1.5, 2.5, 3.5], continuation=b"next"), result([], status=0x80720000))
    )
    assert (first.status, first.continuation, first.values) == (0, b"next", 3)
    assert decode_data_values(first.items, first.values).f64.tolist() == [1.5, 2.5, 3.5]
    assert (second.status, second.continuation, second.values) == (0x80720000, b"", 0)


def test_cut_off_anywhere_it_is_refused() -> None:
    whole = answer(result([1.0, 2.0]))
    for size in range(len(whole) - 4):
        with pytest.raises(OmptoolError):
            parse_history_read_response(whole[:size])


def test_another_kind_of_history_is_refused() -> None:
    body = answer(result([1.0]))
    lie = body.replace(to_binary(ua.NodeId, ua.NodeId(658)), to_binary(ua.NodeId, ua.NodeId(660)))
    assert lie != body
    with pytest.raises(MalformedMessage, match="history of type i=660"):
        parse_history_read_response(lie)
