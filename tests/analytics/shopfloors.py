"""Shop floors that nobody planned: states, counters and measurements at any time, with everything that goes wrong.

Times lie on a grid of twenty seconds, so that much happens at one moment; some are 100 ns beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pyarrow as pa
from hypothesis import Phase, settings
from hypothesis import strategies as st

from omptool.analytics import catalog
from omptool.analytics.run import Request, analyse
from omptool.lake import layout
from omptool.model.contracts import EVENTS, GAPS, JOURNAL, NODES, TELEMETRY
from omptool.sources.source import Named, Scannable, Stream
from omptool.sql.engine import LocalEngine

T0 = datetime(2026, 1, 1, tzinfo=UTC)
END = T0 + timedelta(hours=2)
WINDOW_S = 7200
Row = dict[str, Any]
PARAMETERS: Mapping[str, Row] = {"aggregate": {"aggregate": "TimeAverage", "interval": "10m"}}
_PHASES = (Phase.explicit, Phase.generate)  # to shrink a floor costs minutes
FLOORS = settings(max_examples=max(1, settings.default.max_examples // 50), phases=_PHASES)
STATES = ("Executing", "NotExecuting", "OutOfService", "Setup", "NotAvailable", "Odd", "")
MODES = ("Processing", "Setup", "")
SCHEMAS = {
    "telemetry": TELEMETRY, "gaps": GAPS, "nodes": NODES, "events": EVENTS, "journal": JOURNAL,
    "servers": layout.SERVERS,
}  # fmt: skip


@dataclass(repr=False)
class Floor:
    """What a recording of a shop floor holds, rows by view: a source for the analyses."""

    rows: Mapping[str, Sequence[Row]]
    label: str = "floor"
    kind: str = "capture"
    has_telemetry: bool = True
    _made: dict[str, Stream] = field(default_factory=dict)

    @property
    def telemetry(self) -> Sequence[Row]:
        return self.rows["telemetry"]

    def views(self) -> Mapping[str, Scannable]:
        if not self._made:
            self._made = {name: _stream(SCHEMAS[name], rows) for name, rows in self.rows.items()}
        return dict(self._made)

    def gap_reasons(self) -> Mapping[str, int]:
        return {}


def _stream(schema: pa.Schema, rows: Sequence[Row]) -> Stream:
    made = pa.table([pa.array([row.get(one.name) for row in rows], one.type) for one in schema], schema=schema)
    return Stream(schema, lambda: made.to_batches(max_chunksize=50))


def rows_of(name: str, *sources: Floor, threads: int = 1, **request: Any) -> list[Row]:
    """What an analysis says of the two hours that begin at `T0`."""
    recipe = catalog.load(name)
    asked: Row = {"start": T0, "end": END, "strangers": True, "parameters": PARAMETERS.get(name, {})}
    asked |= {"maps": {"value": "Temperature"}} if recipe.series else {}
    with LocalEngine([Named(source) for source in sources]) as engine:
        engine._connection.execute(f"SET threads = {threads}")  # no statement may, and no flag does
        found: list[Row] = analyse(engine, recipe, Request(**(asked | request))).rows.to_pylist()
    return found


def to_the_digit(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Rows that are equal only where every bit of them is."""
    return [{name: value if isinstance(value, str) else repr(value) for name, value in row.items()} for row in rows]


def moment(second: float) -> datetime:
    return T0 + timedelta(microseconds=round(second * 1_000_000))


_STATUS = {"Good": 0, "Uncertain": 0x40000000, "Bad": 0x80000000}
_TEXTS = {
    "State": STATES, "MachineryOperationMode/CurrentState": MODES, "StateReason": ("Jam", "No material", ""),
    "Product": ("A", "B", ""), "SerialNumber": ("P1", "P2", "P3", ""),
}  # fmt: skip
_NUMBERS = {
    "AlarmCode": (0.0, 0.0, 7.0, 9.0), "IdealCycleTime": (10.0, 7.5, 12.0),
    "Power": (0.0, -0.0, 1.5, 2.25, 3.7, 0.1, -4.0, 12.0, None, float("nan"), float("inf"), 1e300),
    "Temperature": (70.1, 70.2, 70.3, 70.25, 69.9, 70.0, 71.0, -0.0, 75.5, None, float("nan"), float("inf")),
}  # fmt: skip
_RISES = (0.0, 1.0, 1.0, 1.0, 2.0, 2.5, -1000.0)
"""Of a counter; where it falls, it is a reset."""

_OPTIONAL = (
    "MachineryOperationMode/CurrentState", "StateReason", "Product", "ScrapCount", "ReworkCount", "SerialNumber",
)  # fmt: skip
TAGS = ("State", "GoodCount", "IdealCycleTime", "Power", "AlarmCode", "Temperature", *_OPTIONAL)


def floors() -> st.SearchStrategy[Floor]:
    """Machines by their numbers, each for itself the same on every floor."""
    return st.builds(floor, st.lists(st.integers(0, 9999), min_size=6, max_size=12, unique=True))


def floor(numbers: Sequence[int]) -> Floor:
    rows: list[Row] = []
    events: list[Row] = []
    gaps: list[Row] = []
    for number in numbers:
        random = Random(number)
        mine = _machine(random, f"M{number}", f"L{number % 3}", "urn:b" if number % 4 == 3 else "urn:a")
        rows += mine["telemetry"]
        events += mine["events"]
        gaps += mine["gaps"]
    first = next(row for row in rows if row["tag"] == "State")
    rows.append(first | {"time": moment(-900), "late": moment(-900)})  # before any window something is known
    for seq, row in enumerate([*sorted(rows, key=_arrival), *events], 1):
        row |= {"capture": "c1", "seq": seq}
    return Floor({"telemetry": rows, "gaps": gaps, "events": events, "nodes": [], "journal": []})


def _arrival(row: Row) -> tuple[datetime, int]:
    """Some rows come later than those behind them."""
    return row.pop("late"), row["time_ns"]


def _machine(random: Random, name: str, line: str, server: str) -> dict[str, list[Row]]:
    place = {"site": "S", "line": line, "machine": name, "server": server}
    tags = [tag for tag in TAGS if tag not in _OPTIONAL or random.random() < 0.6]
    rows = [row for tag in tags for row in _of_tag(random, tag, place)]
    rows += [dict(row) for row in random.choices(rows, k=random.randrange(4))]  # sent twice
    nodes = [None, *{row["node_id"] for row in rows}]
    return {
        "telemetry": rows,
        "events": [_event(random, place) for _ in range(random.randrange(6))] if server == "urn:b" else [],
        "gaps": [_gap(random, server, random.choice(sorted(nodes, key=str))) for _ in range(random.randrange(3))],
    }


def _second(random: Random) -> int:
    return random.randrange(-30, WINDOW_S // 20 + 6) * 20


def _of_tag(random: Random, tag: str, place: Row) -> list[Row]:
    rows, count = [], 0.0
    for second in sorted(_second(random) for _ in range(random.randrange(2, 5 if tag in _OPTIONAL else 14))):
        if tag.endswith("Count"):
            value: Any = max(0.0, count + random.choice(_RISES))
            count = value
        else:
            value = random.choice(_TEXTS.get(tag) or _NUMBERS[tag])
        rows.append(_row(random, tag, place, second, value))
    return rows


def _row(random: Random, tag: str, place: Row, second: int, value: Any) -> Row:
    text = value if isinstance(value, str) else None
    quality = random.choice((*["Good"] * 8, "Uncertain", "Bad"))
    ticks = random.choice((0, 0, 0, 100, 900))
    late = random.choice((0, 0, 0, 0, 0 if tag.endswith("Count") else 15))  # a counter that falls starts again
    time = moment(second)
    return place | {
        "time": time, "time_ns": ticks, "time_basis": "source",
        "server_time": time + timedelta(milliseconds=second % 7), "server_time_ns": 0,
        "receive_time": time, "tag": tag, "path": f"{place['machine']}/{tag}",
        "node_id": f"s={place['machine']}.{tag}", "type": "Double" if text is None else "String",
        "value": value if text is None else None, "value_text": text, "status": _STATUS[quality], "quality": quality,
        "overflow": ticks == 900, "origin": "live", "late": time + timedelta(seconds=late),
    }  # fmt: skip


def _gap(random: Random, server: str, node: str | None) -> Row:
    start = _second(random)
    return {
        "server": server, "node_id": node, "sub": 1, "start_time": moment(start),
        "end_time": moment(start + random.choice((0, 10, 40, 600))), "reason": "connection_lost",
        "state": random.choice(("explained", "open", "backfilled")), "detail": "{}", "capture": "c1",
    }  # fmt: skip


def _event(random: Random, place: Row) -> Row:
    time, name = moment(_second(random)), random.choice(("Jam", "Hot"))
    return place | {
        "time": time, "time_ns": random.choice((0, 300)), "receive_time": time, "node_id": f"s={place['machine']}",
        "event_id": b"1", "event_type": "OffNormalAlarmType", "source_name": place["machine"], "message": f"{name}!",
        "severity": 500, "condition_id": f"s={place['machine']}.{name}", "condition_name": name,
        "active": random.random() < 0.5, "acked": True, "confirmed": True, "suppressed": random.random() < 0.2,
        "retain": True, "fields": "{}", "origin": "live",
    }  # fmt: skip


FLOOR = floor(range(60, 72))
"""One on which much happens at once: two states within a microsecond, several gaps, machines that say nothing."""
