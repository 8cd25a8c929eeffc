"""What a report is made of: sections with sentences, figures and tables. Pure; nothing here is HTML.

Every text may come from a machine: whoever shows it escapes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Spec = Mapping[str, Any]
"""A chart in Vega-Lite, with its data."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A chart.

    Attributes:
        title: what it shows; `about`: the same in a sentence, for those who cannot see it.
        zooms: whether its time can be moved and stretched.
    """

    title: str
    about: str
    spec: Spec
    zooms: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """The figures behind a chart, as people read them.

    Attributes:
        columns: heading and whether its cells are numbers.
        rows: texts, with units.
        left: rows that are not shown, and `command`, which shows them.
    """

    title: str
    columns: Sequence[tuple[str, bool]]
    rows: Sequence[Sequence[str]]
    left: int = 0
    command: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page.

    Attributes:
        lead: what comes out of it, in a sentence or two.
        empty: why there is nothing to show, `hint` what to type then.
        notes: what a reader should know about how it was made.
        grade: "good", "poor", "bad" or "" of the lead.
        figure: its number for the top of the page: label, value, what it is; or nothing.
    """

    id: str
    title: str
    lead: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[Table] = ()
    empty: str = ""
    hint: str = ""
    notes: Sequence[str] = ()
    grade: str = ""
    figure: tuple[str, str, str] | None = None


@dataclass(frozen=True, slots=True)
class Tile:
    """A number at the top of the page; `section` is where it comes from."""

    label: str
    value: str
    about: str
    section: str
    grade: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """The whole page.

    Attributes:
        touched: whether gaps, values that are not Good or rows left out touch what it shows.
    """

    title: str
    facts: Sequence[tuple[str, str]]
    tiles: Sequence[Tile] = ()
    sections: Sequence[Section] = ()
    touched: Sequence[str] = ()
