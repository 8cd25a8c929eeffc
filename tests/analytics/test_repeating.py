"""Columns in little memory say what plain ones say."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.analytics.repeating import repeated, shortened
from omptool.analytics.spc.sums import total

LONG = 30_000


@pytest.mark.parametrize(
    "value", [pa.scalar(1.5), pa.scalar(-0.0), pa.scalar(7), pa.scalar("d2"), pa.scalar(None, pa.string())]
)
@pytest.mark.parametrize("size", [0, 1, 8192, LONG])
def test_a_repeated_value_is_there_as_often(value: pa.Scalar, size: int) -> None:
    assert repeated(value, size).equals(pa.chunked_array([pa.repeat(value, size)]))
    assert repeated(value, size).type == value.type


def test_few_values_take_little_memory() -> None:
    """Limits, with a first point that has none, take no eight bytes a row; a sign of zero is no change to lose."""
    limits = np.concatenate(([np.nan], np.full(LONG, 3.25)))
    found = shortened(limits)
    assert found.equals(pa.chunked_array([pa.array(limits, from_pandas=True)]))
    assert len({chunk.buffers()[1].address for chunk in found.chunks}) <= 2
    signs = np.where(np.arange(LONG) < LONG // 2, 0.0, -0.0)
    assert np.signbit(shortened(signs).to_numpy()).sum() == LONG // 2


@given(st.lists(st.floats(allow_nan=True), max_size=30), st.integers(1, 2000))
def test_any_column_stays_what_it_is(values: list[float], times: int) -> None:
    column = np.repeat(np.array(values, np.float64), times)
    assert shortened(column).equals(pa.chunked_array([pa.array(column, from_pandas=True)], pa.float64()))


_SOME = st.lists(
    st.floats(-1e300, 1e300) | st.floats(-1.0, 1.0) | st.sampled_from([5e-324, -5e-324, 1e16, -1e16]),
    min_size=1,
    max_size=50,
)


@given(_SOME, st.integers(1, 200))
def test_long_sums_are_rounded_once(values: list[float], times: int) -> None:
    """Of many values, too, not a bit differs from adding them exactly."""
    many = np.tile(np.array(values), 1 + (1100 * times) // (len(values) * 100))
    assert total(many) == math.fsum(many.tolist())


def test_a_long_sum_is_exact_over_portions() -> None:
    random = np.random.default_rng(11)
    many = random.normal(0, 1, 2_200_000) * 10.0 ** random.integers(-20, 20, 2_200_000)
    assert total(many) == math.fsum(many.tolist())
    assert math.isnan(total(np.append(many, np.nan)))
