"""The simulated plant as a source, made from its schedule without a server: what an analysis must agree with."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from omptool.demo.plant import MACHINES, State
from omptool.demo.schedule import Change, Plant
from omptool.lake import layout
from omptool.model.contracts import EVENTS, GAPS, JOURNAL, NODES, TELEMETRY
from omptool.model.status import quality
from omptool.sources.source import Scannable, Stream

TAGS = (
    "State", "MachineryItemState/CurrentState", "MachineryOperationMode/CurrentState", "GoodCount", "ScrapCount",
    "ReworkCount", "IdealCycleTime",
)  # fmt: skip
SERVER = "urn:omptool:demo"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ns(text: str) -> int:
    """Unix nanoseconds of an RFC 3339 time."""
    return (datetime.fromisoformat(text) - EPOCH) // timedelta(microseconds=1) * 1000


def moment(unix_ns: int) -> datetime:
    return EPOCH + timedelta(microseconds=unix_ns // 1000)


def table(schema: pa.Schema, rows: Sequence[Mapping[str, object]]) -> pa.Table:
    """Rows of a view; columns that a row does not name are null."""
    return pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema=schema)


def gap(start: str, end: str | None, **changes: object) -> dict[str, object]:
    """A row of the view gaps that touches all nodes of the demo."""
    return {
        "server": SERVER,
        "start_time": datetime.fromisoformat(start),
        "end_time": None if end is None else datetime.fromisoformat(end),
        "reason": "connection_lost",
        "state": "explained",
        "capture": "c1",
    } | changes


def changes(plant: Plant, start: int, end: int, tags: Collection[str]) -> Iterable[tuple[str, Change]]:
    """What a capture of [start, end) holds of some tags: the values at its start, then every change."""
    names = [name for name, channel in plant.channels.items() if channel.signal.name in tags]
    for name in names:
        yield "initial", plant.value_at(name, start)
    for name in names:
        for change in plant.changes_of(name, start + 1, end):
            yield "live", change


def telemetry(plant: Plant, start: int, end: int, tags: Collection[str] = TAGS) -> list[dict[str, object]]:
    found = changes(plant, start, end, tags)
    return [_row(plant, origin, change, seq) for seq, (origin, change) in enumerate(found, 1)]


def _row(plant: Plant, origin: str, change: Change, seq: int) -> dict[str, object]:
    channel = plant.channels[change.node_id]
    value, text = change.value, None
    if isinstance(value, str):
        value, text = None, value
    elif channel.signal.name == "State":
        text = State(int(value)).name  # type: ignore[arg-type]
    tag = channel.signal.name
    return {
        "time": moment(change.time_ns), "time_ns": change.time_ns % 1000, "time_basis": "source", "site": "Riverside",
        "area": channel.line.area, "line": channel.line.name, "machine": channel.machine.name, "tag": tag,
        "path": f"Riverside/{channel.line.area}/{channel.line.name}/{channel.machine.name}/{tag}", "server": SERVER,
        "node_id": change.node_id, "type": "x", "value": None if value is None else float(value), "value_text": text,
        "status": change.status, "quality": quality(change.status), "overflow": False, "origin": origin,
        "capture": "c1", "seq": seq,
    }  # fmt: skip


@dataclass
class Recorded:
    """A source with telemetry and gaps; also what `lake.convert` takes as a recording."""

    rows: list[dict[str, object]]
    gaps: list[dict[str, object]] = field(default_factory=list)
    label: str = "plant"
    kind: str = "capture"
    has_telemetry: bool = True
    id: str = "c1"
    _made: pa.Table | None = None

    def views(self) -> Mapping[str, Scannable]:
        # like a Parquet file: without a table of nodes
        if self._made is None or self._made.num_rows != len(self.rows):
            self._made = table(TELEMETRY, self.rows)
        found = {"telemetry": self._made, "gaps": table(GAPS, self.gaps)}
        return {name: Stream(each.schema, each.to_batches) for name, each in found.items()}

    def gap_reasons(self) -> Mapping[str, int]:
        return {}

    @property
    def first_seq(self) -> int:
        return 1

    @property
    def last_seq(self) -> int:
        return len(self.rows)

    def telemetry(self, after_seq: int = 0) -> Iterable[pa.RecordBatch]:
        yield from table(TELEMETRY, self.rows[after_seq:]).to_batches()

    def table(self, view: str) -> pa.Table:
        rows: dict[str, list[dict[str, object]]] = {"gaps": self.gaps, "nodes": self._nodes()}
        schema = {"gaps": GAPS, "nodes": NODES, "events": EVENTS, "journal": JOURNAL, "servers": layout.SERVERS}[view]
        return table(schema, rows.get(view, []))

    def _nodes(self) -> list[dict[str, object]]:
        nodes = {row["node_id"]: row for row in self.rows}.values()
        given = {"valid_from": EPOCH, "browse_name": "x", "node_class": "Variable", "sampling_ms": 0.0}
        return [{name: row.get(name) for name in NODES.names} | given for row in nodes]


MACHINE_NAMES = [machine.name for machine in MACHINES]
