"""Factors of control charts against closed forms and printed tables."""

from __future__ import annotations

import math

import pytest

from omptool.analytics.spc.constants import Constants, c4, c5, range_moments
from omptool.errors import UsageError

D2 = (1.128, 1.693, 2.059, 2.326, 2.534, 2.704, 2.847, 2.970, 3.078, 3.173, 3.258, 3.336, 3.407, 3.472, 3.532, 3.588,
      3.640, 3.689, 3.735, 3.778, 3.819, 3.858, 3.895, 3.931)  # fmt: skip
"""Printed for 2 to 25 values (ASTM, Montgomery, qcc)."""
C4 = {2: 0.7978846, 3: 0.8862269, 5: 0.9399856, 10: 0.9726593, 25: 0.9896404, 50: 0.9949113}
"""qcc."""


def test_closed_forms() -> None:
    root = math.sqrt(math.pi)
    atan = math.atan(math.sqrt(2))
    d2 = {2: 2 / root, 3: 3 / root, 4: 12 * atan / (math.pi * root), 5: 30 * atan / math.pi**1.5 - 5 / root}
    assert {n: range_moments(n)[0] for n in d2} == pytest.approx(d2, rel=1e-12)
    d3 = {
        2: math.sqrt(2 - 4 / math.pi),
        3: math.sqrt((2 * math.pi + 3 * math.sqrt(3) - 9) / math.pi),
        4: math.sqrt((2 * math.pi + 2 * math.sqrt(3) + 6) / math.pi - d2[4] ** 2),
    }
    assert {n: range_moments(n)[1] for n in d3} == pytest.approx(d3, rel=1e-11)


def test_printed_d2() -> None:
    assert tuple(Constants("rounded").d2(n) for n in range(2, 26)) == D2
    printed, exact = ([Constants(kind).d3(n) for n in range(2, 28)] for kind in ("rounded", "exact"))
    assert printed == pytest.approx(exact, abs=2e-5) and printed[24:] == exact[24:]


def test_c4() -> None:
    assert {n: c4(n) for n in C4} == pytest.approx(C4, abs=5e-8)
    assert c4(1000) == pytest.approx(1 - 1 / 4000 - 7 / 32e6 - 19 / 128e9, rel=1e-11)  # both sides of the switch
    assert c4(2) == pytest.approx(math.sqrt(2 / math.pi), rel=1e-14)
    assert c5(2) == pytest.approx(math.sqrt(1 - 2 / math.pi), rel=1e-14)


@pytest.mark.parametrize("n", [1, 1001])
def test_a_range_of_one_value_or_of_too_many(n: int) -> None:
    with pytest.raises(UsageError, match="says nothing"):
        range_moments(n)
