"""What the client writes for a parameter is what the server reads: the same value, of the same type."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from omptool.cloud import wire
from omptool.cloud.server.parameters import Sent
from omptool.errors import UsageError

SENT: TypeAdapter[Sent] = TypeAdapter(Sent)
TIMES = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=st.just(UTC))
SCALARS = {
    "bool": st.booleans(),
    "int": st.integers(-(10**37), 10**37),
    "float": st.floats(),
    "text": st.text(st.characters(exclude_categories=["Cs"])),
    "timestamp": TIMES,
    "interval": st.timedeltas(timedelta(days=-100_000), timedelta(days=100_000)),
}
VALUES = st.one_of(
    st.none(), *SCALARS.values(), *(st.lists(st.one_of(st.none(), values)) for values in SCALARS.values())
)


def _round_trip(value: object) -> object:
    text = json.dumps(wire.encode(value), allow_nan=False)
    return SENT.validate_python(json.loads(text)).bound()


def _exactly(value: object) -> object:
    """Equal only when type, sign of zero and NaN are."""
    if isinstance(value, list):
        return [_exactly(item) for item in value]
    return type(value).__name__, repr(value) if isinstance(value, float) else value


@given(VALUES)
def test_the_server_reads_what_was_meant(value: object) -> None:
    assert _exactly(_round_trip(value)) == _exactly(value)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -math.inf, -0.0, 5e-324, 2**63, -(10**38 - 1), True, "", [], [None]]
)
def test_hard_values(value: object) -> None:
    assert _exactly(_round_trip(value)) == _exactly(value)


def test_times_keep_their_moment_whatever_their_zone() -> None:
    moment = datetime(2026, 3, 29, 2, 30, 0, 123456, timezone(timedelta(hours=5, minutes=45)))
    assert _round_trip(moment) == moment
    assert wire.encode(moment) == {"type": "timestamp", "value": "2026-03-28T20:45:00.123456+00:00"}


def test_numbers_in_one_list_are_all_floating_point() -> None:
    assert _exactly(_round_trip([1, 2.5, None])) == _exactly([1.0, 2.5, None])


@pytest.mark.parametrize("value", [object(), b"x", {"a": 1}, [[1]], [1, "a"], [True, 1]])
def test_what_has_no_type_is_refused(value: object) -> None:
    with pytest.raises(UsageError):
        wire.encode(value)
