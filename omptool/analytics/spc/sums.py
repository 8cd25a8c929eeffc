"""Sums that neither a large offset nor the order of the values can spoil.

`math.fsum` adds without any rounding but the last one, so a mean is the same for every order of its values, and a
standard deviation of deviations from that mean keeps the digits that the values have.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

_PORTION = 1 << 16
"""Values that are Python objects at a time: memory stays bounded."""


def total(values: Floats) -> float:
    """The sum, rounded once."""
    portions = (values[first : first + _PORTION].tolist() for first in range(0, values.size, _PORTION))
    return math.fsum(itertools.chain.from_iterable(portions))


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
