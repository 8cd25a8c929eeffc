"""Asks the recipes for one window, and remembers what every one of them needs to know first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from omptool.analytics import catalog
from omptool.analytics.behind import behind
from omptool.analytics.binding import Tag
from omptool.analytics.recipe import Recipe
from omptool.analytics.report.words import Clock
from omptool.analytics.run import Analysis, Request, analyse, recorded_tags
from omptool.sql.engine import Engine, Holding
from omptool.sql.views import HIDDEN

RECIPES = (
    "oee", "downtime_pareto", "state_timeline", "time_elements", "i_mr", "drift", "tool_wear", "energy", "alarm_rate",
    "alarm_chatter", "data_quality",
)  # fmt: skip
"""The analyses of the page; `--map` and `--param` may name what any of them has."""


_COUNTS = """
SELECT site, line, machine, tag, count(*) AS "rows", count(*) FILTER (WHERE quality = 'Good') AS good,
       count(*) FILTER (WHERE quality = 'Uncertain') AS uncertain, count(*) FILTER (WHERE quality = 'Bad') AS bad,
       count(*) FILTER (WHERE overflow) AS overflows
FROM telemetry WHERE time >= $start AND time < $end GROUP BY site, line, machine, tag ORDER BY site, line, machine, tag
"""


class _Remembering:
    """An engine that runs a statement without parameters once; such are small and asked by every recipe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[str, pa.Table] = {}

    def run(self, statement: str, parameters: Mapping[str, object] | None = None) -> pa.RecordBatchReader:
        if parameters is not None or HIDDEN in statement:  # a table that is held is gone soon
            return self._engine.run(statement, parameters)
        if statement not in self._known:
            self._known[statement] = self._engine.run(statement).read_all()
        return self._known[statement].to_reader()

    def cancel(self) -> None:
        self._engine.cancel()


class _Holder(_Remembering):
    """The same of an engine that holds rows between statements."""

    def __init__(self, engine: Holding) -> None:
        super().__init__(engine)
        self._holding = engine

    def held(self, statement: str, parameters: Mapping[str, object]) -> AbstractContextManager[str]:
        return self._holding.held(statement, parameters)


@dataclass(slots=True)
class Asker:
    """One source and one window.

    Attributes:
        request: what holds for every recipe; its window is given.
        source: how a command names the source, behind `option`.
        touched: what was said of gaps and values that are not Good, by analysis.
    """

    engine: Engine
    request: Request
    clock: Clock
    source: str
    option: str = "--on"
    touched: dict[str, str] = field(default_factory=dict)
    _notes: dict[str, bool] = field(default_factory=dict)
    _noted: set[str] = field(default_factory=set)
    _counted: list[dict[str, Any]] | None = None

    def __post_init__(self) -> None:
        self.engine = _Holder(self.engine) if isinstance(self.engine, Holding) else _Remembering(self.engine)

    @property
    def start(self) -> datetime:
        assert self.request.start is not None, "the window is resolved before anything is asked"
        return self.request.start

    @property
    def end(self) -> datetime:
        assert self.request.end is not None, "the window is resolved before anything is asked"
        return self.request.end

    @property
    def period(self) -> str:
        """How the window is cut into pieces that fit a chart."""
        return "hour" if self.end - self.start <= timedelta(hours=72) else "day"

    def tags(self) -> list[Tag]:
        return recorded_tags(self.engine, self.request.strangers)

    def machines(self) -> int:
        return len({tag[2:6] for tag in self.tags()})

    def run(
        self,
        name: str,
        *,
        places: tuple[str, ...] = ("machine",),
        period: str | None = None,
        parameters: Mapping[str, object] | None = None,
        maps: Mapping[str, str] | None = None,
        only: frozenset[tuple[str, str]] | None = None,
        pieces: int | None = None,
    ) -> Analysis:
        """The result of a recipe; of the user's roles and parameters it gets those it has.

        Args:
            pieces: the points behind the result instead, no more than twice as many of each Variable.

        Raises:
            NotFound, UsageError: it cannot be computed from this source.
        """
        recipe = catalog.load(name)
        asked = replace(
            self.request,
            places=places,
            period=period,
            parameters=_known(self.request.parameters, recipe) | dict(parameters or {}),
            maps=_played(self.request.maps, recipe) | dict(maps or {}),
            only=only,
            noted=name not in self._noted,
            ending=False,  # said once, of the whole page
        )
        if pieces is not None:
            return analyse(self.engine, behind(recipe, pieces), asked)
        found = analyse(self.engine, recipe, asked)
        self._noted.add(name)
        self._notes |= {note: False for note in found.notes if note not in self._notes and _is_for_readers(note)}
        if found.touched:
            self.touched.setdefault(name, found.touched)
        return found

    def news(self, said: Collection[str]) -> list[str]:
        """What analyses noted and nobody has said yet, as sentences."""
        fresh = [note for note, is_said in self._notes.items() if not is_said and note not in said]
        self._notes = dict.fromkeys(self._notes, True)
        return [f"{note[:1].upper()}{note[1:]}." for note in fresh]

    def counts(self) -> list[dict[str, Any]]:
        """Per tag its values in the window, and how many were Good, Uncertain, Bad; read in one pass, once."""
        if self._counted is None:
            self._counted = self.rows(_COUNTS, {"start": self.start, "end": self.end})
        return self._counted

    def rows(self, statement: str, parameters: Mapping[str, object] | None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.engine.run(statement, parameters).read_all().to_pylist()
        return found

    def command(self, name: str, *options: str) -> str:
        return " ".join(["omptool analyze", name, self.option, self.source, *options])


def _is_for_readers(note: str) -> bool:
    """Whether a note is about what the figures rest on, not about the columns of a result."""
    return not note.startswith("several ")


def _known(given: Mapping[str, object], recipe: Recipe) -> dict[str, object]:
    names = {parameter.name for parameter in recipe.parameters}
    return {name: value for name, value in given.items() if name in names}


def _played(maps: Mapping[str, str], recipe: Recipe) -> dict[str, str]:
    names = {role.name for role in recipe.roles}
    if recipe.name == "data_quality":
        names.discard("value")  # the tags to chart; the quality is that of all tags
    return {name: glob for name, glob in maps.items() if name in names}
