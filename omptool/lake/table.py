"""One Delta table of a lake: open a version, list its files, commit new ones.

The only module that talks to `deltalake`, with `connection`, which opens tables. It never writes data files and never
reads rows: a commit names files that are already complete and synced, so whatever happens a version is whole.
"""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Schema, Transaction
from deltalake.exceptions import DeltaError, TableNotFoundError
from deltalake.transaction import AddAction, RemoveAction

from omptool.errors import LakeError
from omptool.lake import connection, layout, log
from omptool.model.plant import PlantModel
from omptool.model.times import format_time, unix_us
from omptool.store import local
from omptool.store.location import Location, inside

_AGAIN = "get the lake again from a copy, or convert the captures into a new one"


@dataclass(frozen=True, slots=True)
class DataFile:
    """A finished data file that waits for its commit.

    Attributes:
        path: relative to the table's folder, as it is called there.
        values: partition column → value.
        stats: minimum and maximum per column, for readers that skip files by them.
    """

    path: str
    size: int
    rows: int
    values: Mapping[str, str] = field(default_factory=dict)
    stats: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    def action(self) -> AddAction:
        stats = {
            "numRecords": self.rows,
            "minValues": {column: low for column, (low, _) in self.stats.items()},
            "maxValues": {column: high for column, (_, high) in self.stats.items()},
            "nullCount": dict.fromkeys(self.stats, 0),
        }
        return AddAction(self.path, self.size, dict(self.values), time.time_ns() // 1_000_000, True, json.dumps(stats))


@dataclass(frozen=True, slots=True)
class Entry:
    """A data file of a version, as the log has it.

    Attributes:
        name: relative to the table's folder, as in the log; `path` absolute.
        rows: as the log states them, None when it does not.
    """

    name: str
    path: Location
    size: int
    rows: int | None
    values: Mapping[str, str]


class Table:
    """A Delta table at one version; `None` inside when it does not exist yet."""

    def __init__(
        self, lake: Location, view: str, *, version: int | datetime | None = None, schema: pa.Schema | None = None
    ) -> None:
        """Open the table of `view`.

        Args:
            schema: all columns of a derived table, where it is about to be written.
            version: a version number, a time, or None for the newest.

        Raises:
            LakeError: the version does not exist, or the log cannot be read.
        """
        self.view = view
        self.path = layout.table_path(lake, view)
        self._schema = schema
        self._delta = self._open(version)

    @property
    def schema(self) -> pa.Schema:
        """All columns, as they are to be written; of a derived table that nobody changes, as they are."""
        if self._schema is None and self.view not in layout.SCHEMAS:
            return pa.schema(list(self.columns().items()))
        return layout.table_schema(self.view) if self._schema is None else self._schema

    def _open(self, version: int | datetime | None) -> DeltaTable | None:
        if not (self.path / "_delta_log").is_dir():
            return None
        try:
            if isinstance(version, datetime):
                version = self._version_at(version)
            return connection.open_table(self.path, version)
        except TableNotFoundError:
            return None if version is None else self._no_version(version)
        except (DeltaError, ValueError, OSError) as error:
            if version is not None:
                return self._no_version(version)
            raise LakeError(f"cannot read the log of {self.path}: {_first_line(error)}", _AGAIN) from error

    def _version_at(self, moment: datetime) -> int:
        """The newest version committed at a moment.

        By the times inside the commits: those of the files, which the library goes by, change when a lake is copied.
        """
        commits = {version: log.committed_at(path) for version, path in log.commits(self.path).items()}
        if found := [version for version, at in commits.items() if at <= moment]:
            return max(found)
        first = min(commits.values(), default=moment)
        raise LakeError(f"{self.path} did not exist at {_text(moment)}", f"its first version is of {_text(first)}")

    def _no_version(self, version: object) -> DeltaTable | None:
        try:
            newest = connection.open_table(self.path).version()
        except (DeltaError, ValueError, OSError) as error:
            raise LakeError(f"cannot read the log of {self.path}: {_first_line(error)}", _AGAIN) from error
        raise LakeError(f"{self.path} has no version {version}", f"versions are 0 to {newest}")

    def check_format(self) -> None:
        """Refuse a lake whose columns may mean something else by now.

        Raises:
            LakeError: a newer omptool wrote it.
        """
        written = self.properties().get(layout.FORMAT_KEY, "1")
        if written.isascii() and written.isdigit() and int(written) > layout.FORMAT:
            raise LakeError(
                f"the lake was written in format {written} by a newer omptool", "pip install --upgrade omptool"
            )

    @property
    def exists(self) -> bool:
        return self._delta is not None

    @property
    def version(self) -> int:
        """The version that is open; -1 when there is no table."""
        return -1 if self._delta is None else self._delta.version()

    def done(self, application: str) -> int:
        """How far an application (a capture id) got: the version of its last transaction, 0 when it never wrote."""
        version = None if self._delta is None else self._delta.transaction_version(application)
        return version or 0

    def properties(self) -> dict[str, str]:
        return {} if self._delta is None else dict(self._delta.metadata().configuration)

    def files(self) -> list[Location]:
        """The data files of this version, absolute, in no particular order."""
        if self._delta is None:
            return []
        actions: Any = pa.table(self._delta.get_add_actions())  # file_uris() percent-encodes the folder of the lake
        root = self.path.absolute()
        return [self._inside(root, unquote(path)) for path in actions["path"].to_pylist()]

    def entries(self) -> list[Entry]:
        """The data files of this version with what the log says of them, by name."""
        if self._delta is None:
            return []
        actions: Any = pa.table(self._delta.get_add_actions(flatten=True))
        root = self.path.absolute()
        columns = layout.partitions(self.view)
        found = [
            Entry(
                row["path"],
                self._inside(root, unquote(row["path"])),
                row["size_bytes"],
                row.get("num_records"),
                {column: str(row[f"partition.{column}"]) for column in columns},
            )
            for row in actions.to_pylist()
        ]
        return sorted(found, key=lambda entry: entry.name)

    def _inside(self, root: Location, name: str) -> Location:
        found = inside(root, name)
        if found is None:
            raise LakeError(
                f"the log of {self.path} names {name}, which does not lie in the table's folder",
                "a lake is read from its own folder only; copy the file there, or get the lake again",
            )
        return found

    def rows(self) -> int:
        """Rows according to the log, without opening a file."""
        if self._delta is None:
            return 0
        actions: Any = pa.table(self._delta.get_add_actions(flatten=True))
        return sum(count or 0 for count in actions["num_records"].to_pylist())

    def span(self) -> tuple[datetime | None, datetime | None]:
        """Earliest and latest time of a row, as far as the log has them."""
        actions: Any = None if self._delta is None else pa.table(self._delta.get_add_actions(flatten=True))
        if actions is None or "min.time" not in actions.schema.names or not actions.num_rows:
            return None, None
        first, last = pc.min(actions["min.time"]).as_py(), pc.max(actions["max.time"]).as_py()
        return (None, None) if first is None or last is None else (_utc(first), _utc(last))

    def committed_at(self) -> datetime | None:
        """When the open version was committed."""
        if self._delta is None:
            return None
        found = log.commits(self.path).get(self.version)
        return None if found is None else log.committed_at(found)

    def create(self, properties: Mapping[str, str] | None = None) -> None:
        """Make the empty table where there is none."""
        if self._delta is not None:
            return
        configuration = {layout.FORMAT_KEY: str(layout.FORMAT), **(properties or {})}
        try:
            self._delta = connection.create_table(
                self.path,
                Schema.from_arrow(self.schema),
                partition_by=list(layout.partitions(self.view)),
                name=self.view,
                configuration=configuration,
            )
        except DeltaError as error:  # a path with control characters, for one
            raise LakeError(f"cannot make a table in {self.path}: {_first_line(error)}") from error
        self._sync()

    def set_properties(self, properties: Mapping[str, str]) -> None:
        """Store properties in the table's metadata; one commit, none when they already stand there."""
        if self._delta is None or properties.items() <= self.properties().items():
            return
        self._change(lambda delta: delta.alter.set_table_properties(dict(properties), raise_if_not_exists=False))

    def append(self, files: Sequence[DataFile], done: Mapping[str, int]) -> None:
        """Add files and note how far each application got, in one commit.

        Raises:
            LakeError: another writer did the same at the same time.
        """
        self._commit(files, "append", done, None)

    def replace(self, files: Sequence[DataFile], done: Mapping[str, int], column: str, value: str) -> None:
        """Like `append`, and remove the files of the partition `column` = `value` in the same commit."""
        self._commit(files, "overwrite", done, [(column, "=", value)])

    def columns(self) -> dict[str, pa.DataType]:
        """The columns of this version."""
        return {} if self._delta is None else {field.name: field.type for field in pa.schema(self._delta.schema())}

    def evolve(self, schema: pa.Schema) -> None:
        """Have these columns: make the table, or add those that it lacks."""
        self._schema = schema
        if self._delta is None:
            self.create()
            return
        known = self.columns()
        if lacking := [field for field in schema if field.name not in known]:
            fields = list(Schema.from_arrow(pa.schema(lacking)).fields)
            self._change(lambda delta: delta.alter.add_columns(fields))

    def rewrite(self, files: Sequence[DataFile], done: Mapping[str, int]) -> None:
        """Put `files` in the place of everything, with the columns of `schema`."""
        self._commit(files, "overwrite", done, None)

    def swap(self, removed: Sequence[Entry], files: Sequence[DataFile], done: Mapping[str, int]) -> None:
        """Put `files` in the place of those `removed`, in one commit: readers see the ones or the others."""
        now = time.time_ns() // 1_000_000
        gone = [RemoveAction(unquote(entry.name), True, now, entry.size, dict(entry.values)) for entry in removed]
        self._commit(files, "append", done, None, gone)

    def _commit(
        self,
        files: Sequence[DataFile],
        mode: str,
        done: Mapping[str, int],
        partition: list[tuple[str, str, str]] | None,
        removed: Sequence[RemoveAction] = (),
    ) -> None:
        if self._delta is None:
            raise LakeError(f"{self.path} is no table")
        properties = CommitProperties(
            custom_metadata={"omptool.rows": sum(file.rows for file in files)},
            app_transactions=[Transaction(application, version) for application, version in done.items()],
        )
        actions: list[AddAction | RemoveAction] = [*removed, *(file.action() for file in files)]
        schema, columns = Schema.from_arrow(self.schema), list(layout.partitions(self.view))

        def write(delta: DeltaTable) -> None:
            delta.create_write_transaction(actions, mode, schema, columns, partition, commit_properties=properties)

        try:
            self._change(write)
        except (DeltaError, OSError) as error:
            if local.is_no_space(error):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path)) from error
            raise LakeError(
                f"cannot commit to {self.path}: {_first_line(error)}",
                "run the same command again: it goes on where it was",
            ) from error

    def _change(self, work: Callable[[DeltaTable], object]) -> None:
        assert self._delta is not None
        self._delta = connection.change(self.path, self._delta, work)
        self._sync()

    def _sync(self) -> None:
        """Force the newest commit to the disk; the library leaves that to the system."""
        if isinstance(self.path, Path):
            newest = log.commits(self.path)
            local.sync_file(Path(str(newest[max(newest)])))
            local.sync_folder(self.path / "_delta_log")


def stored_plant(lake: Location) -> PlantModel | None:
    """The plant model that `convert` keeps in the lake's metadata; None without a lake or a model."""
    text = Table(lake, "telemetry").properties().get(layout.PLANT_KEY)
    return PlantModel.parse(text, f"plant model of {lake}") if text else None


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _text(moment: datetime) -> str:
    return format_time(unix_us(moment))


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
