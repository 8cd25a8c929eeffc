"""What the load server shows: every value follows from (machine, item, tick), so whoever holds a row can tell whether
it is right. Pure and vectorised: the server fills messages with it, the checker compares whole captures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

from omptool.model.times import EPOCH_TICKS

NAMESPACE = "urn:omptool:load:tags"
FIRST_TAG = 1001
"""Numeric identifier of item 0."""
SERVER_STAMP_NS = 1_000_000
"""ServerTimestamp minus SourceTimestamp."""

STATES = tuple(f"STATE_{number:02d}" for number in range(32))
_STATES = np.array([state.encode() for state in STATES], "S8")
_OLDEST_DATE = 133_000_000_000_000_000
"""DateTimes begin here (100 ns ticks since 1601), in 2022."""


class Kind(Enum):
    """A built-in type: its id, the dtype of its bytes on the wire; a String always has eight characters."""

    DOUBLE = 11, "<f8"
    FLOAT = 10, "<f4"
    INT32 = 6, "<i4"
    INT64 = 8, "<i8"
    UINT16 = 5, "<u2"
    BOOLEAN = 1, "u1"
    STRING = 12, "S8"
    DATETIME = 13, "<i8"

    @property
    def builtin(self) -> int:
        return int(self.value[0])

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.value[1])


MIXES: dict[str, tuple[Kind, ...]] = {
    "double": (Kind.DOUBLE,),
    "mixed": (
        Kind.DOUBLE, Kind.INT32, Kind.BOOLEAN, Kind.STRING, Kind.FLOAT,
        Kind.DOUBLE, Kind.DATETIME, Kind.UINT16, Kind.DOUBLE, Kind.INT64,
    ),
}  # fmt: skip
"""Types by item: item n has the type n modulo length, so that no two neighbours of a mixed message are alike."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A plant of equal machines.

    Attributes:
        period_ns: between two ticks of a machine.
        slots: machines tick at so many moments of a period; machine n in slot n modulo slots.
    """

    machines: int
    items: int
    mix: str
    period_ns: int
    slots: int = 1

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return MIXES[self.mix]

    def kind_of(self, item: int) -> Kind:
        return self.kinds[item % len(self.kinds)]

    def phase_ns(self, machine: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """How long after the begin of a period a machine ticks; whole 100 ns."""
        return np.asarray(machine, np.int64) % self.slots * (self.period_ns // self.slots // 100 * 100)

    def due_ns(self, machine: npt.ArrayLike, tick: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """SourceTimestamp, Unix nanoseconds."""
        return np.asarray(tick, np.int64) * self.period_ns + self.phase_ns(machine)


def machine_name(number: int) -> str:
    """All of one length."""
    return f"m{number:05d}"


def application_uri(number: int) -> str:
    return f"urn:omptool:load:{machine_name(number)}"


def node_id(item: int) -> str:
    """C1 text."""
    return f"nsu={NAMESPACE};i={FIRST_TAG + item}"


def stamps(due_ns: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """DateTime on the wire."""
    return due_ns // 100 + EPOCH_TICKS


def values(kind: Kind, machine: npt.ArrayLike, item: npt.ArrayLike, tick: npt.ArrayLike) -> npt.NDArray[Any]:
    """Values of one type as they go onto the wire; the arguments are broadcast against each other."""
    bits = _mixed(machine, item, tick)
    match kind:
        case Kind.DOUBLE:
            return (bits >> np.uint64(44)).astype("<f8") / 1024
        case Kind.FLOAT:
            return ((bits >> np.uint64(48)).astype("<f4") / 8).astype("<f4")
        case Kind.INT32:
            return (bits >> np.uint64(40)).astype("<i4") - (1 << 23)
        case Kind.INT64:
            return (bits >> np.uint64(20)).astype("<i8") - (1 << 43)
        case Kind.UINT16:
            return (bits >> np.uint64(48)).astype("<u2")
        case Kind.BOOLEAN:
            return (bits >> np.uint64(63)).astype("u1")
        case Kind.STRING:
            return _STATES[(bits >> np.uint64(59)).astype(np.intp)]
    return (bits >> np.uint64(20)).astype("<i8") * 100 + _OLDEST_DATE


def _mixed(machine: npt.ArrayLike, item: npt.ArrayLike, tick: npt.ArrayLike) -> npt.NDArray[np.uint64]:
    """64 well mixed bits: the finaliser of MurmurHash3 over a linear combination."""
    parts = [np.asarray(part).astype(np.uint64) for part in (machine, item, tick)]
    bits = (
        parts[0] * np.uint64(0x9E3779B97F4A7C15)
        + parts[1] * np.uint64(0xC2B2AE3D27D4EB4F)
        + parts[2] * np.uint64(0x165667B19E3779F9)
    )
    bits ^= bits >> np.uint64(33)
    bits *= np.uint64(0xFF51AFD7ED558CCD)
    bits ^= bits >> np.uint64(33)
    bits *= np.uint64(0xC4CEB9FE1A85EC53)
    bits ^= bits >> np.uint64(33)
    return bits


def kinds_of(plan: Plan, items: Sequence[int] | npt.NDArray[np.int64]) -> list[Kind]:
    return [plan.kind_of(int(item)) for item in items]
