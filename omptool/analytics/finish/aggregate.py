"""Raw values of Variables, one after another, → their aggregates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from omptool.analytics import columns
from omptool.analytics.part13 import bits
from omptool.analytics.part13.aggregates import ALL, Aggregate, computed
from omptool.analytics.part13.counted import Result
from omptool.analytics.part13.frame import Frame
from omptool.analytics.part13.seen import Gaps, seen
from omptool.analytics.part13.series import Floats, Series, Settings, series
from omptool.errors import UsageError
from omptool.model.nearest import nearest
from omptool.model.status import name

ANNOTATED = "annotations"


def chosen(wanted: object) -> Aggregate:
    """The aggregate of a BrowseName, in any case.

    Raises:
        UsageError: none given, or no such.
    """
    known = {each.casefold(): each for each in ALL}
    text = str(wanted or "").removeprefix("AggregateFunction_")
    if text.casefold() in known:
        return ALL[known[text.casefold()]]
    if not text:
        raise UsageError("which aggregate?", f"--param aggregate=NAME, one of {', '.join(ALL)}")
    close = nearest(text, list(ALL), 3)
    raise UsageError(f"no aggregate {text}", f"did you mean {' or '.join(close)}?" if close else f"{', '.join(ALL)}")


def finish(table: pa.Table, given: Mapping[str, Any]) -> pa.Table:
    """Aggregates of the Variables in `table`.

    Args:
        table: node (a number), time, time_ns, value, status and, of telemetry, value_text and type; in order.
        given: windows, the recipe's parameters; per number gaps, stepped, annotations.

    Returns:
        node, time, value, value_text, status, status_name, coverage, percent_good; one row per window.
    """
    node = table["node"].to_numpy()
    edges = np.flatnonzero(np.diff(node, prepend=-1)) if node.size else np.zeros(0, np.int64)
    found = {int(node[first]): table.slice(first, last - first) for first, last in _between(edges, node.size)}
    answers = [_one(number, found.get(number), given) for number in given["wanted"]]
    return pa.concat_tables(answers) if answers else _one(0, None, given).slice(0, 0)


def _between(edges: Any, end: int) -> list[tuple[int, int]]:
    return list(zip(edges.tolist(), [*edges[1:].tolist(), end], strict=True)) if edges.size else []


class Laid(NamedTuple):
    """Values of a Variable as an aggregate takes them."""

    series: Series
    values: columns.Values
    settings: Settings


def laid(number: int, table: pa.Table, given: Mapping[str, Any]) -> Laid:
    """Of the rows of a Variable."""
    time, values, status = columns.nanoseconds(table), columns.values(table), columns.statuses(table)
    held = given["stepped"] if given["stepped"] is not None else given["steps"].get(number, values.discrete)
    settings = Settings(
        treat_uncertain_as_bad=given["treat_uncertain_as_bad"],
        percent_data_bad=given["percent_data_bad"],
        percent_data_good=given["percent_data_good"],
        use_sloped_extrapolation=given["use_sloped_extrapolation"],
        stepped=bool(held),
        always_stepped=values.discrete,
    )
    return Laid(series(time, values.number, status, values.missing, settings), values, settings)


def _one(number: int, table: pa.Table | None, given: Mapping[str, Any]) -> pa.Table:
    one = laid(number, given["empty"] if table is None else table, given)
    raw, windows = one.series, given["windows"]
    gaps: Gaps = given["gaps"].get(number, ())
    shares = seen(raw.time, raw.status >> 30 == 0, gaps, windows)
    return answered(number, one, Frame(raw, windows, one.settings), given, shares)


def answered(number: int, one: Laid, frame: Frame, given: Mapping[str, Any], shares: tuple[Floats, Floats]) -> pa.Table:
    """The rows of a Variable.

    Args:
        frame: its values in windows.
        shares: per window coverage and percent_good.
    """
    aggregate: Aggregate = given["chosen"]
    windows, words = frame.windows, one.values.words
    result = computed(aggregate.name, frame, given["annotations"].get(number))
    if words is not None and not aggregate.of_text:
        result = Result(result.value * np.nan, np.full(len(windows), bits.INVALID_INPUTS), windows.stamp)
    return _rows(number, result, words if aggregate.returns_text else None, *shares, windows.backward)


def _rows(
    number: int, result: Result, words: Sequence[str] | None, covered: Floats, good: Floats, backward: bool
) -> pa.Table:
    order = slice(None, None, -1) if backward else slice(None)
    bad = result.status >= bits.BAD
    texts = pa.nulls(bad.size, pa.string())
    if words is not None:
        places = np.where(bad, 0, result.value).astype(np.int64)
        texts = pa.array(words, pa.string()).take(pa.array(places, mask=bad))
    assert result.time is not None
    found = {
        "node": pa.array(np.full(bad.size, number, np.int32)),
        "time": pa.array(result.time // 1000).cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC")),
        "value": pa.array(result.value, mask=bad if words is None else np.ones_like(bad)),
        "value_text": texts,
        "status": pa.array(result.status.astype(np.int64)),
        "status_name": _named(result.status),
        "coverage": pa.array(covered),
        "percent_good": pa.array(good),
    }
    table = pa.table(found)
    return table.take(np.arange(bad.size)[order]) if backward else table


def _named(status: Any) -> pa.Array:
    codes, places = np.unique(status, return_inverse=True)
    texts = [", ".join([name(int(code)), *bits.names(int(code))]) for code in codes]
    return pa.array(texts, pa.string()).take(pa.array(places))
