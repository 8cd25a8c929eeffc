"""What a source offers to SQL: tables that can be scanned any number of times.

Nothing here knows DuckDB; `sql/views.py` turns these into views.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa

from omptool.model.vocabulary import GapState
from omptool.store.location import Location


@dataclass(frozen=True, slots=True)
class Stream:
    """A table whose rows are made anew for every scan; texts may be dictionary-encoded.

    An Arrow stream can be read once, and a join or a second reference reads twice; so engines get an object that starts
    a new stream each time it is asked.
    """

    schema: pa.Schema
    batches: Callable[[], Iterable[pa.RecordBatch]]

    def __arrow_c_stream__(self, requested_schema: object = None) -> Any:
        return pa.RecordBatchReader.from_batches(self.schema, self._lazily()).__arrow_c_stream__(requested_schema)

    def _lazily(self) -> Iterable[pa.RecordBatch]:
        # engines open streams just to see the schema: nothing may be read before the first pull
        yield from self.batches()


@dataclass(frozen=True, slots=True)
class Files:
    """Files that an engine reads by itself.

    Attributes:
        paths: exact names, no patterns.
        format: "parquet", "csv", "tsv" or "json" (a document or a row per line).
        partitions: columns whose values stand in the folder names, all text.
        columns: names in the files, where they are known without reading rows.
        fixed: whether a file never changes under its name.
    """

    paths: tuple[Location, ...]
    format: str
    partitions: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    fixed: bool = False


Scannable = Stream | Files


class Source(Protocol):
    """Something rows can be asked from.

    Attributes:
        label: as the user named it.
        kind: "capture", "lake", "parquet", "csv", "tsv", "json", "arrow".
        has_telemetry: whether its tables are the views of the contract (C2, C3); else it is one table of its own.
        id: the capture's id where the source is one recording.
    """

    @property
    def label(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def has_telemetry(self) -> bool: ...
    @property
    def id(self) -> str | None: ...

    def views(self) -> Mapping[str, Scannable]:
        """View name → table. A source that is one plain table has the single key `table`."""
        ...

    def gap_reasons(self) -> Mapping[str, int]:
        """Reasons of the windows that may lack values, with their number."""
        ...

    def holds(self, capture: str) -> bool:
        """Whether rows of this capture (by id) are certainly among those of the source."""
        ...


def open_reasons(gaps: pa.Table | pa.RecordBatch) -> dict[str, int]:
    """Reason → number of the windows that may still lack values; backfilled ones do not."""
    import pyarrow.compute as pc

    reasons = gaps["reason"].filter(pc.not_equal(gaps["state"], GapState.BACKFILLED.value))
    return {row["values"]: row["counts"] for row in pc.value_counts(reasons).to_pylist()}


def describe_gaps(label: str, reasons: Mapping[str, int], option: str = "--on") -> str:
    """One line about the windows that may lack values of what `option` names so."""
    count = sum(reasons.values())
    listed = ", ".join(f"{number} {reason}" for reason, number in sorted(reasons.items()))
    windows = f"{count} window{'s' if count > 1 else ''}"
    ask = f'omptool query "from gaps" {option} {shlex.quote(label)}'
    return f"{label} has {windows} that may lack values ({listed}); {ask}"


@dataclass(frozen=True, slots=True)
class FileSource:
    """Files of one table: telemetry-shaped Parquet, or any other table."""

    label: str
    kind: str
    name: str
    table: Scannable
    has_telemetry: bool = False
    id: None = None

    def views(self) -> Mapping[str, Scannable]:
        return {"telemetry" if self.has_telemetry else "table": self.table}

    def gap_reasons(self) -> Mapping[str, int]:
        return {}

    def holds(self, capture: str) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Named:
    """A source with the name a user gave it (`NAME=SOURCE`), or None."""

    source: Source
    name: str | None = None
