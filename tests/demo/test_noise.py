"""The random numbers: fixed for good, evenly spread, and the same one by one and in bulk."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from omptool.demo.noise import Stream, key, normals, uniforms


def test_numbers_never_change() -> None:
    """A published capture of the plant must come out again with every later version."""
    stream = Stream(1, "Press1", 62_028, "stops")
    drawn = [round(stream.uniform(), 12) for _ in range(3)]
    bulk = normals(key(1, "Press1", "Power", "noise"), np.arange(3, dtype=np.int64)).round(12).tolist()
    assert drawn == GOLDEN_UNIFORM
    assert bulk == GOLDEN_NORMAL


GOLDEN_UNIFORM = [0.951552666459, 0.139387112602, 0.12613214184]
GOLDEN_NORMAL = [0.027539015831, 0.223325032409, -0.667173623448]


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**40))
def test_bulk_does_not_depend_on_where_it_starts(stream: int, first: int) -> None:
    whole = normals(stream, np.arange(first, first + 50, dtype=np.int64))
    assert (normals(stream, np.arange(first + 20, first + 50, dtype=np.int64)) == whole[20:]).all()


def test_numbers_are_spread_as_they_say() -> None:
    even = uniforms(key("even"), np.arange(100_000, dtype=np.int64))
    assert abs(even.mean() - 0.5) < 0.01 and even.min() >= 0 and even.max() < 1
    bell = normals(key("bell"), np.arange(100_000, dtype=np.int64))
    assert abs(bell.mean()) < 0.02 and abs(bell.std() - 1) < 0.02 and abs(bell).max() < 3.5
    stream = Stream("waits")
    waits = [stream.exponential(5.0) for _ in range(20_000)]
    assert abs(sum(waits) / len(waits) - 5.0) < 0.15 and min(waits) >= 0
    assert {stream.choice(("a", "b", "c")) for _ in range(100)} == {"a", "b", "c"}


def test_names_do_not_run_together() -> None:
    assert key("ab", "c") != key("a", "bc")
