"""How values vary on their own: sigma from the spread within subgroups, or from one value to the next."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from omptool.analytics.spc.constants import Constants, c4, c5
from omptool.analytics.spc.measured import Points
from omptool.analytics.spc.sums import Floats, Mask, Numbers, mean, total
from omptool.errors import UsageError

METHODS = ("R", "S", "pooled", "MR")


class Within(NamedTuple):
    """An estimate of sigma.

    Attributes:
        sigma: None where nothing says it.
        freedom: degrees of freedom: of a standard deviation that is as uncertain.
        constants: which ones it used, for people.
    """

    sigma: float | None
    freedom: float | None
    constants: str


def within(points: Points, among: Mask, method: str, constants: Constants, span: int = 2) -> Within:
    """Sigma from the points of the baseline.

    Args:
        method: `R` mean range / d2, `S` mean standard deviation / c4, `pooled`, each of subgroups of at least two; `MR`
            mean moving range / d2(span) of points, whatever their size.
    """
    if method == "MR":
        used = moving_ranges(points.mean, span)[whole(among, span)]
        width = mean(used)
        sigma = None if width is None else width / constants.d2(span)
        return Within(sigma, _moving_freedom(used.size, span), constants.named(span))
    several = among & (points.size > 1)
    sizes = points.size[several]
    if not sizes.size:
        return Within(None, None, _named(constants, method, sizes))
    if method == "pooled":
        freedom = int((sizes - 1).sum())
        squares = total(points.sd[several] ** 2 * (sizes - 1))
        return Within(math.sqrt(squares / freedom), float(freedom), "none")
    unit, noise = (constants.d2, constants.d3) if method == "R" else (c4, c5)
    spread = points.spread[several] if method == "R" else points.sd[several]
    scale = _by_size(unit, sizes)
    variation = math.sqrt(total((_by_size(noise, sizes) / scale) ** 2)) / sizes.size
    return Within(mean(spread / scale), as_uncertain(variation), _named(constants, method, sizes))


def chosen_method(given: Mapping[str, Any], points: Points) -> str:
    """`spread` as it was given; MR where no point has two values.

    Raises:
        UsageError: no such.
    """
    wanted = {name.casefold(): name for name in METHODS}.get(str(given["spread"]).casefold())
    if wanted is None:
        raise UsageError(f"--param spread={given['spread']}: there are {', '.join(METHODS)}", "R is the default")
    return wanted if (points.size > 1).any() else "MR"


def spread_limits(
    sigma: float | None, method: str, constants: Constants, sizes: Numbers, nsigmas: float
) -> tuple[Floats, Floats, Floats]:
    """Center, lower and upper limit of each subgroup's range or standard deviation; NaN of single values."""
    nothing = np.full(sizes.size, np.nan)
    if sigma is None:
        return nothing, nothing, nothing
    unit, noise = (constants.d2, constants.d3) if method == "R" else (c4, c5)
    scale, width = (np.where(sizes > 1, _by_size(each, np.maximum(sizes, 2)), np.nan) for each in (unit, noise))
    return scale * sigma, np.maximum((scale - nsigmas * width) * sigma, 0.0), (scale + nsigmas * width) * sigma


def moving_ranges(value: Floats, span: int) -> Floats:
    """Range of each value and those before it; NaN for the first ones."""
    found = np.full(value.size, np.nan)
    if span == 2:
        found[1:] = np.abs(np.diff(value))
    elif value.size >= span:
        windows = np.lib.stride_tricks.sliding_window_view(value, span)
        found[span - 1 :] = windows.max(axis=1) - windows.min(axis=1)
    return found


def whole(among: Mask, span: int) -> Mask:
    """Moving ranges all of whose values are in the baseline."""
    lacking = np.concatenate(([0], np.cumsum(~among)))
    found = np.zeros(among.size, np.bool_)
    found[span - 1 :] = lacking[span:] == lacking[: max(among.size - span + 1, 0)]
    return found


def as_uncertain(variation: float) -> float:
    """Degrees of freedom of a standard deviation with this coefficient of variation: c5 / c4 of one value more."""
    if not variation > 0:
        return math.inf
    low, high = 1e-3, 1e9
    for _ in range(200):
        middle = math.sqrt(low * high)
        c = _c4_of(middle)
        low, high = (middle, high) if math.sqrt(max(1 - c * c, 0.0)) / c > variation else (low, middle)
    return math.sqrt(low * high)


def _c4_of(freedom: float) -> float:
    if freedom > 1000:
        return 1 - 1 / (4 * freedom) + 1 / (32 * freedom**2)
    return math.sqrt(2 / freedom) * math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2))


def _moving_freedom(count: int, span: int) -> float | None:
    """Neighbouring moving ranges of two share a value: E|UV| of two differences with correlation -1/2 (Cryer, Ryan)."""
    if not count or span != 2:
        return None
    neighbours = (4 / math.pi) * (math.sqrt(0.75) + math.asin(0.5) / 2) - 4 / math.pi
    variance = (count * (2 - 4 / math.pi) + 2 * (count - 1) * neighbours) / count**2
    return as_uncertain(math.sqrt(variance * math.pi) / 2)


def _by_size(unit: Callable[[int], float], sizes: Numbers) -> Floats:
    kinds, inverse = np.unique(sizes, return_inverse=True)
    return np.array([unit(int(kind)) for kind in kinds], np.float64)[inverse]


def _named(constants: Constants, method: str, sizes: Numbers) -> str:
    if method == "pooled" or not sizes.size:
        return "none"
    low, high = int(sizes.min()), int(sizes.max())
    if method == "S":
        return f"exact c4({low}) = {c4(low):.7g}" if low == high else f"exact c4 of {low} to {high} values"
    return constants.named(low) if low == high else f"{constants.kind} d2, d3 of {low} to {high} values"
