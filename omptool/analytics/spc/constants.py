"""Factors of control charts for normal values: d2 and d3 of the range, c4 of the standard deviation.

Computed, not tabulated: with f(w) the density of the range of n standard normal values,

    d2 = integral of w f(w), d3 = sqrt(integral of w^2 f(w) - d2^2), c4 = sqrt(2 / (n - 1)) G(n / 2) / G((n - 1) / 2).

Printed tables round d2 to three decimals, and so do programs that carry the tables (R's qcc); others do not (SAS).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from omptool.analytics.spc.sums import Floats
from omptool.errors import UsageError

LARGEST = 1000
"""Values of a subgroup that a range is still looked at; the range says next to nothing from some ten on."""

KINDS = ("exact", "rounded")


@dataclass(frozen=True, slots=True)
class Constants:
    """Which d2 is used: `exact`, or `rounded` to the three decimals of printed tables."""

    kind: str

    @classmethod
    def of(cls, kind: object) -> Constants:
        """Raises UsageError for another kind."""
        if kind not in KINDS:
            raise UsageError(
                f"--param constants={kind}: there are exact and rounded", "rounded: d2 with three decimals"
            )
        return cls(str(kind))

    def d2(self, n: int) -> float:
        return round(range_moments(n)[0], 3) if self.kind == "rounded" else range_moments(n)[0]

    @staticmethod
    def d3(n: int) -> float:
        return range_moments(n)[1]

    def named(self, n: int) -> str:
        """For people: which constant a result used."""
        return f"{self.kind} d2({n}) = {self.d2(n):.7g}, d3({n}) = {self.d3(n):.7g}"


@cache
def range_moments(n: int) -> tuple[float, float]:
    """d2 and d3: mean and standard deviation of the range of n standard normal values, to 12 digits.

    The density of the range is n (n - 1) times the integral of phi(x) phi(x + w) (Phi(x + w) - Phi(x))^(n - 2) over x:
    a smooth bell, for which the trapezoidal rule is as good as any; over w it is Gauss-Legendre.

    Raises:
        UsageError: fewer than two values, or more than anybody looks at the range of.
    """
    if not 2 <= n <= LARGEST:
        raise UsageError(
            f"a range of {n:,} values says nothing", f"subgroups of 2 to {LARGEST:,}; --param spread=S takes any size"
        )
    nodes, weights = np.polynomial.legendre.leggauss(100)
    width = (nodes + 1) * 8.0  # 0 to 16, behind which nothing is left
    x = np.linspace(-9.0, 9.0, 451)
    left = _normal(x)[None, :]
    right = _normal(x[None, :] + width[:, None])
    inside = np.maximum(right - left, 0.0) ** (n - 2)
    density = (
        n * (n - 1) * (_bell(x)[None, :] * _bell(x[None, :] + width[:, None]) * inside).sum(axis=1) * (x[1] - x[0])
    )
    first, second = (float((weights * 8.0 * density * width**power).sum()) for power in (1, 2))
    return first, math.sqrt(second - first * first)


def c4(n: int) -> float:
    """Mean of the standard deviation (n - 1) of n standard normal values; 1 - 1/(4n) - ... for large n."""
    if n > LARGEST:
        return 1 - 1 / (4 * n) - 7 / (32 * n**2) - 19 / (128 * n**3)
    return math.sqrt(2 / (n - 1)) * math.exp(math.lgamma(n / 2) - math.lgamma((n - 1) / 2))


def c5(n: int) -> float:
    """Standard deviation of that standard deviation."""
    return math.sqrt(max(1 - c4(n) ** 2, 0.0))


def _bell(x: Floats) -> Floats:
    found: Floats = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
    return found


_erfc = np.frompyfunc(math.erfc, 1, 1)


def _normal(x: Floats) -> Floats:
    return 0.5 * np.asarray(_erfc(-x / math.sqrt(2)), np.float64)
