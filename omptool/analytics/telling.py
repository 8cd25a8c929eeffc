"""What a person should know of charts whose rows do not say it: there are none, or none could be judged."""

from __future__ import annotations

import pyarrow as pa

from omptool.analytics.spc.charted import NOTE, UNJUDGED
from omptool.model.listing import listed

_SHOWN = 4


class Telling:
    """Collects what each chart leaves unsaid."""

    def __init__(self) -> None:
        self._empty: list[str] = []
        self._by_note: dict[str, list[str]] = {}
        self._charts = self._unjudged = 0

    def add(self, name: str, values: int, rows: pa.Table) -> None:
        """A chart.

        Args:
            name: for people.
            values: how many it is made of.
            rows: as a finishing step gives them.
        """
        if not values:
            self._empty.append(name)
            return
        said = rows.schema.metadata or {}
        unjudged = UNJUDGED in said
        self._charts += 1
        self._unjudged += unjudged
        if (unjudged or not rows.num_rows) and (note := said.get(NOTE)):
            self._by_note.setdefault(note.decode(), []).append(name)

    def notes(self) -> tuple[str, ...]:
        """Sentences, each with the charts that it is about."""
        empty = (f"no number in the window: {listed(self._empty, _SHOWN)}",) if self._empty else ()
        return (*empty, *(f"{listed(names, _SHOWN)}: {note}" for note, names in self._by_note.items()))

    def verdict(self) -> str:
        """Why an answer without a violation would be none; empty: there is an answer."""
        return "no chart could be judged: there are no limits" if 0 < self._charts == self._unjudged else ""
