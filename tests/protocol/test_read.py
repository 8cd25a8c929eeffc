"""Read answers against asyncua's encoder and decoder."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.errors import MalformedMessage, ServerRefused
from omptool.protocol.items import decode_data_values
from omptool.protocol.read import parse_read_response
from tests.protocol.messages import by_asyncua, fault, raw, rebuild, response, times, to_ticks, u32, ua, variants

READ = ua.ObjectIds.ReadResponse_Encoding_DefaultBinary
values = st.lists(st.builds(ua.DataValue, variants(), u32.map(ua.StatusCode), st.one_of(st.none(), times)), max_size=5)


@given(values)
def test_values_in_order(sent: list[ua.DataValue]) -> None:
    body = response(ua.ReadResponse(Results=sent), READ)
    count, data = parse_read_response(memoryview(body))
    rows = decode_data_values(data, count)
    for expected in (sent, by_asyncua(ua.ReadResponse, body).Results):
        assert len(rows) == len(expected)
        for row, value in enumerate(expected):
            assert rebuild(rows, row) == raw(value.Value)
            assert rows.status[row] == value.StatusCode.value
            assert rows.has_source[row] == (value.SourceTimestamp is not None)
            if value.SourceTimestamp is not None:
                assert rows.source_ticks[row] == to_ticks(value.SourceTimestamp)


@pytest.mark.parametrize("number", [0, -1, 77])
def test_diagnostics_are_left_alone(number: int) -> None:
    """One DiagnosticInfo; with 0 and -1 its last bytes look like an empty array."""
    body = response(ua.ReadResponse(Results=[ua.DataValue(ua.Variant(1.5))]), READ)
    count, data = parse_read_response(body[:-4] + struct.pack("<iBi", 1, 0x01, number))
    assert decode_data_values(data, count).f64.tolist() == [1.5]


def test_no_results() -> None:
    count, data = parse_read_response(response(ua.ReadResponse(Results=None), READ))
    assert len(decode_data_values(data, count)) == 0


def test_a_refusal_names_the_status() -> None:
    with pytest.raises(ServerRefused, match="BadTooManyOperations"):
        parse_read_response(fault(0x80100000))


@given(values, st.data())
def test_bad_bytes_never_raise_anything_else(sent: list[ua.DataValue], data: st.DataObject) -> None:
    body = response(ua.ReadResponse(Results=sent), READ)
    for place in data.draw(st.lists(st.integers(0, 8 * len(body) - 1), min_size=1, max_size=20)):
        flipped = bytearray(body)
        flipped[place // 8] ^= 1 << place % 8
        for bad in (bytes(flipped), body[: place // 8]):
            try:
                count, items = parse_read_response(bad)
                assert len(decode_data_values(items, count)) == count
            except (MalformedMessage, ServerRefused):
                continue
