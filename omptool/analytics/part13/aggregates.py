"""The standard aggregates by BrowseName, with the clause that defines each and what it was held against."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from omptool.analytics.part13 import bits, counted, timed
from omptool.analytics.part13.counted import Result
from omptool.analytics.part13.frame import Frame
from omptool.analytics.part13.series import Series, Settings, Times, Windows


@dataclass(frozen=True, slots=True)
class Aggregate:
    """One aggregate.

    Attributes:
        clause: of OPC 10000-13.
        evidence: published results that tests hold it against, or only the definition.
        of_text: has a meaning for texts.
        returns_text: and answers with one.
        extrapolates: goes on behind the last value; of all others nothing is known there.
    """

    name: str
    clause: str
    about: str
    evidence: str
    compute: Callable[[Frame], Result]
    of_text: bool = False
    returns_text: bool = False
    extrapolates: bool = False


def _worst2(frame: Frame) -> Result:
    return counted.worst(frame, timed.worst_bound(frame))


_COMPUTE: dict[str, Callable[[Frame], Result]] = {
    "Interpolative": timed.interpolative,
    "Average": counted.average,
    "TimeAverage": partial(timed.time_average, total=False),
    "TimeAverage2": partial(timed.time_average2, total=False),
    "Total": partial(timed.time_average, total=True),
    "Total2": partial(timed.time_average2, total=True),
    "Minimum": partial(counted.extreme, sign=1, actual=False),
    "Maximum": partial(counted.extreme, sign=-1, actual=False),
    "MinimumActualTime": partial(counted.extreme, sign=1, actual=True),
    "MaximumActualTime": partial(counted.extreme, sign=-1, actual=True),
    "Range": counted.span,
    "Minimum2": partial(timed.extreme2, sign=1, actual=False),
    "Maximum2": partial(timed.extreme2, sign=-1, actual=False),
    "MinimumActualTime2": partial(timed.extreme2, sign=1, actual=True),
    "MaximumActualTime2": partial(timed.extreme2, sign=-1, actual=True),
    "Range2": timed.span2,
    "AnnotationCount": partial(counted.annotated, times=np.zeros(0, np.int64)),
    "Count": counted.count,
    "DurationInStateZero": partial(timed.in_state, zero=True),
    "DurationInStateNonZero": partial(timed.in_state, zero=False),
    "NumberOfTransitions": counted.transitions,
    "Start": partial(counted.edge, last=False),
    "End": partial(counted.edge, last=True),
    "Delta": counted.delta,
    "StartBound": timed.start_bound,
    "EndBound": timed.end_bound,
    "DeltaBounds": timed.delta_bounds,
    "DurationGood": partial(timed.duration, good=True, percent=False),
    "DurationBad": partial(timed.duration, good=False, percent=False),
    "PercentGood": partial(timed.duration, good=True, percent=True),
    "PercentBad": partial(timed.duration, good=False, percent=True),
    "WorstQuality": counted.worst,
    "WorstQuality2": _worst2,
    "StandardDeviationSample": partial(counted.deviation, less=1),
    "VarianceSample": partial(counted.variance, less=1),
    "StandardDeviationPopulation": partial(counted.deviation, less=0),
    "VariancePopulation": partial(counted.variance, less=0),
}

_ABOUT = """
Interpolative: node-opcua; value at the start of the window
Average: node-opcua; mean of the Good values
TimeAverage: Annex A; mean over time, on straight lines
TimeAverage2: Annex A; mean over the time that is not Bad
Total: Annex A by TimeAverage; TimeAverage x seconds of the window
Total2: Annex A by TimeAverage2; TimeAverage2 x seconds of the window
Minimum: node-opcua; least Good value
Maximum: node-opcua; greatest Good value
MinimumActualTime: Annex A; least Good value, at its time
MaximumActualTime: Annex A; greatest Good value, at its time
Range: definition; Maximum - Minimum
Minimum2: Annex A; least value, simple bounds included
Maximum2: Annex A by MaximumActualTime2; greatest value, simple bounds included
MinimumActualTime2: Annex A; least value, simple bounds included, at its time
MaximumActualTime2: Annex A; greatest value, simple bounds included, at its time
Range2: definition; Maximum2 - Minimum2
AnnotationCount: Annex A; annotations in the window
Count: node-opcua; how many Good values
DurationInStateZero: Annex A; ms in which the value was 0
DurationInStateNonZero: Annex A; ms in which the value was not 0
NumberOfTransitions: definition; how often the value changed
Start: definition; first value as it was stored
End: definition; last value as it was stored
Delta: definition; last Good value - first Good value
StartBound: Annex A; simple bounding value at the start
EndBound: Annex A by StartBound; simple bounding value at the end
DeltaBounds: definition; EndBound - StartBound
DurationGood: Annex A, node-opcua; ms of Good
DurationBad: node-opcua; ms of Bad or of no data
PercentGood: node-opcua; DurationGood / window x 100
PercentBad: node-opcua; DurationBad / window x 100
WorstQuality: definition; worst status of the values, as a number
WorstQuality2: definition; worst status of the values and of the start bound
StandardDeviationSample: Annex A by VarianceSample; of the Good values, n - 1
VarianceSample: Annex A; of the Good values, n - 1
StandardDeviationPopulation: definition; of the Good values, n
VariancePopulation: definition; of the Good values, n
"""
"""What each was held against, and what it says; in the order of the clauses 5.4.3.4 to 5.4.3.40."""

_RETURN_TEXT = frozenset({"Interpolative", "Start", "End", "StartBound", "EndBound"})
_EXTRAPOLATE = frozenset({"Interpolative", "TimeAverage", "Total"})
_OF_TEXT = _RETURN_TEXT | {
    "AnnotationCount", "Count", "NumberOfTransitions", "DurationGood", "DurationBad", "PercentGood", "PercentBad",
    "WorstQuality", "WorstQuality2",
}  # fmt: skip


def _all() -> Iterator[Aggregate]:
    for number, line in enumerate(_ABOUT.strip().splitlines(), 4):
        name, rest = line.split(": ", 1)
        evidence, about = rest.split("; ", 1)
        of_text, returns_text, extrapolates = (name in each for each in (_OF_TEXT, _RETURN_TEXT, _EXTRAPOLATE))
        yield Aggregate(name, f"5.4.3.{number}", about, evidence, _COMPUTE[name], of_text, returns_text, extrapolates)


ALL = {each.name: each for each in _all()}
"""The 37 by BrowseName, in the order of Part 13."""


def compute(
    name: str, series: Series, windows: Windows, settings: Settings, annotations: Times | None = None
) -> Result:
    """An aggregate of one Variable.

    Args:
        name: a key of `ALL`.
        annotations: their times, for AnnotationCount.

    Returns:
        One value per window, oldest first. `time` is always given; a Bad result has no value (NaN).
    """
    return computed(name, Frame(series, windows, settings), annotations)


def computed(name: str, frame: Frame, annotations: Times | None) -> Result:
    """The same of values that are laid into windows."""
    series, windows = frame.series, frame.windows
    if not series.time.size:
        nothing = np.full(len(windows), bits.NO_DATA, np.uint32)
        return Result(np.full(len(windows), np.nan), nothing, windows.stamp)
    if name == "AnnotationCount" and annotations is not None:
        found = counted.annotated(frame, annotations)
    else:
        with np.errstate(over="ignore", invalid="ignore"):  # infinite values are values
            found = ALL[name].compute(frame)
    status = found.status
    if found.row is not None:  # a stored value is returned that stands for several
        extra = (found.row >= 0) & series.extra[np.maximum(found.row, 0)]
        status = np.where(extra, status | bits.EXTRA_DATA, status).astype(np.uint32)
    status = np.where(status & 0xFFFF0000 == bits.BAD, status & np.uint32(0xFFFFFFFC), status)  # nothing was calculated
    status = np.where(status == bits.BAD | 0x0400, bits.BAD, status).astype(np.uint32)
    value = np.where(status >= bits.BAD, np.nan, found.value)
    return Result(value, status, windows.stamp if found.time is None else found.time, found.row)
