"""What an interval of `aggregate` says does not depend on what else was asked for.

Values outside the window decide about its bounds. Here each interval is asked for alone, and must say to the digit what
it says as one of many that lie around all values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omptool.analytics import catalog, streams
from omptool.analytics.binding import Tag
from omptool.analytics.finish.aggregate import chosen, finish
from omptool.analytics.part13.aggregates import ALL
from omptool.analytics.part13.series import Windows, windows
from omptool.analytics.requested import ask
from omptool.model.contracts import TELEMETRY
from omptool.model.times import unix_us
from omptool.sources.source import Named
from omptool.sql.engine import LocalEngine
from tests.analytics.shopfloors import Floor, Row, moment
from tests.conftest import Result

SECOND = 10**9
LENGTH = 90
STEP = 7
"""Seconds of an interval: values lie at its edges, between them, and in none."""

NAN, INF = float("nan"), float("inf")
GOOD, UNCERTAIN, BAD, NO_DATA = 0, 0x40000000, 0x80000000, 0x809B0000
KINDS: Mapping[str, tuple[str, tuple[object, ...]]] = {
    "number": ("Double", (0.0, 1.0, 2.0, 3.5, -4.0, 3.5, 0.0, NAN, None, INF)),
    "switch": ("Boolean", (0.0, 1.0, 1.0, None)),
    "word": ("String", ("Run", "Stop", "", None)),
    "choice": ("Int32", (0.0, 1.0, (2.0, "Two"), (3.0, "Three"), None)),
}
"""Of some numbers of an Enumeration nobody knows the name."""

AROUND = {
    "nothing to use": (GOOD,) * 8 + (BAD, UNCERTAIN),
    "ends of a history": (GOOD, GOOD, UNCERTAIN, NO_DATA, NO_DATA, BAD),
}


def _row(second: float, value: float | None, status: int = GOOD, seq: int = 0) -> Row:
    return {
        "time": moment(second), "time_ns": 0, "time_basis": "source", "site": "S", "machine": "M", "tag": "V",
        "path": "M/V", "server": "urn:a", "node_id": "s=V", "type": "Double", "value": value, "status": status,
        "quality": ("Good", "Uncertain", "Bad")[status >> 30], "overflow": False, "origin": "live", "capture": "c1",
        "seq": seq,
    }  # fmt: skip


def _variable(random: Random, name: str, statuses: tuple[int, ...]) -> Iterator[Row]:
    kind, said = random.choice(list(KINDS.values()))
    second, rest = float(random.randrange(20)), 0
    for _ in range(random.randrange(1, 16)):
        status, value = random.choice(statuses), random.choice(said)
        if status == NO_DATA:
            value = None
        number, text = value if isinstance(value, tuple) else (None, value) if kind == "String" else (value, None)
        yield _row(second, number, status) | {
            "time_ns": rest, "tag": name, "path": f"M/{name}", "node_id": f"s={name}", "value_text": text,
            "type": "Null" if value is None else kind, "capture": random.choice(("c1", "c2")),
        }  # fmt: skip
        second, rest = second + random.choice((0, 0, 1, 2, 5, 7, 13)), random.choice((0, 0, 100))


def _rows(seed: int, statuses: tuple[int, ...], count: int) -> list[Row]:
    random = Random(seed)
    rows = [row for number in range(count) for row in _variable(random, f"V{number}", statuses)]
    random.shuffle(rows)
    return [row | {"seq": seq} for seq, row in enumerate(rows)]


class _Asked:
    """Reads the rows of a window once for all aggregates."""

    def __init__(self, engine: LocalEngine, count: int) -> None:
        self._engine, self._count = engine, count
        self._tags = [Tag("urn:a", f"s=V{number}", "S", None, None, "M", f"V{number}") for number in range(count)]
        self._read: dict[tuple[object, ...], pa.Table] = {}
        self._statement = streams.in_order(catalog.ctes(catalog.load("aggregate"), "telemetry"))

    def rows(self, part: Windows, given: Mapping[str, Any]) -> list[Row]:
        numbers = list(range(self._count))
        key = (part.early[0], part.late[-1], given["treat_uncertain_as_bad"], given["use_sloped_extrapolation"])
        if key not in self._read:
            asked = dict(given) | streams.bound(self._tags, numbers) | streams.moments(*key[:2])
            self._read[key] = ask(self._engine, self._statement, asked)
        table = self._read[key]
        more = {"wanted": numbers, "windows": part, "empty": table.slice(0, 0)}
        return finish(table, dict(given) | more).to_pylist()


def _settings(random: Random, name: str) -> dict[str, Any]:
    used = random.random() < 0.5
    return {
        "chosen": chosen(name), "steps": {}, "gaps": {}, "annotations": {},
        "stepped": random.choice((None, True, False)),
        "treat_uncertain_as_bad": not used, "use_sloped_extrapolation": used,
        "percent_data_bad": random.choice((100.0, 50.0)), "percent_data_good": random.choice((100.0, 50.0)),
    }  # fmt: skip


@pytest.mark.parametrize(("around", "seed"), [*zip(AROUND, (1, 2), strict=True)])
def test_an_interval_alone_says_what_it_says_among_all(around: str, seed: int) -> None:
    count, random = 12, Random(seed)
    empty = dict.fromkeys(("gaps", "nodes", "events", "journal"), ())
    floor = Floor({**empty, "telemetry": _rows(seed, AROUND[around], count)})
    early, late = (unix_us(moment(second)) * 1000 for second in (-STEP, -STEP + (300 // STEP) * STEP))
    places = random.sample(range(-(-LENGTH // STEP)), 3)
    wrong = []
    with LocalEngine([Named(floor)]) as engine:
        asked = _Asked(engine, count)
        for name in ALL:
            for start, end in ((early, late), (late, early)):
                whole, given = windows(start, end, STEP * SECOND), _settings(random, name)
                of_all = asked.rows(whole, given)
                for place in places:
                    alone = asked.rows(whole.part(place, place + 1), given)
                    row = len(whole) - 1 - place if whole.backward else place
                    among = of_all[row :: len(whole)]
                    wrong += [(name, given, a, b) for a, b in zip(alone, among, strict=True) if repr(a) != repr(b)]
    assert wrong == []


NOT_THE_NEAREST = {
    "not a number": [_row(0, 0.0), _row(20, NAN), _row(40, -4.0)],
    "nothing": [_row(0, 0.0), _row(20, None), _row(40, -4.0)],
    "superseded": [_row(0, 0.0, seq=1), _row(20, 9.0, seq=2), _row(20, 9.0, BAD, seq=3), _row(40, -4.0, seq=4)],
}


@pytest.mark.parametrize("rows", NOT_THE_NEAREST.values(), ids=NOT_THE_NEAREST)
@pytest.mark.parametrize(("start", "end", "value"), [(10, 20, -1.0), (30, 40, -3.0)])
def test_the_nearest_value_that_may_be_used_decides(
    invoke: Callable[..., Result], tmp_path: Path, rows: list[Row], start: int, end: int, value: float
) -> None:
    """In a Parquet file with statistics, which know of no NaN."""
    columns = [pa.array([row.get(one.name) for row in rows], one.type) for one in TELEMETRY]
    pq.write_table(pa.table(columns, schema=TELEMETRY), tmp_path / "v.parquet")
    window = ("--start", moment(start).isoformat(), "--end", moment(end).isoformat())
    result = invoke("analyze", "aggregate", "--on", "v.parquet", *window, "--param", "aggregate=Interpolative")
    assert [(row["value"], row["status_name"]) for row in result.rows] == [
        (value, "UncertainDataSubNormal, Interpolated")
    ]
