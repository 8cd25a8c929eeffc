"""Quantiles that confidence intervals ask for.

The normal one is in the standard library. The one of chi-square is the root of its distribution function, the
regularized incomplete gamma function (DLMF 8.2.4), by its series below the mean and its continued fraction above
(DLMF 8.7.1, 8.9.2).
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

_LARGE = 1e5
"""Degrees of freedom from which Wilson and Hilferty's cube is good to eight digits."""


def normal_quantile(p: float) -> float:
    return NormalDist().inv_cdf(p)


@lru_cache(256)  # many charts have as many values
def chi_square_quantile(p: float, freedom: float) -> float:
    """The value that a chi-square variable stays below with probability `p` (0 < p < 1)."""
    cube = 1 - 2 / (9 * freedom) + normal_quantile(p) * math.sqrt(2 / (9 * freedom))
    start = freedom * cube**3
    if freedom > _LARGE:
        return start
    low, high = 0.0, max(start, freedom, 1.0)
    while chi_square(high, freedom) < p:
        low, high = high, 2 * high
    while high - low > 4e-16 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        low, high = (middle, high) if chi_square(middle, freedom) < p else (low, middle)
    return (low + high) / 2


def chi_square(x: float, freedom: float) -> float:
    """Probability that a chi-square variable is at most `x`."""
    if x <= 0:
        return 0.0
    a, half = freedom / 2, x / 2
    front = math.exp(a * math.log(half) - half - math.lgamma(a))
    return front * _series(a, half) if half < a + 1 else 1 - front * _fraction(a, half)


def _series(a: float, x: float) -> float:
    term = found = 1 / a
    n = a
    while term > found * 1e-17:
        n += 1
        term *= x / n
        found += term
    return found


def _fraction(a: float, x: float) -> float:
    """Lentz's way through the continued fraction."""
    b = x + 1 - a
    c, d = math.inf, 1 / b
    found, n = d, 0
    while True:
        n += 1
        factor = -n * (n - a)
        b += 2
        d = 1 / (b + factor * d)
        c = b + factor / c
        found *= c * d
        if abs(c * d - 1) < 1e-16 or n > 10_000:
            return found
