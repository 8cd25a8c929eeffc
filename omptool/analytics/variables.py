"""Analyses of the values of one Variable at a time, or of one column: control charts, capability.

Unlike `streams`, a Variable is there as a whole: what these analyses compute looks at all of its values.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omptool.analytics import baselines, catalog, streams
from omptool.analytics.binding import Binding, Tag
from omptool.analytics.cutting import Periods
from omptool.analytics.part13.seen import Gaps, seen
from omptool.analytics.part13.series import Windows, windows
from omptool.analytics.recipe import Recipe
from omptool.analytics.repeating import repeated
from omptool.analytics.requested import touched
from omptool.analytics.spc.measured import HIGHEST, Cut, Measured, Times, countable
from omptool.analytics.spc.sums import Floats, Mask, Numbers
from omptool.analytics.telling import Telling
from omptool.errors import UsageError
from omptool.model.specs import Spec, spec_of
from omptool.model.times import datetime_of, unix_us
from omptool.sql.engine import Engine
from omptool.sql.views import identifier

if TYPE_CHECKING:
    from omptool.analytics.requested import Request

_EARLIEST = -(2**62) // 1000
"""Unix microseconds of a row without a time."""


class Charts(NamedTuple):
    """Rows of all charts, what a person should know, and why the answer is not whole (empty: it is)."""

    rows: pa.Table
    notes: tuple[str, ...]
    touched: str


def of_telemetry(
    engine: Engine,
    recipe: Recipe,
    request: Request,
    given: Mapping[str, Any],
    tags: Sequence[Tag],
    binding: Binding,
    window: tuple[datetime, datetime],
    ask: streams.Ask,
) -> Charts:
    """A chart per tag with the role `value`.

    Args:
        given: parameters.

    Raises:
        UsageError: an empty window, a parameter that says nothing.
    """
    start, end = window
    specs = request.plant.specs if request.plant else ()
    if start >= end:
        raise UsageError("the window is empty: it ends before it starts", "windows are [start, end)")
    roles = {(one.role, one.server, one.node_id) for one in binding.bound}
    charted = sorted((tag for tag in set(tags) if ("value", tag.server, tag.node_id) in roles), key=_place)
    splitters = {tag[2:6]: tag for tag in sorted(set(tags)) if ("subgroup", tag.server, tag.node_id) in roles}
    wanted = [*charted, *splitters.values()]
    given = {**given, "start": start, "end": end}
    whole = windows(unix_us(start) * 1000, unix_us(end) * 1000, 0)
    periods = Periods.of(request, start, end)
    values = _Values(recipe, wanted, streams.gaps(engine, wanted, whole), whole, ask, periods)
    places_of = list(splitters)
    cuts = dict(values.of(range(len(charted), len(wanted)))) if splitters else {}
    tables, seen_by, telling = [], [], Telling()
    for number, raw in values.of(range(len(charted))):
        tag = charted[number]
        cut = cuts[len(charted) + places_of.index(tag[2:6])] if tag[2:6] in splitters else None
        measured = _measured(tag, raw, cut, given, spec_of(specs, tag.machine, tag.tag))
        if splitters and cut is None:
            alone = "no tag of this machine has the role subgroup"
            measured = replace(measured, notes=(*measured.notes, alone))
        table = _finished(recipe, measured, given)
        telling.add(measured.name, measured.value.size, table)
        seen_by += _seen_of(measured)
        shown: dict[str, Any] = {
            name: repeated(pa.scalar(getattr(tag, name), pa.string()), table.num_rows)
            for name in (*request.places, "tag")
        }
        tables.append(pa.table(_put(shown | (periods.columns(table) if periods else {}), table, recipe)))
    unseen = touched(_seen_table(seen_by), "no values", "charts")
    return Charts(pa.concat_tables(tables), telling.notes(), "; ".join(filter(None, [unseen, telling.verdict()])))


def of_table(
    recipe: Recipe, request: Request, given: Mapping[str, Any], source: str, column: str, ask: streams.Ask
) -> Charts:
    """One chart of the rows of a plain table.

    Args:
        given: parameters.
        source: the CTE `input`.
        column: the one with the values, whose specification the plant model may know.

    Raises:
        UsageError: times are asked for and there are none.
    """
    table, cut = request.table or "", (request.start, request.end)
    spec = spec_of(request.plant.specs if request.plant else (), table, column)
    ctes = ",\n".join([source, *catalog.ctes(recipe, "table")])
    order = "sorted NULLS LAST, time NULLS LAST, omp_row"
    rows = ask(f"WITH {ctes}\nSELECT * FROM result\nORDER BY {order}", given)
    time = _times(rows, table, needed=cut != (None, None))
    numbers = bool(pc.any(pc.is_finite(rows["value"])).as_py())
    rows, time, nothing = _within(rows, time, cut, table)
    number = pc.fill_null(rows["value"], np.nan).to_numpy()
    grouped = rows["subgroup"].null_count < rows.num_rows
    usable = countable(number)
    if grouped:
        usable &= rows["subgroup"].is_valid().to_numpy()
    if time is not None:
        usable &= rows["time"].is_valid().to_numpy()
    kept = rows.filter(pa.array(usable))
    group = None
    if grouped:
        group = pc.dictionary_encode(kept["subgroup"].combine_chunks()).indices.to_numpy().astype(np.int64)
    label = kept["subgroup"] if grouped else kept["ordered"]
    share = 100.0 * float(usable.mean()) if usable.size else 0.0
    periods = _periods_of_table(request, time, table) if rows.num_rows else None
    first = baselines.flagged(kept["baseline"]) if "baseline" in kept.column_names else None
    why = () if first is None or first.any() else (baselines.no_baseline(kept["baseline"]),)
    when = None if time is None else time[usable]
    measured = Measured(
        name=table,
        value=number[usable],
        time=when,
        group=group,
        labels=label.to_pylist() if label.null_count < len(label) else None,
        first=baselines.baseline(when, first, given, table),
        coverage=1.0 if rows.num_rows else 0.0,
        percent_good=share,
        spec=spec,
        notes=why,
        cut=None if periods is None or time is None else periods.of_rows(time, usable),
    )
    found = _finished(recipe, measured, {**given, "start": cut[0], "end": cut[1]})
    columns = _put(periods.columns(found) if periods else {}, found, recipe)
    if measured.value.size:
        telling = Telling()
        telling.add(table, measured.value.size, found)
        notes, verdict = telling.notes(), telling.verdict()
    else:
        notes, verdict = () if numbers else _no_number(source, column, table, ask), ""
    left_out = _left_out(rows, usable, number, column, table) if rows.num_rows else nothing
    return Charts(pa.table(columns), notes, "; ".join(filter(None, [left_out, verdict])))


def _within(
    rows: pa.Table, time: Times | None, cut: tuple[datetime | None, datetime | None], table: str
) -> tuple[pa.Table, Times | None, str]:
    """Rows of the window, their times, and what to say when there are none."""
    if time is None or cut == (None, None):
        return rows, time, f"{table} has no rows"
    early = -(2**63) if cut[0] is None else unix_us(cut[0]) * 1000
    late = 2**63 - 1 if cut[1] is None else unix_us(cut[1]) * 1000
    if early >= late:
        raise UsageError("the window is empty: it ends before it starts", "windows are [start, end)")
    unknown = time <= _EARLIEST * 1000
    inside = (time >= early) & (time < late) & ~unknown
    if inside.any():
        inside |= unknown  # nobody knows where they lie: they are counted as left out
    return rows.filter(pa.array(inside)), time[inside], f"no row of {table} lies in the window"


def _seen_of(measured: Measured) -> list[tuple[float, float]]:
    """How much was seen of a chart, or of those of its periods; rows without a time are in no period."""
    whole = (measured.coverage, measured.percent_good)
    if measured.cut is None:
        return [whole]
    parts = list(zip(measured.cut.coverage.tolist(), measured.cut.percent_good.tolist(), strict=True))
    return parts if whole == (1.0, 100.0) or any(one != (1.0, 100.0) for one in parts) else [whole]


def _finished(recipe: Recipe, measured: Measured, given: Mapping[str, Any]) -> pa.Table:
    step = import_module(f"omptool.analytics.finish.{recipe.finish}")
    found: pa.Table = step.finish(measured, given)
    return found


def _put(shown: Mapping[str, Any], table: pa.Table, recipe: Recipe) -> dict[str, Any]:
    """The columns of place and period, then the recipe's own; a plain table has no column `tag`."""
    own = [column.name for column in recipe.columns if column.name in table.column_names]
    return {**shown, **{name: table[name] for name in own if name not in shown}}


def _periods_of_table(request: Request, time: Times | None, table: str) -> Periods | None:
    """Periods from the first to the last row, where nobody says otherwise."""
    if request.period is None:
        return None
    if time is None:
        raise UsageError(f"{table} has no times to group by {request.period}", "--map time=COLUMN, or leave out --by")
    known = time[time > _EARLIEST * 1000]
    if not known.size:
        return None
    start = request.start or datetime_of(int(known.min()) // 1000)
    end = request.end or datetime_of(int(known.max()) // 1000 + 1000)
    return Periods.of(request, start, end)


def _seen_table(pairs: Sequence[tuple[float, float]]) -> pa.Table:
    coverage, good = zip(*pairs, strict=True) if pairs else ((), ())
    return pa.table({"coverage": pa.array(coverage, pa.float64()), "percent_good": pa.array(good, pa.float64())})


def _left_out(rows: pa.Table, usable: Mask, number: Floats, column: str, table: str) -> str:
    """How many rows of a plain table are no values, and why."""
    if usable.all():
        return ""
    reasons = {
        f"no number in {column}": ~np.isfinite(number),
        f"a number beyond {HIGHEST:g} in {column}": np.isfinite(number) & ~countable(number),
        "no subgroup": rows["subgroup"].is_null().to_numpy() & (rows["subgroup"].null_count < rows.num_rows),
        "no time": rows["time"].is_null().to_numpy() & (rows["time"].null_count < rows.num_rows),
    }
    why = " or ".join(reason for reason, holds in reasons.items() if holds.any())
    return f"{int((~usable).sum())} of {rows.num_rows} rows of {table} are left out: {why}"


def _no_number(source: str, column: str, table: str, ask: streams.Ask) -> tuple[str, ...]:
    """What a column holds in place of numbers."""
    select = f"WITH {source} SELECT CAST(value AS VARCHAR) AS said FROM input WHERE value IS NOT NULL"
    said = ask(f"{select} GROUP BY said ORDER BY min(omp_row) LIMIT 3", {})["said"].to_pylist()
    if not said:
        return ()
    what = f"no number in the column {column} of {table}: it says {', '.join(said)}"
    if any(re.fullmatch(r"\s*[-+]?\d+,\d{3}\s*", each) for each in said):  # perhaps between thousands
        number = f"CAST(replace({identifier(column)}, ',', '.') AS DOUBLE) AS {identifier(column)}"
        select = shlex.quote(f"SELECT * REPLACE ({number}) FROM {identifier(table)}")
        return (f"{what}; where these are decimal commas: omptool query {select} --on FILE -o NEW.csv",)
    return (f"{what}; numbers are written 10.5, and --map value=COLUMN takes another column",)


class _Raw(NamedTuple):
    """All values of a Variable, with those before the window."""

    time: Times
    number: Floats
    text: pa.ChunkedArray
    good: Mask
    inside: Mask
    coverage: float
    percent_good: float
    cut: Cut | None


class _Values:
    """Reads the values of Variables, as many at a time as fit into memory."""

    def __init__(
        self,
        recipe: Recipe,
        tags: Sequence[Tag],
        gaps: Mapping[int, Gaps],
        whole: Windows,
        ask: streams.Ask,
        periods: Periods | None,
    ) -> None:
        self._ctes = ",\n".join(catalog.ctes(recipe, "telemetry"))
        self._tags, self._gaps, self._whole, self._ask, self._periods = tags, gaps, whole, ask, periods
        self._moments = streams.moments(whole.early[0], whole.late[-1])

    def of(self, numbers: Sequence[int]) -> Iterator[tuple[int, _Raw]]:
        """The values of Variables, in the order of their numbers."""
        bound = streams.bound(self._tags, numbers)
        found = self._ask(streams.COUNTS, bound | self._moments)
        counts = dict(zip(found["node"].to_pylist(), found["found"].to_pylist(), strict=True))
        together: list[int] = []
        rows = 0
        for number in numbers:
            if together and rows + counts.get(number, 0) > streams.PORTION:
                yield from self._portion(together)
                together, rows = [], 0
            together.append(number)
            rows += counts.get(number, 0)
        yield from self._portion(together)

    def _portion(self, numbers: Sequence[int]) -> Iterator[tuple[int, _Raw]]:
        statement = (
            f"WITH {self._ctes}\nSELECT node, time, time_ns, value, value_text, good FROM result"
            "\nORDER BY node, time, time_ns, capture, seq"
        )
        table = self._ask(statement, streams.bound(self._tags, numbers) | self._moments)
        node = table["node"].to_numpy()
        edges = np.searchsorted(node, [*numbers, numbers[-1] + 1]).tolist()
        for place, number in enumerate(numbers):
            yield number, self._raw(number, table.slice(edges[place], edges[place + 1] - edges[place]))

    def _raw(self, number: int, table: pa.Table) -> _Raw:
        time = table["time"].cast(pa.int64()).to_numpy() * 1000 + table["time_ns"].cast(pa.int64()).to_numpy()
        value = pc.fill_null(table["value"], np.nan).to_numpy()
        good = table["good"].to_numpy()
        usable = good & countable(value)
        covered, share = seen(time, usable, self._gaps.get(number, ()), self._whole)
        inside = (time >= self._whole.early[0]) & ~_twice(time, value, good)
        cut = self._periods.of_values(time, usable, self._gaps.get(number, ())) if self._periods else None
        return _Raw(time, value, table["value_text"], good, inside, float(covered[0]), float(share[0]), cut)


def _twice(time: Times, value: Floats, good: Mask) -> Mask:
    """Values that two recordings have, or that came again when a connection did: all but the first of each moment."""
    found = np.zeros(time.size, np.bool_)
    same = np.diff(time) == 0
    if same.any():
        near = np.flatnonzero(np.concatenate((same, [False])) | np.concatenate(([False], same)))
        order = near[np.lexsort((good[near], value[near], time[near]))]  # stable: of equal ones the first stays first
        when, what, how = time[order], value[order], good[order]
        found[order[1:]] = (np.diff(when) == 0) & (what[1:] == what[:-1]) & (how[1:] == how[:-1])
    return found


def _measured(tag: Tag, raw: _Raw, cut: _Raw | None, given: Mapping[str, Any], spec: Spec) -> Measured:
    usable = raw.inside & raw.good & countable(raw.number)
    group, labels = (None, None) if cut is None else _stretches(raw.time, cut)
    notes: tuple[str, ...] = ()
    if huge := int((raw.inside & raw.good & np.isfinite(raw.number) & ~usable).sum()):
        notes = (f"{huge} values are beyond {HIGHEST:g} and left out",)
    if group is not None:
        if lost := int((usable & (group < 0)).sum()):
            notes += (f"{lost} values are in no subgroup, because nothing was known of it",)
        usable &= group >= 0
    time = raw.time[usable]
    name = f"{tag.tag} of {tag.machine}"
    return Measured(
        name=name,
        value=raw.number[usable],
        time=time,
        group=None if group is None else group[usable],
        labels=None if group is None or labels is None else [labels[each] for each in group[usable].tolist()],
        first=baselines.baseline(time, None, given, name),
        coverage=raw.coverage,
        percent_good=raw.percent_good,
        spec=spec,
        notes=notes,
        cut=raw.cut,
    )


def _stretches(time: Times, cut: _Raw) -> tuple[Numbers, list[str | None]]:
    """Number of the stretch between two changes of a tag that each moment lies in, and what the tag said in it.

    The moment of a change belongs to what begins with it; before the first one, and where nothing is known, it is -1.
    """
    words = cut.text.to_pylist()
    said = [
        (word if word is not None else None if np.isnan(number) else f"{number:.15g}") if good else None
        for word, number, good in zip(words, cut.number.tolist(), cut.good.tolist(), strict=True)
    ]
    changes = [place for place in range(len(said)) if place == 0 or said[place] != said[place - 1]]
    labels = [said[place] for place in changes]
    number = np.searchsorted(cut.time[changes], time, side="right").astype(np.int64) - 1
    known = np.array([label is not None for label in labels] or [False])
    return np.where((number >= 0) & known[np.maximum(number, 0)], number, -1), labels


def _times(rows: pa.Table, table: str, *, needed: bool) -> Times | None:
    column = rows["time"]
    if column.null_count == len(column):
        if needed and len(column):
            raise UsageError(f"{table} has no times to cut", "leave out --start and --end, or --map time=COLUMN")
        return None
    found: Times = pc.fill_null(column.cast(pa.int64()), _EARLIEST).to_numpy() * 1000
    return found


def _place(tag: Tag) -> tuple[str, ...]:
    return tuple(text or "" for text in (*tag[2:], *tag[:2]))
