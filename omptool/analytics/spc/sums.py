"""Sums that neither a large offset nor the order of the values can spoil.

A sum is rounded once, at its end, as `math.fsum` does it, so a mean is the same for every order of its values, and a
standard deviation of deviations from that mean keeps the digits that the values have.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

_FEW = 1 << 10
"""Values that the standard library adds sooner."""
_PORTION = 1 << 20
"""Values whose halves are added at a time: sums of so many numbers of 27 bits are exact in a DOUBLE."""
_HALF = 26


def total(values: Floats) -> float:
    """The sum, rounded once."""
    if values.size <= _FEW or not np.isfinite(values).all():
        return math.fsum(values.tolist())
    whole, least = 0, -1074 - 53
    for first in range(0, values.size, _PORTION):
        whole += _whole(values[first : first + _PORTION], least)
    return whole / (1 << -least)  # of integers Python rounds a quotient once


def _whole(values: Floats, least: int) -> int:
    """The sum of finite numbers as an integer, in units of two to the power of `least`.

    Numbers of one exponent are added as the halves of their mantissas, which stay whole.
    """
    mantissa, exponent = np.frexp(values)
    mantissa = np.ldexp(mantissa, 53).astype(np.int64)
    lowest = int(exponent.min())
    place = exponent - lowest
    upper = np.bincount(place, (mantissa >> _HALF).astype(np.float64))
    lower = np.bincount(place, (mantissa & ((1 << _HALF) - 1)).astype(np.float64))
    found = 0
    for shift, (high, low) in enumerate(zip(upper.tolist(), lower.tolist(), strict=True)):
        if high or low:
            found += ((int(high) << _HALF) + int(low)) << (lowest - 53 - least + shift)
    return found


def mean(values: Floats) -> float | None:
    """None of nothing."""
    return total(values) / values.size if values.size else None


def sd(values: Floats) -> float | None:
    """Standard deviation with n - 1; None of fewer than two values. In two passes."""
    center = mean(values)
    if center is None or values.size < 2:
        return None
    away = values - center
    squares: Any = total(away * away) - total(away) ** 2 / values.size
    return math.sqrt(max(squares, 0.0) / (values.size - 1))
