"""Raw values of Variables, one after another, → their aggregates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omptool.analytics.part13 import bits
from omptool.analytics.part13.aggregates import ALL, Aggregate, compute
from omptool.analytics.part13.counted import Result
from omptool.analytics.part13.seen import Gaps, seen
from omptool.analytics.part13.series import Floats, Mask, Settings, Times, Windows, series
from omptool.errors import UsageError
from omptool.model.nearest import nearest
from omptool.model.status import code_of, name

ANNOTATED = "annotations"


class Values(NamedTuple):
    """Column `value` as numbers; of texts the places in `words`."""

    number: Floats
    missing: Mask
    words: Sequence[str] | None
    discrete: bool


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


def _one(number: int, table: pa.Table | None, given: Mapping[str, Any]) -> pa.Table:
    aggregate: Aggregate = given["chosen"]
    windows: Windows = given["windows"]
    if table is None:
        table = given["empty"]
    time = _nanoseconds(table)
    values = _values(table)
    status = _statuses(table["status"]) if "status" in table.column_names else np.zeros(time.size, np.uint32)
    held = given["stepped"] if given["stepped"] is not None else given["steps"].get(number, values.discrete)
    settings = Settings(
        treat_uncertain_as_bad=given["treat_uncertain_as_bad"],
        percent_data_bad=given["percent_data_bad"],
        percent_data_good=given["percent_data_good"],
        use_sloped_extrapolation=given["use_sloped_extrapolation"],
        stepped=bool(held),
        always_stepped=values.discrete,
    )
    raw = series(time, values.number, status, values.missing, settings)
    result = compute(aggregate.name, raw, windows, settings, given["annotations"].get(number))
    if values.words is not None and not aggregate.of_text:
        result = Result(result.value * np.nan, np.full(len(windows), bits.INVALID_INPUTS), windows.stamp)
    gaps: Gaps = given["gaps"].get(number, ())
    covered, good = seen(raw.time, raw.status >> 30 == 0, gaps, windows)
    return _rows(number, result, values.words if aggregate.returns_text else None, covered, good, windows.backward)


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
    columns = {
        "node": pa.array(np.full(bad.size, number, np.int32)),
        "time": pa.array(result.time // 1000).cast(pa.timestamp("us")).cast(pa.timestamp("us", tz="UTC")),
        "value": pa.array(result.value, mask=bad if words is None else np.ones_like(bad)),
        "value_text": texts,
        "status": pa.array(result.status.astype(np.int64)),
        "status_name": _named(result.status),
        "coverage": pa.array(covered),
        "percent_good": pa.array(good),
    }
    table = pa.table(columns)
    return table.take(np.arange(bad.size)[order]) if backward else table


def _named(status: Any) -> pa.Array:
    codes, places = np.unique(status, return_inverse=True)
    texts = [", ".join([name(int(code)), *bits.names(int(code))]) for code in codes]
    return pa.array(texts, pa.string()).take(pa.array(places))


def _nanoseconds(table: pa.Table) -> Times:
    micro = table["time"].cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    rest = table["time_ns"].cast(pa.int64()).to_numpy() if "time_ns" in table.column_names else 0
    found: Times = micro * 1000 + rest
    return found


def _values(table: pa.Table) -> Values:
    column, texts = table["value"], None
    if "value_text" in table.column_names:
        texts = table["value_text"]
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _of_text(column)
    missing = pc.is_null(column).to_numpy(zero_copy_only=False)
    if texts is not None and missing.size and missing.all() and texts.null_count < missing.size:
        return _words(texts)
    number = pc.fill_null(column.cast(pa.float64(), safe=False), np.nan).to_numpy()
    discrete = pa.types.is_boolean(kind) or (texts is not None and texts.null_count < len(texts)) or _boolean(table)
    return Values(number, missing, None, discrete)


def _boolean(table: pa.Table) -> bool:
    return "type" in table.column_names and table.num_rows > 0 and table["type"][0].as_py() == "Boolean"


def _of_text(column: pa.ChunkedArray) -> Values:
    """A column of texts in a plain table: numbers, true and false, or words."""
    texts = pc.utf8_trim_whitespace(column.cast(pa.string()))
    texts = pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts)
    lower = pc.utf8_lower(texts)
    missing = pc.is_null(texts).to_numpy(zero_copy_only=False)
    if missing.size and (pc.all(pc.is_in(lower, pa.array(["true", "false"]))).as_py() or missing.all()):
        flags = pc.equal(lower, "true").cast(pa.float64())
        return Values(pc.fill_null(flags, np.nan).to_numpy(), missing, None, True)
    try:
        return Values(pc.fill_null(texts.cast(pa.float64()), np.nan).to_numpy(), missing, None, False)
    except pa.ArrowInvalid:
        return _words(texts)


def _words(texts: pa.ChunkedArray) -> Values:
    encoded = pc.dictionary_encode(texts.combine_chunks())
    missing = pc.is_null(texts).to_numpy(zero_copy_only=False)
    places = pc.fill_null(encoded.indices, 0).to_numpy(zero_copy_only=False).astype(np.float64)
    return Values(places, missing, encoded.dictionary.to_pylist() or [""], True)


def _statuses(column: pa.ChunkedArray) -> Any:
    """StatusCodes from numbers or names.

    Raises:
        UsageError: neither.
    """
    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return pc.fill_null(column, 0).cast(pa.int64()).to_numpy().astype(np.uint32)
    encoded = pc.dictionary_encode(pc.fill_null(column.cast(pa.string()), "Good").combine_chunks())
    codes = np.array([_code(text) for text in encoded.dictionary.to_pylist()] or [0], np.uint32)
    return codes[encoded.indices.to_numpy(zero_copy_only=False)]


def _code(text: str) -> int:
    return code_of(text.split(",")[0].strip().replace("_", "")) if text.strip() else 0
