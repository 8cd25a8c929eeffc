"""StatusCodes of aggregates: severity, sub-code and the historian's info bits (Part 4, 7.39; Part 13, 5.3.3)."""

from __future__ import annotations

import numpy as np

GOOD = np.uint32(0x00000000)
UNCERTAIN = np.uint32(0x40A40000)
"""UncertainDataSubNormal: not all that went in was Good."""
BAD = np.uint32(0x80000000)
NO_DATA = np.uint32(0x809B0000)
"""BadNoData: nothing to compute from."""
INVALID_INPUTS = np.uint32(0x80D60000)
"""BadAggregateInvalidInputs: a number was wanted, and the Variable has texts."""

_DATA_VALUE = np.uint32(0x00000400)
CALCULATED = _DATA_VALUE | np.uint32(0x01)
INTERPOLATED = _DATA_VALUE | np.uint32(0x02)
PARTIAL = _DATA_VALUE | np.uint32(0x04)
EXTRA_DATA = _DATA_VALUE | np.uint32(0x08)
MULTIPLE_VALUES = _DATA_VALUE | np.uint32(0x10)

SEVERITY = np.uint32(0xC0000000)

_NAMES = (
    ("Calculated", 0x01),
    ("Interpolated", 0x02),
    ("Partial", 0x04),
    ("ExtraData", 0x08),
    ("MultipleValues", 0x10),
)


def names(status: int) -> list[str]:
    """The info bits of an aggregate's status that are set."""
    return [name for name, bit in _NAMES if status & bit] if status & 0x0C00 == 0x0400 else []
