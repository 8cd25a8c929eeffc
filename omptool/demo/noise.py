"""Chance that can be asked for anywhere in time: every number follows from names and counts, not from a number before.

SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014) as a hash. Only additions,
products and divisions touch a number drawn here, so it is the same on every computer.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_MASK = (1 << 64) - 1
_GAMMA = 0x9E3779B97F4A7C15
_M1, _M2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_SQRT3 = math.sqrt(3.0)

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def key(*parts: int | str) -> int:
    """A 64-bit number from names and counts."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def _mixed(value: int) -> int:
    value = (value ^ (value >> 30)) * _M1 & _MASK
    value = (value ^ (value >> 27)) * _M2 & _MASK
    return value ^ (value >> 31)


class Stream:
    """A short run of random numbers that belongs to one key."""

    def __init__(self, *parts: int | str) -> None:
        self._state = key(*parts)

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """Evenly in [low, high)."""
        self._state = (self._state + _GAMMA) & _MASK
        return low + (high - low) * (_mixed(self._state) >> 11) * 2.0**-53

    def exponential(self, mean: float) -> float:
        """Waiting time with the given mean."""
        return -mean * math.log(1.0 - self.uniform())

    def choice(self, options: Sequence[str]) -> str:
        """One of the options, evenly."""
        return options[int(self.uniform() * len(options))]


def normals(stream_key: int, indexes: Ints) -> Floats:
    """Mean 0, variance 1, within ±3.46, one number for each index: the four 16-bit parts of its hash, summed."""
    value = _hashes(stream_key, indexes)
    low = np.uint64(0xFFFF)
    total = sum((value >> np.uint64(shift)) & low for shift in (0, 16, 32, 48))
    return (np.asarray(total, dtype=np.float64) / 65536.0 - 2.0 + 2.0**-15) * _SQRT3


def uniforms(stream_key: int, indexes: Ints) -> Floats:
    """Evenly in [0, 1), one number for each index."""
    return np.asarray(_hashes(stream_key, indexes) >> np.uint64(11), dtype=np.float64) * 2.0**-53


def _hashes(stream_key: int, indexes: Ints) -> npt.NDArray[np.uint64]:
    with np.errstate(over="ignore"):
        value = np.uint64(stream_key) + indexes.astype(np.uint64) * np.uint64(_GAMMA)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(_M1)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(_M2)
        return value ^ (value >> np.uint64(31))
