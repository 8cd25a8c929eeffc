"""The rules of Western Electric (1956) and of Nelson (1984) for points of a control chart.

A rule is violated at the point that completes its pattern: the last of the nine on one side, the second beyond two
sigma. `z` is the point's distance from the center in its own standard errors; limits are crossed, not touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from omptool.analytics.spc.sums import Floats, Mask
from omptool.errors import UsageError
from omptool.model.nearest import nearest

SIGMAS = 3.0
"""Where the limits of the rules lie."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule.

    Attributes:
        length: points of the pattern.
        find: z → whether each point completes the pattern.
    """

    name: str
    about: str
    length: int
    find: Callable[[Floats], Mask]


def _runs(holds: Mask) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """How many points in a row, up to and with each one, hold."""
    index = np.arange(1, holds.size + 1)
    last_broken = np.maximum.accumulate(np.where(holds, 0, index))
    found: np.ndarray[tuple[int], np.dtype[np.int64]] = index - last_broken
    return found


def _in_a_row(holds: Mask, count: int) -> Mask:
    found: Mask = _runs(holds) >= count
    return found


def _share(holds: Mask, least: int, count: int) -> Mask:
    """At least `least` of the last `count` points hold, the point itself among them."""
    sums = np.concatenate(([0], np.cumsum(holds)))
    found = np.zeros(holds.size, np.bool_)
    if holds.size >= count:
        found[count - 1 :] = (sums[count:] - sums[:-count] >= least) & holds[count - 1 :]
    return found


def _one_side(count: int) -> Callable[[Floats], Mask]:
    return lambda z: _in_a_row(z > 0, count) | _in_a_row(z < 0, count)


def _beyond(sigmas: float, least: int, count: int) -> Callable[[Floats], Mask]:
    return lambda z: _share(z > sigmas, least, count) | _share(z < -sigmas, least, count)


def _outside(z: Floats) -> Mask:
    found: Mask = np.abs(z) > SIGMAS
    return found


def _trend(z: Floats) -> Mask:
    steps = np.diff(z)
    return _behind_first(_in_a_row(steps > 0, 5) | _in_a_row(steps < 0, 5), z.size)


def _alternating(z: Floats) -> Mask:
    steps = np.sign(np.diff(z))
    turns = np.concatenate(([False], steps[1:] * steps[:-1] < 0)) if steps.size else np.zeros(0, np.bool_)
    # 14 points are 13 steps, of which 12 turn back
    return _behind_first(_in_a_row(turns, 12), z.size)


def _behind_first(found: Mask, size: int) -> Mask:
    whole: Mask = np.concatenate(([False], found))[:size]
    return whole


def _hugging(z: Floats) -> Mask:
    return _in_a_row(np.abs(z) < 1, 15)


def _avoiding(z: Floats) -> Mask:
    far = np.abs(z) > 1
    both = ~(_in_a_row(z > 0, 8) | _in_a_row(z < 0, 8))
    return _in_a_row(far, 8) & both


ALL: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("WER1", "beyond 3 sigma", 1, _outside),
        Rule("WER2", "2 of 3 points beyond 2 sigma on one side", 3, _beyond(2, 2, 3)),
        Rule("WER3", "4 of 5 points beyond 1 sigma on one side", 5, _beyond(1, 4, 5)),
        Rule("WER4", "8 points in a row on one side of the center", 8, _one_side(8)),
        Rule("NEL1", "beyond 3 sigma", 1, _outside),
        Rule("NEL2", "9 points in a row on one side of the center", 9, _one_side(9)),
        Rule("NEL3", "6 points in a row rising or falling", 6, _trend),
        Rule("NEL4", "14 points in a row up and down by turns", 14, _alternating),
        Rule("NEL5", "2 of 3 points beyond 2 sigma on one side", 3, _beyond(2, 2, 3)),
        Rule("NEL6", "4 of 5 points beyond 1 sigma on one side", 5, _beyond(1, 4, 5)),
        Rule("NEL7", "15 points in a row within 1 sigma", 15, _hugging),
        Rule("NEL8", "8 points in a row beyond 1 sigma, on both sides", 8, _avoiding),
    )
}
FIRST = ("WER1", "NEL1")
"""Beyond the limits, wherever a chart draws them."""

SETS: Mapping[str, tuple[str, ...]] = {
    "western_electric": tuple(name for name in ALL if name.startswith("WER")),
    "nelson": tuple(name for name in ALL if name.startswith("NEL")),
    "all": tuple(ALL),
    "limits": ("WER1",),
    "none": (),
}


def chosen(text: object) -> tuple[str, ...]:
    """`nelson`, `WER1 WER4` … → names of rules, in their order.

    Raises:
        UsageError: no such rule or set of rules.
    """
    words = [word for word in re.split(r"[\s,;+]+", str(text or "none")) if word]
    found = set[str]()
    for word in words:
        if word.casefold() in SETS:
            found.update(SETS[word.casefold()])
        elif word.upper() in ALL:
            found.add(word.upper())
        else:
            known = [*SETS, *ALL]
            close = nearest(word, known, 1)
            hint = f"did you mean {close[0]}?\n" if close else ""
            raise UsageError(f"--param rules: there is no rule {word}", f"{hint}known are {', '.join(known)}")
    return tuple(name for name in ALL if name in found)


def violated(z: Floats, names: Sequence[str], outside: Mask | None = None) -> dict[str, Mask]:
    """Per rule whether each point completes its pattern.

    Args:
        z: NaN is a point that no rule can judge.
        outside: beyond the limits of a chart, where they are not at 3 sigma.
    """
    found = {name: ALL[name].find(z) for name in names}
    if outside is not None:
        found |= dict.fromkeys((name for name in names if name in FIRST), outside)
    return found
