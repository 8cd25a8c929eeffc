"""What to say where an aggregate takes numbers and there are texts: its rows alone would look like an answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from omptool.analytics.binding import Tag
from omptool.analytics.part13 import bits
from omptool.analytics.part13.series import Mask
from omptool.analytics.streams import Ask

_MOST = 3
"""Examples that are named."""


def of_tags(rows: pa.Table, tags: Sequence[Tag], aggregate: str) -> tuple[str, str]:
    """A note where some tags have texts, and why the answer is none where all do.

    Args:
        rows: `node` (a place in `tags`) and `status`.
    """
    places = np.unique(rows["node"].to_numpy()[_refused(rows)])
    if not places.size:
        return "", ""
    named = ", ".join(f"{tags[place].machine}/{tags[place].tag}" for place in places[:_MOST].tolist())
    named += ", …" if places.size > _MOST else ""
    why = f"{aggregate} takes numbers (BadAggregateInvalidInputs); --map value=GLOB names tags that have them"
    if places.size == len(tags):
        return "", f"texts in {named}: {why}"
    return f"texts in {places.size} of {len(tags)} tags ({named}): {why}", ""


def of_column(rows: pa.Table, table: str, column: str, source: str, ask: Ask, aggregate: str) -> str:
    """Why the answer is none where the column has texts that are no numbers; else empty.

    Args:
        source: the CTE `input`, with the column as `value`.
    """
    if not _refused(rows).any():
        return ""
    select = (
        f"WITH {source} SELECT trim(CAST(value AS VARCHAR)) AS said FROM input"
        " WHERE trim(CAST(value AS VARCHAR)) <> '' AND try_cast(trim(CAST(value AS VARCHAR)) AS DOUBLE) IS NULL"
    )
    said = ask(f"{select} GROUP BY said ORDER BY min(omp_row) LIMIT {_MOST}", {})["said"].to_pylist()
    what = f"texts in the column {column} of {table} ({', '.join(said)}): {aggregate} takes numbers"
    return f"{what} (BadAggregateInvalidInputs), written 10.5; --map value=COLUMN takes another column"


def _refused(rows: pa.Table) -> Mask:
    found: Mask = (rows["status"].to_numpy() & 0xFFFF0000) == int(bits.INVALID_INPUTS)
    return found
