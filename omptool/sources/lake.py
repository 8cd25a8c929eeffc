"""A lake as a source: the files of one version, by name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from omptool.errors import LakeError
from omptool.lake import layout
from omptool.lake.small import gap_states
from omptool.lake.table import Table, stored_plant
from omptool.model.contracts import VIEWS
from omptool.model.plant import PlantModel
from omptool.sources.source import Files, Scannable, open_reasons
from omptool.store.location import Location, missing


class LakeSource:
    """A lake at its newest version, or as of a version or time; fixed when it is opened."""

    kind = "lake"
    has_telemetry = True
    id = None

    def __init__(
        self, path: Location, *, version: int | datetime | None = None, label: str = "", with_derived: bool = True
    ) -> None:
        """Open the five tables.

        Args:
            with_derived: offer what was made from them too (`wide_…`, `struct_…`), at the newest version only.
            version: a version of `telemetry` (the other tables are taken as they were at its commit), a time, or None.

        Raises:
            LakeError: no such version, or a log that cannot be read.
        """
        self.path = path
        self.label = label or str(path)
        telemetry = Table(path, "telemetry", version=version)
        if not telemetry.exists:
            raise LakeError(f"{path} has no telemetry table", f"what it has:  omptool info {path}")
        telemetry.check_format()
        moment = version if isinstance(version, datetime) else None if version is None else telemetry.committed_at()
        if version is not None:
            _check_whole(telemetry, self.label)
        self._views: Mapping[str, Scannable] | None = None
        self._has_derived = with_derived and version is None
        self._tables = {"telemetry": telemetry}
        for view in VIEWS:
            if view != "telemetry" and (table := _as_of(path, view, moment)) is not None:
                self._tables[view] = table

    @property
    def version(self) -> int:
        """The version of the telemetry table."""
        return self._tables["telemetry"].version

    @property
    def versions(self) -> dict[str, int]:
        """The version of each table that the lake has."""
        return {view: table.version for view, table in self._tables.items()}

    @property
    def tables(self) -> Mapping[str, Table]:
        """The tables at this version."""
        return self._tables

    def views(self) -> Mapping[str, Scannable]:
        if self._views is None:
            self._views = self._opened()
        return self._views

    def _opened(self) -> Mapping[str, Scannable]:
        found: dict[str, Scannable] = {
            view: Files(
                tuple(sorted(table.files())),
                "parquet",
                layout.PARTITIONS[view],
                tuple(layout.file_schema(view).names),
                fixed=True,
            )
            for view, table in self._tables.items()
        }
        for name in layout.derived(self.path) if self._has_derived else ():
            table = Table(self.path, name)
            partitions = layout.partitions(name)
            columns = tuple(column for column in table.columns() if column not in partitions)
            found[name] = Files(tuple(sorted(table.files())), "parquet", partitions, columns, fixed=True)
        return found

    def gap_reasons(self) -> Mapping[str, int]:
        counts: dict[str, int] = {}
        for part in gap_states(self._tables["gaps"]) if "gaps" in self._tables else ():
            for reason, count in open_reasons(part).items():
                counts[reason] = counts.get(reason, 0) + count
        return counts

    def holds(self, capture: str) -> bool:
        """Whether rows of this capture have been converted into the lake."""
        return self._tables["telemetry"].done(capture) > 0

    def plant(self) -> PlantModel | None:
        """The plant model the lake was made with."""
        return stored_plant(self.path)


def _check_whole(table: Table, label: str) -> None:
    """Refuse an old version whose files have been vacuumed."""
    paths = table.files()
    lost = missing(table.path, paths)
    if lost:
        raise LakeError(
            f"version {table.version} of {label} has lost {lost:,} of its {len(paths):,} files to --vacuum",
            "ask the newest one, by the name of the lake alone",
        )


def _as_of(path: Location, view: str, moment: datetime | None) -> Table | None:
    try:
        table = Table(path, view, version=moment)
    except LakeError:
        if moment is None:
            raise
        return None  # the table is younger than that moment
    return table if table.exists else None
