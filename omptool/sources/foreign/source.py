"""Files of other tools as a source: telemetry for `query` and `analyze`, recordings for `convert`.

A file is one recording. Its id follows from its bytes, so the same file is never taken twice; a file that has changed
is another recording. Rows are numbered in the order of the file. The first whole pass keeps its rows aside, later ones
read those.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from omptool.lake import layout
from omptool.lake.parquet import stored_schema
from omptool.model.contracts import NODES, TELEMETRY, VIEWS
from omptool.model.path import split
from omptool.model.plant import PlantModel
from omptool.sources.foreign.context import Context, Options
from omptool.sources.foreign.points import Nodes, Points, batch
from omptool.sources.foreign.rejects import Rejects
from omptool.sources.foreign.spool import Spool
from omptool.sources.source import Scannable, Stream

Reader = Callable[[Path, Context], Iterator[Points]]
OnBytes = Callable[["ForeignFile", int, int], None]
"""Told a file, how many of its bytes have been read, and how many it has."""

_SCHEMA = stored_schema(TELEMETRY)
BATCH_ROWS = 65_536
_WITH_EVENTS = frozenset(("json", "jsonl", "opc-publisher"))
"""Formats whose messages may hold events."""


@dataclass(slots=True)
class _Pass:
    """What one reading of the file found."""

    nodes: Nodes
    context: Context
    since: dict[int, int] = field(default_factory=dict)
    types: dict[int, str] = field(default_factory=dict)
    rows: int = 0


class ForeignFile:
    """One file; what `lake.convert` takes as a recording."""

    def __init__(
        self, path: Path, kind: str, reader: Reader, options: Options, plant: PlantModel | None, label: str
    ) -> None:
        self.path, self.kind, self.label = path, kind, label
        self._reader, self._options, self._plant = reader, options, plant
        self._spool: Spool | None = None
        self._pass = self._new_pass()
        self._id = ""
        self.on_bytes: OnBytes = lambda *_: None

    @property
    def id(self) -> str:
        """`import-` and the beginning of the SHA-256 of the file and of what was said about it."""
        if not self._id:
            with self.path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256")
            said = [sorted(self._options.columns.items()), self._options.server, self.server, str(self._options.zone)]
            digest.update(json.dumps([self.kind, *said]).encode())
            self._id = f"import-{digest.hexdigest()[:24]}"
        return self._id

    @property
    def server(self) -> str:
        """Of rows that name none."""
        return self._options.server or self.path.name.partition(".")[0] or "import"

    @property
    def rejects(self) -> Rejects:
        """The wrong rows that the longest reading so far has met."""
        return self._pass.context.rejects

    @property
    def zone(self) -> str:
        """Of times without an offset."""
        return str(self._options.zone or UTC)

    @property
    def bare_times(self) -> int:
        return self._pass.context.bare_times

    @property
    def notes(self) -> Mapping[str, int]:
        return self._pass.context.notes

    @property
    def first_seq(self) -> int:
        return 1

    @property
    def last_seq(self) -> int:
        self._read_whole()
        return self._pass.rows

    def telemetry(self, after_seq: int = 0) -> Iterator[pa.RecordBatch]:
        """Rows behind `after_seq` in the order of the file; origin, capture and seq are those of the import."""
        self._read_whole()
        assert self._spool is not None
        seq = 1
        for rows in self._spool.batches():
            fresh = rows.slice(max(0, after_seq + 1 - seq))
            if fresh.num_rows:
                yield self._identified(fresh, max(seq, after_seq + 1))
            seq += rows.num_rows

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All rows as the file tells them."""
        yield from self._spool.batches() if self._spool is not None else self._read()

    def table(self, view: str) -> pa.Table:
        """What the file tells for a view besides `telemetry`: its nodes, and that it was imported."""
        self._read_whole()
        if view == "nodes":
            return self._nodes()
        events = self._pass.context.events
        if view == "events":
            return events.table(self.id)
        if view == "journal":
            has_any = self._pass.rows or len(events)
            return pa.Table.from_pylist([self._entry()] if has_any else [], schema=VIEWS["journal"])
        return layout.SCHEMAS[view].empty_table()

    def _new_pass(self) -> _Pass:
        nodes = Nodes(self.server, self._plant)
        options = self._options
        context = Context(nodes, Rejects(self.label), options.columns, options.zone or UTC)
        return _Pass(nodes, context)

    def _read_whole(self) -> None:
        if self._spool is None:
            for _ in self._read():
                pass

    def _read(self) -> Iterator[pa.RecordBatch]:
        """Read the file; a reading that ends keeps its rows for the next."""
        found, spool = self._new_pass(), Spool(_SCHEMA)
        size, done = self.path.stat().st_size, 0

        def on_bytes(count: int) -> None:
            nonlocal done
            done += count
            self.on_bytes(self, done, size)

        found.context.on_bytes = on_bytes
        for points in self._reader(self.path, found.context):
            rows = batch(points, found.nodes, found.rows + 1, self.id)
            _describe(found, points)
            found.rows += rows.num_rows
            rows = pa.RecordBatch.from_arrays(
                [column.cast(kind.type) for column, kind in zip(rows.columns, _SCHEMA, strict=True)], schema=_SCHEMA
            )
            if found.rows >= self._pass.rows:
                self._pass = found
            for start in range(0, rows.num_rows, BATCH_ROWS):
                spool.add(rows.slice(start, BATCH_ROWS))
                yield rows.slice(start, BATCH_ROWS)
        spool.close()
        self._pass, self._spool = found, spool

    def _identified(self, rows: pa.RecordBatch, first: int) -> pa.RecordBatch:
        """The rows as those of this import, whatever recording they were of before."""
        count = rows.num_rows
        own = {"origin": "imported", "capture": self.id}
        columns = [
            pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([own[name]]))
            if name in own
            else pa.array(np.arange(first, first + count, dtype=np.int64))
            if name == "seq"
            else column
            for name, column in zip(rows.schema.names, rows.columns, strict=True)
        ]
        return pa.RecordBatch.from_arrays(columns, schema=_SCHEMA)

    def _nodes(self) -> pa.Table:
        rows = []
        for position, node in enumerate(self._pass.nodes.known):
            if position in self._pass.since:
                names = split(node.path)
                row = node._asdict() | {"browse_name": names[-1] if names else node.tag, "node_class": "Variable"}
                row |= {"valid_from": self._pass.since[position], "data_type": self._pass.types[position]}
                rows.append(row)
        return pa.Table.from_pylist(rows, schema=NODES)

    def _entry(self) -> dict[str, object]:
        detail = {
            "file": self.path.name,
            "format": self.kind,
            "bytes": self.path.stat().st_size,
            "rows": self._pass.rows,
            "rejected": self.rejects.count,
        }
        if count := len(self._pass.context.events):
            detail["events"] = count
        return {
            "time": datetime.now(UTC),
            "kind": "import",
            "detail": json.dumps(detail, ensure_ascii=False),
            "capture": self.id,
            "seq": 1,
        }


def _describe(found: _Pass, points: Points) -> None:
    """Since when each node is known: its earliest row; and the type that it had first."""
    order = np.lexsort((points.time.us, points.nodes))
    nodes, firsts = np.unique(points.nodes[order], return_index=True)
    types = points.values.types.take(pa.array(order[firsts])).to_pylist()
    for node, us, kind in zip(nodes.tolist(), points.time.us[order[firsts]].tolist(), types, strict=True):
        found.since[node] = min(us, found.since.get(node, us))
        found.types.setdefault(node, kind)


class ForeignSource:
    """One file or several, as one source."""

    has_telemetry = True

    def __init__(self, label: str, files: Sequence[ForeignFile]) -> None:
        self.label, self.files = label, files
        self.kind = files[0].kind

    @property
    def id(self) -> str | None:
        return self.files[0].id if len(self.files) == 1 else None

    def views(self) -> Mapping[str, Scannable]:
        found = {"telemetry": Stream(_SCHEMA, self._batches)}
        if self.kind in _WITH_EVENTS:
            found["events"] = Stream(VIEWS["events"], self._events)
        return found

    def gap_reasons(self) -> Mapping[str, int]:
        return {}

    def holds(self, capture: str) -> bool:
        return any(file.id == capture for file in self.files)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for file in self.files:
            yield from file.batches()

    def _events(self) -> Iterator[pa.RecordBatch]:
        for file in self.files:
            yield from file.table("events").to_batches()


def files_of(
    text: str, paths: Sequence[Path], kind: str, readers: Sequence[Reader], options: Options, plant: PlantModel | None
) -> ForeignSource:
    """The source of some files, each with its reader."""
    several = len(paths) > 1
    files = [
        ForeignFile(path, kind, reader, options, plant, str(path) if several else text)
        for path, reader in zip(paths, readers, strict=True)
    ]
    return ForeignSource(text, files)
