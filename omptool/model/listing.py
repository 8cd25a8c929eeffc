"""Names in a sentence: the first ones, and how many more there are. Pure."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice


def listed(names: Collection[str], most: int = 8) -> str:
    """`a, b and 3 more`.

    Args:
        most: how many are named.
    """
    first = ", ".join(islice(names, most))
    return f"{first} and {len(names) - most:,} more" if len(names) > most else first
