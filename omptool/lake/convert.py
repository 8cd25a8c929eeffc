"""Recordings → lake: incremental, idempotent, and whole at every moment.

How far each capture got stands in the same commit as its rows, so a run that is killed and started again, or started
twice, adds every row exactly once. One run adds at most one file per table and partition. Never overwrites or deletes
rows of a lake, and never writes into a capture.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from omptool.errors import OutputExists
from omptool.lake import layout, partitions
from omptool.lake.ahead import ahead
from omptool.lake.irregular import Irregular, Watched
from omptool.lake.runs import Sorter
from omptool.lake.small import changed_gaps, new_rows
from omptool.lake.staging import Staging, exclusive
from omptool.lake.structures import Structures
from omptool.lake.table import Table
from omptool.model.plant import PlantModel
from omptool.store.location import Location


class Recording(Protocol):
    """What can be converted: a capture seen through the contract, fixed to its last commit.

    `first_seq` and `last_seq` are the `seq` of its oldest and newest telemetry row, the first above 1 when it let rows
    go by age or size; `telemetry(after_seq)` gives the rows behind a `seq`, in order.
    """

    @property
    def id(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def first_seq(self) -> int: ...
    @property
    def last_seq(self) -> int: ...
    def telemetry(self, after_seq: int = 0) -> Iterator[pa.RecordBatch]: ...
    def table(self, view: str) -> pa.Table:
        """One of the small tables `nodes`, `events`, `gaps`, `journal` and `servers`, whole."""
        ...


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a conversion is; `rows` of `total` new rows read, from the recording `label`."""

    label: str
    rows: int
    total: int


@dataclass(frozen=True, slots=True)
class ConvertReport:
    """What a conversion added.

    Attributes:
        rows: telemetry rows added; 0 means up to date.
        files: data files added, over all tables; `size` their bytes.
        irregular: how many of the added rows are late, out of order, twice, or of a clock that cannot be right.
        plant_changed: the plant model differs from the one that earlier rows of the lake were named by.
    """

    rows: int
    files: int
    size: int
    seconds: float
    irregular: Irregular
    plant_changed: bool


def pending(recordings: Sequence[Recording], lake: Location) -> dict[str, int]:
    """How many telemetry rows of each recording (by id) the lake does not have yet; reads the log only."""
    table = Table(lake, "telemetry")
    return {recording.id: max(0, recording.last_seq - table.done(recording.id)) for recording in recordings}


def check_target(lake: Location) -> None:
    """Refuse a folder that holds something else.

    Raises:
        OutputExists: a file, or a folder with other content.
    """
    if not lake.exists() or layout.is_lake(lake):
        return
    ours = {layout.LOCK, layout.STAGING, *layout.PARTITIONS}
    entries: Iterable[Location] = lake.iterdir() if lake.is_dir() else ()
    if not lake.is_dir() or any(entry.name not in ours for entry in entries):
        raise OutputExists(
            f"{lake} exists and is not a lake",
            "choose another folder for -o, or a name that ends in .parquet for a single file",
        )


def convert(
    recordings: Sequence[Recording],
    lake: Location,
    *,
    plant: PlantModel | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    run: str | None = None,
    compat: bool = False,
) -> ConvertReport:
    """Add to the lake what it does not have yet of the recordings.

    Args:
        recordings: captures, each with its own id, already seen through `plant`.
        lake: an existing lake, or a folder to be made.
        plant: the model the recordings were seen through; kept in the lake's metadata.
        compat: write files that old readers know, now and whenever something is added to this lake.
        run: stands in the names of the new files; default a new random one.

    Raises:
        OutputExists: something else lies at `lake`.
        Busy: another omptool writes to this lake.
        DiskFull: no space; the lake is as it was.
        LakeError: the lake's log cannot be read, or another writer came between.
    """
    started = time.monotonic()
    check_target(lake)
    with exclusive(lake), Staging(lake, run) as staging:
        if compat:
            table = Table(lake, "telemetry")
            table.create()
            table.set_properties({layout.COMPAT_KEY: "true"})
            staging.compat = True
        conversion = _Conversion(_unique(recordings), lake, plant, staging, on_progress)
        conversion.write()
        conversion.commit()
    return conversion.report(time.monotonic() - started)


def _unique(recordings: Sequence[Recording]) -> list[Recording]:
    """Each capture once, even when it was named twice or has a shorter copy."""
    by_length = sorted(recordings, key=lambda recording: recording.last_seq)
    return list({recording.id: recording for recording in by_length}.values())


class _Conversion:
    """One run over one lake, under its lock."""

    def __init__(
        self,
        recordings: Sequence[Recording],
        lake: Location,
        plant: PlantModel | None,
        staging: Staging,
        on_progress: Callable[[Progress], None],
    ) -> None:
        self._recordings = recordings
        self._staging = staging
        self._on_progress = on_progress
        self._tables = {view: Table(lake, view) for view in layout.SCHEMAS}
        self._done: dict[str, dict[str, int]] = {view: {} for view in layout.SCHEMAS}
        self._replaced: list[str] = []
        self._rows = self._files = self._size = 0
        self._irregular = Irregular()
        self._structures = Structures(lake, staging)
        self._plant = plant
        known = self._tables["telemetry"].properties()
        self._tables["telemetry"].check_format()
        digest = known.get(layout.PLANT_DIGEST_KEY, "")
        self._plant_changed = self._tables["telemetry"].rows() > 0 and digest != (plant.digest if plant else "")

    def write(self) -> None:
        """Write every new row to files aside."""
        for table in self._tables.values():
            table.create()
        self._write_timed("telemetry", self._telemetry())
        self._write_timed("events", self._after_seq("events"))
        self._write_plain("journal", list(self._after_seq("journal")))
        for view in ("nodes", "servers"):
            self._write_plain(view, new_rows(self._tables[view], [r.table(view) for r in self._recordings]))
        for recording in self._recordings:
            done = self._tables["telemetry"].done(recording.id)
            gaps = changed_gaps(self._tables["gaps"], recording.id, recording.table("gaps"), done)
            if gaps is not None:
                self._replaced.append(recording.id)
                if gaps.num_rows:
                    self._add("gaps", {"capture": recording.id}, iter([gaps]))

    def commit(self) -> None:
        """Make the files part of the lake, table by table; telemetry last: its rows find their nodes and gaps there."""
        self._structures.finish()
        self._staging.announce(self._tables | dict(self._structures.tables))
        telemetry = self._tables["telemetry"]
        if self._plant:
            telemetry.set_properties(layout.plant_properties(self._plant))
        gaps = self._staging.move("gaps")
        for capture in self._replaced:
            mine = [file for file in gaps if file.values["capture"] == capture]
            self._tables["gaps"].replace(mine, {}, "capture", capture)
        self._structures.commit()
        for view in ("servers", "nodes", "journal", "events", "telemetry"):
            files = self._staging.move(view)
            if files or self._done[view]:
                self._tables[view].append(files, self._done[view])

    def report(self, seconds: float) -> ConvertReport:
        files, size = self._files + self._structures.files, self._size + self._structures.size
        return ConvertReport(self._rows, files, size, seconds, self._irregular, self._plant_changed)

    def _telemetry(self) -> Iterator[pa.RecordBatch]:
        table = self._tables["telemetry"]
        total = sum(max(0, recording.last_seq - table.done(recording.id)) for recording in self._recordings)
        for recording in self._recordings:
            done = table.done(recording.id)
            if recording.last_seq <= done:
                continue
            before = self._rows
            for batch in ahead(recording.telemetry(done)):
                self._rows += batch.num_rows
                yield batch
                self._on_progress(Progress(recording.label, self._rows, total))
            account = layout.ROWS_OF + recording.id
            counted = table.done(account)
            if counted or not done:  # an early omptool did not count
                self._done["telemetry"][account] = counted + self._rows - before
            self._done["telemetry"][recording.id] = recording.last_seq

    def _after_seq(self, view: str) -> Iterator[pa.Table]:
        for recording in self._recordings:
            done = self._tables[view].done(recording.id)
            table = recording.table(view)
            table = table.filter(pc.greater(table["seq"], done))
            if table.num_rows:
                self._done[view][recording.id] = pc.max(table["seq"]).as_py()
                yield table

    def _write_timed(self, view: str, tables: Iterator[pa.RecordBatch | pa.Table]) -> None:
        """Write rows that have a time: split by (site, date), sorted."""
        sorter = Sorter(self._staging.folder)
        irregular = Irregular()
        for table in tables:
            filed = partitions.file(table)
            irregular.clock_suspect += filed.suspect
            irregular.late += filed.late
            for key, part in filed.split(sorter.packing.pack(table)):
                sorter.add_packed(key, part)
            if view == "telemetry" and Structures.are_in(table):
                for (_, date), part in filed.split(table):
                    self._structures.take(date, part)
        for (site, date), pieces in sorter.partitions():
            values = {"site": site, "date": date}
            if view == "telemetry":
                watched = Watched(pieces, irregular)
                self._add(view, values, watched, watched.facts)
            else:
                self._add(view, values, (piece.table for piece in pieces))
        if view == "telemetry":
            self._irregular = irregular
            if irregular.clock_suspect:
                before = self._tables[view].done(layout.CLOCK_SUSPECT)
                self._done[view][layout.CLOCK_SUSPECT] = before + irregular.clock_suspect

    def _write_plain(self, view: str, tables: Sequence[pa.Table]) -> None:
        if any(table.num_rows for table in tables):
            self._add(view, {}, iter(tables))

    def _add(
        self,
        view: str,
        values: dict[str, str],
        tables: Iterable[pa.Table],
        facts: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        file = self._staging.write(view, values, tables, facts)
        self._files += 1
        self._size += file.size
