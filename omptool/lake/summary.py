"""What a lake holds, at a glance: rows, nodes, span, bytes, gaps, the last commit. Reads logs and small tables only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from omptool.lake import layout
from omptool.lake.small import all_rows, gap_states
from omptool.lake.table import Table
from omptool.model.vocabulary import GapState


@dataclass(frozen=True, slots=True)
class TableSummary:
    """One table; times of its earliest and latest row as the log has them, to the millisecond."""

    view: str
    version: int
    rows: int
    files: int
    size: int
    committed_at: datetime | None
    first_time: datetime | None = None
    last_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class LakeSummary:
    """A lake at one version.

    Attributes:
        nodes: nodes whose values were recorded; `servers` those that have them.
        sites: names of the sites; `days` how many dates there are files of.
        gaps: windows that may lack values, by reason; backfilled ones do not.
        suspect: clock-suspect rows ever added.
        crowded: partitions of more than one file, which compaction would make one.
    """

    tables: tuple[TableSummary, ...]
    nodes: int
    servers: int
    sites: tuple[str, ...]
    days: int
    gaps: Mapping[str, int]
    suspect: int
    crowded: int

    @property
    def telemetry(self) -> TableSummary:
        return next(table for table in self.tables if table.view == "telemetry")


def summarise(tables: Mapping[str, Table]) -> LakeSummary:
    """Sum up the tables of a lake.

    Raises:
        LakeError: a small table cannot be read.
    """
    telemetry = tables["telemetry"]
    parts = Counter(tuple(entry.values.values()) for entry in telemetry.entries())
    nodes = {
        (row["server"], row["node_id"])
        for row in (all_rows(tables["nodes"]) if "nodes" in tables else ())
        if row["sampling_ms"] is not None
    }
    gaps: Counter[str] = Counter()
    for batch in gap_states(tables["gaps"]) if "gaps" in tables else ():
        for row in batch.to_pylist():
            gaps[row["reason"]] += row["state"] != GapState.BACKFILLED
    return LakeSummary(
        tuple(_table(view, table) for view, table in tables.items()),
        len(nodes),
        len({server for server, _ in nodes}),
        tuple(sorted({site for site, _ in parts})),
        len({date for _, date in parts}),
        {reason: count for reason, count in gaps.items() if count},
        telemetry.done(layout.CLOCK_SUSPECT),
        sum(count > 1 for count in parts.values()),
    )


def _table(view: str, table: Table) -> TableSummary:
    entries = table.entries()
    first, last = table.span()
    return TableSummary(
        view,
        table.version,
        sum(entry.rows or 0 for entry in entries),
        len(entries),
        sum(entry.size for entry in entries),
        table.committed_at(),
        first,
        last,
    )
