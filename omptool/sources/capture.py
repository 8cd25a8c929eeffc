"""A capture as a source: its rows through the contract, fixed to its last commit when it is opened."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pyarrow as pa

from omptool.capture import view as views
from omptool.capture.reader import Capture
from omptool.lake import layout
from omptool.lake.parquet import stored_schema
from omptool.model.contracts import TELEMETRY, VIEWS
from omptool.model.plant import PlantModel
from omptool.model.vocabulary import GapReason
from omptool.sources.source import Scannable, Stream, open_reasons


class CaptureSource:
    """A `.omcap` folder; also what `lake.convert` takes as a recording."""

    kind = "capture"
    has_telemetry = True

    def __init__(self, path: Path, *, plant: PlantModel | None = None, label: str = "") -> None:
        self.path = path
        self.label = label or str(path)
        self._plant = plant
        self.capture = Capture.open(path)
        self._tables: dict[str, pa.Table] = {}

    @property
    def id(self) -> str:
        return self.capture.id

    @property
    def first_seq(self) -> int:
        return self.capture.first_row

    @property
    def last_seq(self) -> int:
        """`seq` of the newest telemetry row."""
        return self.capture.last_row

    def telemetry(self, after_seq: int = 0) -> Iterator[pa.RecordBatch]:
        """Rows behind `after_seq` in order; repeated texts are dictionaries, else as the contract."""
        yield from views.telemetry(self.capture, plant=self._plant, after_seq=after_seq, dictionary=True)

    def table(self, view: str) -> pa.Table:
        """One of the small views (nodes, events, gaps, journal), or what the lake keeps of `servers`, whole."""
        if view not in self._tables:
            self._tables[view] = self._read(view)
        return self._tables[view]

    def views(self) -> Mapping[str, Scannable]:
        found: dict[str, Scannable] = {"telemetry": Stream(stored_schema(TELEMETRY), self.telemetry)}
        for view in VIEWS:
            if view != "telemetry":
                found[view] = Stream(VIEWS[view], partial(self._batches, view))
        return found

    def _batches(self, view: str) -> Iterator[pa.RecordBatch]:
        yield from self.table(view).to_batches()

    def holds(self, capture: str) -> bool:
        return capture == self.id

    def gap_reasons(self) -> Mapping[str, int]:
        """Reasons with their number; that a capture is still being written is no loss."""
        reasons = open_reasons(self.table("gaps"))
        if self.capture.is_being_written:
            reasons.pop(GapReason.CLIENT_STOPPED, None)
        return reasons

    def _read(self, view: str) -> pa.Table:
        if view == "servers":
            return pa.Table.from_pylist(list(_servers(self.capture)), schema=layout.SERVERS)
        if view in ("nodes", "events"):
            return getattr(views, view)(self.capture, plant=self._plant)
        return getattr(views, view)(self.capture)


def _servers(capture: Capture) -> Iterator[dict[str, object]]:
    """What servers and settings say of where nodes stand."""
    nodes = capture.nodes()
    for server in capture.servers:
        described = [node.valid_from for node in nodes if node.server == server.server]
        place = {name: getattr(server.settings, name) for name in ("site", "area", "line", "machine")}
        since = max(described, default=0) // 1000
        yield {"server": server.server, "path": "", "valid_from": since, "name": server.name} | place
    for entry in nodes:
        if entry.node.equipment:
            level = {"level": entry.node.equipment, "level_name": entry.node.equipment_name}
            since = entry.valid_from // 1000
            yield {"server": entry.server, "path": entry.node.path, "valid_from": since} | level
