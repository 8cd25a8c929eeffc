"""Values of a Variable and what they should be → indices of capability."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import pyarrow as pa

from omptool.analytics.spc.charted import charted
from omptool.analytics.spc.constants import Constants
from omptool.analytics.spc.distributions import chi_square_quantile, normal_quantile
from omptool.analytics.spc.measured import Measured, grouped
from omptool.analytics.spc.periods import each
from omptool.analytics.spc.sums import mean, sd
from omptool.analytics.spc.within import Within, chosen_method, within
from omptool.errors import UsageError
from omptool.model.contracts import TIME
from omptool.model.specs import Spec

_NUMBERS = (
    "mean", "sd_within", "sd_overall", "lsl", "target", "usl", "cp", "cp_low", "cp_high", "cpl", "cpu", "cpk",
    "cpk_low", "cpk_high", "cpm", "cpm_low", "cpm_high", "pp", "pp_low", "pp_high", "ppl", "ppu", "ppk", "ppk_low",
    "ppk_high", "below_lsl", "above_usl", "confidence", "coverage", "percent_good",
)  # fmt: skip
_SCHEMA = pa.schema(
    [("start", TIME), ("end", TIME), ("n", pa.int64()), ("subgroups", pa.int64())]
    + [(name, pa.float64()) for name in _NUMBERS]
    + [("constants", pa.string()), ("note", pa.string())]
)


def finish(measured: Measured, given: Mapping[str, Any]) -> pa.Table:
    """One row, or one per period.

    Args:
        given: `lsl`, `usl`, `target`, `confidence`, `freedom`, `size`, `every`, `spread`, `constants`; `start` and
            `end` of the window.

    Raises:
        UsageError: a parameter that says nothing, limits that leave no room.
    """
    _check(given)
    spec = specified(measured.spec, given)
    return each(grouped(measured, given), lambda part, _: _row(part, spec, given))


def _row(measured: Measured, spec: Spec, given: Mapping[str, Any]) -> pa.Table:
    value = measured.value
    chart = charted(measured, {"baseline": None})
    method = chosen_method(given, chart.points)
    inner = within(chart.points, chart.among, method, Constants.of(given["constants"]))
    level, overall = mean(value), sd(value)
    row: dict[str, Any] = {
        "start": given.get("start"),
        "end": given.get("end"),
        "n": value.size,
        "subgroups": len(chart.points) if (chart.points.size > 1).any() else None,
        "mean": level,
        "sd_within": inner.sigma,
        "sd_overall": overall,
        **spec._asdict(),
        "confidence": given["confidence"],
        "coverage": measured.coverage,
        "percent_good": measured.percent_good,
        "constants": inner.constants,
        "note": "; ".join([*chart.notes, *_notes(value.size, inner.sigma, overall, spec)]) or None,
    }
    if level is not None:
        row |= {name: share for name, share in _outside(value, spec).items() if share is not None}
        short, long = _freedoms(inner, value.size, given["freedom"])
        row |= _named("cp", indices(level, inner.sigma, spec), short, value.size, given["confidence"])
        row |= _named("pp", indices(level, overall, spec), long, value.size, given["confidence"])
    return pa.Table.from_pylist([{name: row.get(name) for name in _SCHEMA.names}], schema=_SCHEMA)


def specified(spec: Spec, given: Mapping[str, Any]) -> Spec:
    """What parameters say, else what the plant model says; without a target the middle of both limits.

    Raises:
        UsageError: limits that leave no room.
    """
    lsl, usl, target = (
        given.get(name) if given.get(name) is not None else getattr(spec, name) for name in ("lsl", "usl", "target")
    )
    if lsl is not None and usl is not None:
        if lsl >= usl:
            raise UsageError(f"lsl = {lsl:g} is not below usl = {usl:g}", "lsl is the lower limit, usl the upper one")
        target = (lsl + usl) / 2 if target is None else target
    return Spec(lsl, usl, target)


class Indices(NamedTuple):
    """Of one standard deviation; None where a limit or the deviation is missing. `away` is (mean - target) / sigma."""

    whole: float | None
    lower: float | None
    upper: float | None
    nearest: float | None
    on_target: float | None
    away: float | None


def indices(level: float, sigma: float | None, spec: Spec) -> Indices:
    """Cp, Cpl, Cpu, Cpk, Cpm with sigma within subgroups; Pp, Ppl, Ppu, Ppk with that of all values."""
    if not sigma:
        return Indices(None, None, None, None, None, None)
    lower = None if spec.lsl is None else (level - spec.lsl) / (3 * sigma)
    upper = None if spec.usl is None else (spec.usl - level) / (3 * sigma)
    sides = [side for side in (lower, upper) if side is not None]
    whole = None if spec.lsl is None or spec.usl is None else (spec.usl - spec.lsl) / (6 * sigma)
    away = None if spec.target is None else (level - spec.target) / sigma
    on_target = None if whole is None or away is None else whole / math.hypot(1.0, away)
    return Indices(whole, lower, upper, min(sides, default=None), on_target, away)


def _named(kind: str, found: Indices, freedom: float | None, n: int, confidence: float) -> dict[str, float | None]:
    tail = (1 - confidence) / 2
    names = {kind: found.whole, f"{kind}l": found.lower, f"{kind}u": found.upper, f"{kind}k": found.nearest}
    if kind == "cp":
        names["cpm"] = found.on_target
    if not freedom or freedom == math.inf:
        return names
    if found.whole is not None:
        names |= _between(kind, found.whole, freedom, tail)
    if found.nearest is not None:
        # Bissell 1990
        width = normal_quantile(1 - tail) * math.hypot(1 / (3 * math.sqrt(n)), found.nearest / math.sqrt(2 * freedom))
        names |= {f"{kind}k_low": found.nearest - width, f"{kind}k_high": found.nearest + width}
    if kind == "cp" and found.on_target is not None and found.away is not None:
        # Boyles 1991: as many degrees of freedom as the mean square around the target has
        square = min(found.away * found.away, 1e12)  # so far off, more of it makes the interval no narrower
        names |= _between("cpm", found.on_target, (freedom + 1) * (1 + square) ** 2 / (1 + 2 * square), tail)
    return names


def _between(name: str, index: float, freedom: float, tail: float) -> dict[str, float]:
    low, high = (math.sqrt(chi_square_quantile(p, freedom) / freedom) for p in (tail, 1 - tail))
    return {f"{name}_low": index * low, f"{name}_high": index * high}


def _freedoms(inner: Within, n: int, kind: str) -> tuple[float | None, float | None]:
    """Of the deviation within subgroups, and of that of all values."""
    whole = float(n - 1) if n > 1 else None
    return (whole if kind == "n-1" else inner.freedom), whole


def _outside(value: Any, spec: Spec) -> dict[str, float | None]:
    """Per cent of the values beyond each limit."""
    return {
        "below_lsl": None if spec.lsl is None else 100 * float((value < spec.lsl).mean()),
        "above_usl": None if spec.usl is None else 100 * float((value > spec.usl).mean()),
    }


def _notes(n: int, inner: float | None, overall: float | None, spec: Spec) -> list[str]:
    if not n:
        return ["no values"]
    found = []
    if spec.lsl is None and spec.usl is None:
        found.append("no limits are known: --param lsl=… --param usl=…, or [[spec]] in plant.toml")
    if inner is None or overall is None:
        found.append("too few values to know how they vary")
    elif not inner or not overall:
        found.append("values do not vary: sigma is 0, and there are no indices")
    return found


def _check(given: Mapping[str, Any]) -> None:
    if not 0 < given["confidence"] < 1:
        raise UsageError(f"--param confidence={given['confidence']:g}: it is between 0 and 1", "0.95 is the default")
    if given["freedom"] not in ("sigma", "n-1"):
        raise UsageError(f"--param freedom={given['freedom']}: there are sigma and n-1", "sigma is the default")
    for name in ("lsl", "usl", "target"):
        if given[name] is not None and not math.isfinite(given[name]):
            raise UsageError(f"--param {name}={given[name]:g} is no limit", "leave it out: one-sided")
