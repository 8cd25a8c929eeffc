"""Times as other tools write them → microseconds and the nanoseconds below them. Pure.

ISO 8601 with up to nine decimals, `T` or a space, with or without offset; German dates (`22.11.2026 10:18:26,5`); and
counts since 1970 in seconds, milliseconds, microseconds or nanoseconds, told apart by their size. Dates with slashes
are refused: nobody can tell the day from the month.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from omptool.model.times import unix_us

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_OFFSET = r"\s?(?P<zone>Z|z|UTC|[+-]\d\d(?::?\d\d)?)?"
_CLOCK = r"(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9})\d*)?)?"
_ISO = re.compile(rf"(?P<year>\d{{4}})-(?P<month>\d\d)-(?P<day>\d\d)(?:[Tt ]{_CLOCK}{_OFFSET})?")
_GERMAN = re.compile(rf"(?P<day>\d\d?)\.(?P<month>\d\d?)\.(?P<year>\d{{4}})(?:\s+{_CLOCK}{_OFFSET})?")
_COUNT = re.compile(r"[+-]?\d{1,20}(?:\.\d{1,9})?")
_PLAIN = r"^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,9})?"
"""What the vectorised cast reads; an end is added."""

_UNITS = ((10**11, 10**9), (10**14, 10**6), (10**17, 10**3))
"""Counts below the first are of units of so many nanoseconds; larger ones are nanoseconds."""

_MOST_US, _LEAST_US = 253_402_300_799_999_999, -62_135_596_800_000_000
"""The years 1 to 9999."""

NO_TIME = "no time that can be told for sure: write 2026-11-22T10:18:26.5Z"


@dataclass(slots=True)
class Stamps:
    """A column of times: microseconds since 1970, nanoseconds below them (0…999), and which rows have one.

    `bare`: how many were without an offset, and read in the zone that was given.
    """

    us: Ints
    rest: Ints
    present: Mask
    bare: int = 0

    @classmethod
    def of_ns(cls, ns: Ints, present: Mask | None = None) -> Stamps:
        us = ns // 1000
        return cls(us, ns - us * 1000, np.ones(len(ns), bool) if present is None else present)


def of_counts(numbers: Ints, unit_ns: int, present: Mask) -> Stamps:
    """A column of counts of a known unit; what is beyond the years 1 to 9999 is not present."""
    if unit_ns == 1:
        return Stamps.of_ns(numbers, present)
    per_us = unit_ns // 1000
    inside = (numbers >= _LEAST_US // per_us) & (numbers <= _MOST_US // per_us)
    return Stamps(np.where(inside, numbers, 0) * per_us, np.zeros(len(numbers), np.int64), present & inside)


def column(texts: pa.Array, zone: tzinfo = UTC) -> Stamps:
    """Times of a column of strings; what is no time is not present.

    Args:
        zone: of times that carry no offset.
    """
    fast = _vectorised(texts, zone)
    if fast is not None:
        return fast
    count = len(texts)
    found = Stamps(np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count, bool))
    for row, text in enumerate(texts.to_pylist()):
        if text is not None and (read := one(text, zone)) is not None:
            found.us[row], found.rest[row], is_bare = read
            found.present[row] = True
            found.bare += is_bare
    return found


def one(text: str, zone: tzinfo = UTC) -> tuple[int, int, bool] | None:
    """Microseconds, nanoseconds below, and whether `zone` was used; None for what is no time."""
    text = text.strip()
    if match := _ISO.fullmatch(text) or _GERMAN.fullmatch(text):
        return _calendar(match, zone)
    if _COUNT.fullmatch(text):
        return _counted(text)
    return None


def count(number: float) -> tuple[int, int] | None:
    """A number since 1970, in the unit that its size tells; None beyond the years 1 to 9999."""
    if isinstance(number, int):
        return in_units(number, next((unit for limit, unit in _UNITS if abs(number) < limit), 1))
    read = _counted(f"{number:.9f}")
    return None if read is None else read[:2]


def in_units(number: int, unit_ns: int) -> tuple[int, int] | None:
    """A count of a known unit; None beyond the years 1 to 9999."""
    us, rest = divmod(number * unit_ns, 1000)
    return (us, rest) if _LEAST_US <= us <= _MOST_US else None


def _vectorised(texts: pa.Array, zone: tzinfo) -> Stamps | None:
    """All at once when every row is ISO 8601 of one kind."""
    if texts.null_count or not len(texts):
        return None
    for end, convert in _ENDS:
        if pc.all(pc.match_substring_regex(texts, _PLAIN + end)).as_py():
            try:
                stamps = convert(texts, zone)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError):
                return None  # a year beyond nanoseconds, a 30th of February, an hour left out, a zone unknown to Arrow
            found = Stamps.of_ns(stamps.cast(pa.int64()).to_numpy())
            found.bare = len(texts) if end == "$" else 0
            return found
    if pc.all(pc.match_substring_regex(texts, r"^\d{10}$|^\d{13}$|^\d{16}$|^\d{19}$")).as_py():
        return _all_counts(texts)
    return None


def _with_offset(texts: pa.Array, _: tzinfo) -> pa.Array:
    return pc.cast(texts, pa.timestamp("ns", "UTC"))


def _without_offset(texts: pa.Array, zone: tzinfo) -> pa.Array:
    bare = pc.cast(texts, pa.timestamp("ns"))
    if zone is UTC:
        return bare
    return pc.assume_timezone(bare, str(zone), ambiguous="earliest", nonexistent="raise")


_ENDS: tuple[tuple[str, Callable[[pa.Array, tzinfo], pa.Array]], ...] = (
    ("(Z|[+-]\\d\\d:\\d\\d)$", _with_offset),
    ("$", _without_offset),
)


def _all_counts(texts: pa.Array) -> Stamps | None:
    try:
        numbers: Ints = pc.cast(texts, pa.int64()).to_numpy()
    except pa.ArrowInvalid:
        return None
    units = np.ones(len(numbers), np.int64)
    for limit, unit in reversed(_UNITS):
        units[np.abs(numbers) < limit] = unit
    if (numbers > np.iinfo(np.int64).max // units).any():
        return None  # a time after 2262, which nanoseconds do not hold
    return Stamps.of_ns(numbers * units)


def _calendar(match: re.Match[str], zone: tzinfo) -> tuple[int, int, bool] | None:
    parts = match.groupdict()
    ns = int((parts["fraction"] or "0").ljust(9, "0"))
    try:
        moment = datetime(
            int(parts["year"]), int(parts["month"]), int(parts["day"]), int(parts["hour"] or 0),
            int(parts["minute"] or 0), int(parts["second"] or 0), ns // 1000, _offset(parts["zone"]) or zone,
        )  # fmt: skip
        us = unix_us(moment)
    except (ValueError, OverflowError):
        return None
    # an offset takes a time beyond the calendar that its date is still in
    return (us, ns % 1000, parts["zone"] is None) if _LEAST_US <= us <= _MOST_US else None


def _offset(text: str | None) -> tzinfo | None:
    if text is None:
        return None
    if text in ("Z", "z", "UTC"):
        return UTC
    from datetime import timezone

    digits = text[1:].replace(":", "").ljust(4, "0")
    distance = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(distance if text[0] == "+" else -distance)


def _counted(text: str) -> tuple[int, int, bool] | None:
    whole, _, decimals = text.partition(".")
    number = int(whole)
    unit = next((unit for limit, unit in _UNITS if abs(number) < limit), 1)
    ns = number * unit + (-1 if text.startswith("-") else 1) * (int(decimals.ljust(9, "0") or "0") * unit // 10**9)
    us, rest = divmod(ns, 1000)
    return (us, rest, False) if _LEAST_US <= us <= _MOST_US else None
