"""Every analysis, on shop floors that nobody planned: what it says depends on the rows, and on nothing around them.

Not on their order, not on how many threads add them up, not on how they are spread over files and captures.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import example, given

from omptool.analytics import catalog
from tests.analytics.shopfloors import FLOOR, FLOORS, Floor, Row, floors, rows_of, to_the_digit

SPLIT_BY_HAND = {"data_quality": {"backward"}}
"""Columns that tell of captures: a row can only come too late behind another one of its capture."""


@pytest.mark.parametrize("name", catalog.names())
@FLOORS
@example(floor=FLOOR)
@given(floor=floors())
def test_only_the_rows_count(name: str, floor: Floor) -> None:
    said = to_the_digit(rows_of(name, floor))
    assert to_the_digit(rows_of(name, *spread(floor, 3), threads=4)) == said, "order, files, threads"
    assert without(name, to_the_digit(rows_of(name, *in_captures(floor), threads=2))) == without(name, said), "captures"


def spread(floor: Floor, parts: int) -> list[Floor]:
    """The rows in any order, dealt out to several files."""
    random = Random(len(floor.telemetry))
    shuffled = {view: random.sample(rows, len(rows)) for view, rows in floor.rows.items()}
    return [Floor({view: rows[part::parts] for view, rows in shuffled.items()}) for part in range(parts)]


def in_captures(floor: Floor) -> list[Floor]:
    """The first half as one capture, the second as the next."""
    half = len(floor.telemetry) // 2

    def renamed(rows: Sequence[Row], is_later: bool) -> list[Row]:
        return [row | ({"capture": "c2", "seq": row["seq"] - half} if is_later else {}) for row in rows]

    first = floor.rows | {"telemetry": renamed(floor.telemetry[:half], False), "events": []}
    then = {"telemetry": renamed(floor.telemetry[half:], True), "events": renamed(floor.rows["events"], True)}
    return [Floor(first), Floor(then)]


def without(name: str, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    left_out = SPLIT_BY_HAND.get(name, set())
    return [{key: value for key, value in row.items() if key not in left_out} for row in rows]
