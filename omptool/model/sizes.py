"""Sizes as people write them: `64MB`, `1.5 GiB`. Decimal as disks are sold, binary where the `i` says so. Pure."""

from __future__ import annotations

import re

from omptool.errors import UsageError

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGTP]i?)?B?", re.IGNORECASE)
_POWERS: dict[str, int] = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


def parse_size(text: str) -> int:
    """Bytes.

    Raises:
        UsageError: no size, or nothing at all.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a size", "write 500kB, 64MB, 10GB or 2TB")
    unit = (match[2] or "").lower()
    base = 1024.0 if unit.endswith("i") else 1000.0
    size = round(float(match[1]) * base ** _POWERS[unit[:1]])
    if size <= 0:
        raise UsageError(f"{text!r} is no size at all", "write 500kB, 64MB, 10GB or 2TB")
    return size
