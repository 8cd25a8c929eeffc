"""Factors of control charts for normal values: d2 and d3 of the range, c4 of the standard deviation.

Computed, not tabulated: with f(w) the density of the range of n standard normal values,

    d2 = integral of w f(w), d3 = sqrt(integral of w^2 f(w) - d2^2), c4 = sqrt(2 / (n - 1)) G(n / 2) / G((n - 1) / 2).

Printed tables round d2 to three decimals and have a d3 that is wrong from the fifth on; programs that carry such tables
(R's qcc) give other limits than those that compute (SAS).
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

_PRINTED_D3 = (
    0.8525033, 0.8883697, 0.8798108, 0.8640855, 0.8480442, 0.8332108, 0.8198378, 0.8078413, 0.7970584, 0.7873230,
    0.7784873, 0.7704257, 0.7630330, 0.7562217, 0.7499188, 0.7440627, 0.7386021, 0.7334929, 0.7286980, 0.7241851,
    0.7199267, 0.7158987, 0.7120802, 0.7084528,
)  # fmt: skip
"""Of 2 to 25 values, as qcc has it."""


@dataclass(frozen=True, slots=True)
class Constants:
    """Which d2 and d3 are used: `exact`, or those of printed tables, `rounded`; tables end at 25 values."""

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

    def d3(self, n: int) -> float:
        printed = self.kind == "rounded" and n < 2 + len(_PRINTED_D3)
        return _PRINTED_D3[n - 2] if printed else range_moments(n)[1]

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
