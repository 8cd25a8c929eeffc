"""Analyses that look at every value in its order, one Variable after another, in portions that fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta, tzinfo
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from omptool.analytics import catalog, inputs
from omptool.analytics.binding import Tag
from omptool.analytics.finish import folding
from omptool.analytics.finish.aggregate import chosen, finish
from omptool.analytics.part13.seen import Gaps
from omptool.analytics.part13.series import Times, Windows
from omptool.analytics.portions import Spread, portions
from omptool.analytics.recipe import Recipe
from omptool.errors import NotFound, UsageError
from omptool.model.times import datetime_of, parse_duration
from omptool.sql.engine import Engine

PORTION = 4_000_000
"""Rows that are sorted and aggregated at a time: some hundred megabytes."""

MOST_ROWS = 10_000_000
"""Rows of a result, each of some hundred bytes: they leave when all are there."""

_BOUND = (
    "bound AS (SELECT unnest(CAST($numbers AS INTEGER[])) AS node, unnest(CAST($servers AS VARCHAR[])) AS server,"
    " unnest(CAST($node_ids AS VARCHAR[])) AS node_id)"
)
COUNTS = f"""WITH {_BOUND}
SELECT b.node, count(*) AS found FROM telemetry t JOIN bound b ON t.server = b.server AND t.node_id = b.node_id
WHERE t.time >= $early AND t.time < $late GROUP BY b.node"""
_SPREAD = f"""WITH {_BOUND}
SELECT min(epoch_us(t.time) * 1000 + t.time_ns) AS first, count(*) AS rows
FROM telemetry t JOIN bound b ON t.server = b.server AND t.node_id = b.node_id
WHERE t.time >= $early AND t.time < $late GROUP BY epoch_us(t.time) // $width ORDER BY first"""
_CELLS = 1 << 16
"""Of so many equal lengths of a window it is asked how many rows lie in them."""

_STEPPED = "SELECT DISTINCT server, node_id, stepped FROM nodes WHERE stepped IS NOT NULL"
_GAPS = "SELECT server, node_id, capture, start_time, end_time FROM gaps WHERE state <> 'backfilled'"
_RESUMED = """
SELECT g.server, g.capture, g.start_time, min(t.time) AS end_time
FROM (SELECT DISTINCT server, capture, start_time FROM gaps WHERE end_time IS NULL AND state <> 'backfilled') g
JOIN telemetry t ON t.server = g.server AND t.capture <> g.capture AND t.time >= g.start_time
GROUP BY g.server, g.capture, g.start_time"""
"""A gap without an end lasts until another capture has a value of its server."""
_TIME_NAMES = ("time", "timestamp", "data_timestamp", "source_timestamp")

Ask = Callable[[str, Mapping[str, object]], pa.Table]


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of all Variables: checked parameters and the windows."""

    windows: Windows
    parameters: Mapping[str, Any]


def interval_of(value: object, name: str = "interval", hint: str = "write 5s, 10m or 1h; 0: one") -> int:
    """Nanoseconds of the parameter `interval`, or of another one with this `name`.

    Raises:
        UsageError: not a duration.
    """
    if isinstance(value, timedelta):
        found = value
    elif value in (0, "0", "", None):
        return 0
    else:
        try:
            found = parse_duration(str(value))
        except UsageError:
            raise UsageError(f"--param {name}: {value!r} is no duration", hint) from None
    if found < timedelta():
        raise UsageError(f"--param {name}: {found} is no duration", hint)
    return found // timedelta(microseconds=1) * 1000


def prepare(parameters: Mapping[str, Any], windows: Windows) -> Asked:
    """Check the parameters.

    Raises:
        UsageError: no such aggregate.
    """
    return Asked(windows, dict(parameters) | {"chosen": chosen(parameters["aggregate"])})


def of_telemetry(
    engine: Engine, recipe: Recipe, asked: Asked, tags: Sequence[Tag], ask: Ask, annotations: Mapping[int, Times]
) -> pa.Table:
    """The result for Variables, in their order; column `node` is the place in `tags`.

    Raises:
        UsageError: more rows than anybody reads.
    """
    if (rows := len(tags) * len(asked.windows)) > MOST_ROWS:
        raise UsageError(
            f"{len(tags)} tags with {len(asked.windows):,} intervals each are {rows:,} rows, more than {MOST_ROWS:,}",
            "fewer tags: --map value=GLOB\nfewer intervals: a longer --param interval=…, or --start and --end",
        )
    numbers = list(range(len(tags)))
    given = dict(asked.parameters) | {
        "steps": _stepped(engine, tags),
        "gaps": gaps(engine, tags, asked.windows),
        "annotations": annotations,
    }
    early, late = asked.windows.early[0], asked.windows.late[-1]
    found = ask(COUNTS, bound(tags, numbers) | moments(early, late))
    counts = dict(zip(found["node"].to_pylist(), found["found"].to_pylist(), strict=True))
    statement = in_order(catalog.ctes(recipe, "telemetry"))

    def fetch(chosen_numbers: Sequence[int], part: Windows) -> pa.Table:
        values = dict(asked.parameters) | bound(tags, chosen_numbers) | moments(part.early[0], part.late[-1])
        return ask(statement, values)

    parts = []
    for portion in portions(numbers, counts, asked.windows, partial(spread, ask, tags, asked.windows), PORTION):
        wanted = given | {"wanted": portion.numbers, "windows": portion.windows}
        if portion.pieces:
            (number,) = portion.numbers
            tables = ((piece, fetch([number], piece)) for piece in portion.pieces)
            parts.append(folding.finish(number, tables, wanted))
            continue
        table = fetch(portion.numbers, portion.windows)
        parts.append(finish(table, wanted | {"empty": table.slice(0, 0)}))
    return pa.concat_tables(parts)


def spread(ask: Ask, tags: Sequence[Tag], given: Windows, number: int) -> Spread:
    """How the values of a Variable lie in time. Cells with more than fit are looked at again."""
    found = list(_cells(ask, bound(tags, [number]), int(given.early[0]) // 1000, int(given.late[-1]) // 1000))
    return Spread(np.array([first for first, _ in found], np.int64), np.array([rows for _, rows in found], np.int64))


def _cells(ask: Ask, which: Mapping[str, object], early: int, late: int) -> Iterator[tuple[int, int]]:
    width = max((late - early) // _CELLS, 1)
    cells = ask(_SPREAD, {**which, **moments(early * 1000, late * 1000), "width": width})
    for first, rows in zip(cells["first"].to_pylist(), cells["rows"].to_pylist(), strict=True):
        start = first // 1000 // width * width
        if rows > PORTION and width > 1:
            yield from _cells(ask, which, max(start, early), min(start + width, late))
        else:
            yield first, rows


def in_order(ctes: Sequence[str]) -> str:
    """All values, those of a Variable together and in the order in which they came to be."""
    order = "\nORDER BY node, time, time_ns, capture, seq"
    return "WITH " + ",\n".join(ctes) + "\nSELECT * EXCLUDE (capture, seq) FROM result" + order


def of_table(asked: Asked, table: pa.Table, annotations: Times | None) -> pa.Table:
    """The result for the rows of a plain table, in order."""
    given = dict(asked.parameters) | {
        "steps": {}, "gaps": {}, "annotations": {} if annotations is None else {0: annotations}, "wanted": [0],
        "windows": asked.windows, "empty": table.slice(0, 0),
    }  # fmt: skip
    return finish(table, given)


def bound(tags: Sequence[Tag], numbers: Sequence[int]) -> dict[str, object]:
    """Parameters of the CTE `bound`."""
    return {
        "numbers": list(numbers),
        "servers": [tags[number].server for number in numbers],
        "node_ids": [tags[number].node_id for number in numbers],
    }


def moments(early: Any, late: Any) -> dict[str, object]:
    """Parameters of a window of unix nanoseconds."""
    return {"early": datetime_of(int(early) // 1000), "late": datetime_of(int(late) // 1000)}


def _stepped(engine: Engine, tags: Sequence[Tag]) -> dict[int, bool]:
    rows = engine.run(_STEPPED).read_all().to_pylist()
    told = {(row["server"], row["node_id"]): row["stepped"] for row in rows}
    found = {number: told.get((tag.server, tag.node_id)) for number, tag in enumerate(tags)}
    return {number: stepped for number, stepped in found.items() if stepped is not None}


def gaps(engine: Engine, tags: Sequence[Tag], given: Windows) -> dict[int, Gaps]:
    """Per Variable the windows in which values may be missing."""
    table = engine.run(_GAPS).read_all()
    if not table.num_rows:
        return {}
    late = int(given.late[-1])
    starts = _nanoseconds(table["start_time"], late)
    ends = _nanoseconds(table["end_time"], late)
    resumed = _resumed(engine) if table["end_time"].null_count else {}
    names = (table[name].to_pylist() for name in ("server", "node_id", "capture"))
    by_node: dict[tuple[str, str | None], list[tuple[int, int]]] = {}
    for server, node_id, capture, start, end, known in zip(
        *names, starts, ends, _there(table["end_time"]), strict=True
    ):
        till = end if known else resumed.get((server, capture, start), late)
        by_node.setdefault((server, node_id), []).append((start, max(start, till)))
    return {
        number: by_node.get((tag.server, None), []) + by_node.get((tag.server, tag.node_id), [])
        for number, tag in enumerate(tags)
    }


def _there(column: pa.ChunkedArray) -> list[bool]:
    found: list[bool] = column.is_valid().to_pylist()
    return found


def _resumed(engine: Engine) -> dict[tuple[str, str, int], int]:
    """Server, capture and start of gaps without an end → when another capture goes on."""
    table = engine.run(_RESUMED).read_all()
    keys = zip(
        table["server"].to_pylist(), table["capture"].to_pylist(), _nanoseconds(table["start_time"], 0), strict=True
    )
    return dict(zip(keys, _nanoseconds(table["end_time"], 0), strict=True))


def _nanoseconds(column: pa.ChunkedArray, missing: int) -> list[int]:
    return [missing if us is None else us * 1000 for us in column.cast(pa.int64()).to_pylist()]


def annotation_times(engine: Engine, zone: tzinfo) -> tuple[Times, dict[str, list[Any]]]:
    """Times of the view `annotations`, and its other columns.

    Raises:
        NotFound: it has no time.
        QueryError: a text that is no time.
    """
    table = engine.run("SELECT * FROM annotations").read_all()
    column = next((column for column in _TIME_NAMES if column in table.column_names), None)
    if column is None:
        raise NotFound("annotations has no column time", f"columns: {', '.join(table.column_names)}")
    moment = inputs.moment(engine, "annotations", column, zone)
    cast = engine.run(f"SELECT {moment} AS time FROM annotations").read_all()["time"]
    return np.array(_nanoseconds(cast, -(2**63)), np.int64), table.to_pydict()


def annotations_of(engine: Engine, tags: Sequence[Tag], zone: tzinfo) -> dict[int, Times]:
    """Per Variable its annotations: by server, node_id, machine and tag, as far as the table says them.

    Args:
        zone: of times that say none.
    """
    times, columns = annotation_times(engine, zone)
    known = [name for name in ("server", "node_id", "machine", "tag") if name in columns]
    found = {}
    for number, tag in enumerate(tags):
        mine = np.ones(times.size, np.bool_)
        for name in known:
            mine &= np.array([value in (None, getattr(tag, name)) for value in columns[name]], np.bool_)
        found[number] = times[mine]
    return found
