"""What sections share: names of machines, tables of limited length, a section that says why it is empty. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from omptool.analytics.report.asker import Asker
from omptool.analytics.report.content import Section, Table
from omptool.analytics.report.words import Clock
from omptool.errors import NotFound, UsageError

Row = Mapping[str, Any]

PLACES = ("site", "line", "machine")
CHARTED = 40
"""Rows of a chart at most: more are no picture. What is left out is said."""
LISTED = 60
"""Rows of a table at most."""


def named(rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Rows with `name`: the machine, with its line or site where another machine has that name."""
    found = [dict(row) for row in rows]
    places = {tuple(row[key] for key in PLACES) for row in found}
    same_name = Counter(place[-1] for place in places)
    same_line = Counter(place[1:] for place in places)
    for row in found:
        site, line, machine = (row[key] for key in PLACES)
        parts = [machine] if same_name[machine] == 1 else [line, machine]
        if same_name[machine] > 1 and same_line[line, machine] > 1:
            parts = [site, line, machine]
        row["name"] = " / ".join(part for part in parts if part)
    return found


def table(
    title: str, columns: Mapping[str, bool], rows: Sequence[Sequence[str]], command: str = "", most: int = LISTED
) -> Table:
    """A table of at most `most` rows; `columns`: heading → whether it holds numbers."""
    return Table(title, list(columns.items()), rows[:most], max(0, len(rows) - most), command)


def chosen(
    rows: Sequence[Row], noun: str, which: str, command: str, most: int = CHARTED
) -> tuple[list[Row], list[str]]:
    """The first rows, and what is said when there are more."""
    if len(rows) <= most:
        return list(rows), []
    return list(rows[:most]), [f"The chart shows the {most} {noun} {which} of {len(rows):,}; all: {command}"]


def between(clock: Clock, since: datetime, till: datetime) -> dict[str, object]:
    """A stretch of time for a chart: on its axis, and as text."""
    return {
        "since": clock.axis(since), "till": clock.axis(till), "from": clock.text(since), "to": clock.text(till),
    }  # fmt: skip


def or_empty(make: Callable[[Asker], Section | None], id: str, title: str, asker: Asker) -> Section | None:
    """The section, or why it cannot be made and what to type; None where nothing asks for it."""
    try:
        return make(asker)
    except (NotFound, UsageError) as error:
        return Section(id, title, empty=f"Nothing to show: {error.message}.", hint=error.hint)


def nothing(id: str, title: str) -> Section:
    """A section about a window in which these machines had no value yet."""
    return Section(id, title, empty="Nothing to show: no value of these machines before the end of the window.")


def grade(value: float | None, good: float, poor: float) -> str:
    """A word for a share: from `good` on good, from `poor` on poor, else bad."""
    if value is None:
        return ""
    return "good" if value >= good else "poor" if value >= poor else "bad"
