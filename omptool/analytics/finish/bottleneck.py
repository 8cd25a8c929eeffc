"""Active periods of the stations of a line → which of them was the bottleneck, by the active period method."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from typing import Any, NamedTuple

import pyarrow as pa


class Run(NamedTuple):
    """An uninterrupted active period of a station, [since, till) in unix nanoseconds."""

    station: str
    since: int
    till: int


class Stretch(NamedTuple):
    """A stretch of time with one bottleneck."""

    since: int
    till: int
    run: Run


def finish(table: pa.Table, given: Mapping[str, Any]) -> pa.Table:
    """Time as sole and as shifting bottleneck per station.

    Args:
        table: g, p, station, since, till (null: never active), window_ns, coverage, percent_good; sorted by g, p.
        given: `cut_nanos` and `end_nanos`, the periods.
    """
    edges = [*given["cut_nanos"], given["end_nanos"]]
    rows = []
    for (group, period), same in groupby(table.to_pylist(), key=lambda row: (row["g"], row["p"])):
        mine = list(same)
        runs = [Run(row["station"], row["since"], row["till"]) for row in mine if row["since"] is not None]
        window = (edges[period - 1], edges[period])
        sole, shifting = _times(runs, window)
        length = window[1] - window[0]
        for station in sorted({row["station"] for row in mine}):
            active = sum(_inside(run.since, run.till, window) for run in runs if run.station == station)
            rows.append({
                "g": group, "p": period, "station": station, "sole_s": sole[station] / 1e9,
                "shifting_s": shifting[station] / 1e9, "share": (sole[station] + shifting[station]) / length,
                "active_share": active / length, "coverage": mine[0]["coverage"],
                "percent_good": mine[0]["percent_good"],
            })  # fmt: skip
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _inside(since: int, till: int, window: tuple[int, int]) -> int:
    return max(0, min(till, window[1]) - max(since, window[0]))


def _times(runs: Sequence[Run], window: tuple[int, int]) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Nanoseconds per station as sole and as shifting bottleneck in a window."""
    sole: dict[str, int] = defaultdict(int)
    shifting: dict[str, int] = defaultdict(int)
    found = list(bottlenecks(runs))
    shared: list[tuple[int, int]] = []
    for one, other in pairwise(found):
        # within the two stretches, and no moment twice: where three overlap, the first two have it
        since = max(one.run.since, other.run.since, one.since, shared[-1][1] if shared else one.since)
        till = min(one.run.till, other.run.till, other.till)
        shared.append((since, till) if since < till and one.till == other.since else (one.till, one.till))
        if since < till and one.till == other.since:
            for run in (one.run, other.run):
                shifting[run.station] += _inside(since, till, window)
    for place, stretch in enumerate(found):
        overlaps = [shared[near] for near in (place - 1, place) if 0 <= near < len(shared)]
        since = max([stretch.since, *(till for begin, till in overlaps[:1] if place and begin <= stretch.since)])
        till = min([stretch.till, *(begin for begin, end in overlaps[-1:] if place < len(shared) and end > begin)])
        sole[stretch.run.station] += _inside(since, till, window) if since < till else 0
    return sole, shifting


def bottlenecks(runs: Sequence[Run]) -> Iterator[Stretch]:
    """At each moment the run that is longest as a whole; equals by the name of the station."""
    waiting = sorted(runs, key=lambda run: run.since)
    edges = sorted({edge for run in runs for edge in (run.since, run.till)})
    active: list[tuple[int, str, int, Run]] = []
    place, current = 0, None
    for since, till in pairwise(edges):
        while place < len(waiting) and waiting[place].since <= since:
            run = waiting[place]
            heapq.heappush(active, (run.since - run.till, run.station, run.since, run))
            place += 1
        while active and active[0][3].till <= since:
            heapq.heappop(active)
        longest = active[0][3] if active else None
        if current is not None and longest == current.run:
            current = current._replace(till=till)
            continue
        if current is not None:
            yield current
        current = None if longest is None else Stretch(since, till, longest)
    if current is not None:
        yield current


_SCHEMA = pa.schema(
    [("g", pa.int32()), ("p", pa.int32()), ("station", pa.string())]
    + [(name, pa.float64()) for name in ("sole_s", "shifting_s", "share", "active_share", "coverage", "percent_good")]
)
