"""A changed plant model → new site, area, line, machine and tag for the rows that are in the lake already.

Nodes are placed exactly as when captures are read: by the model, and by what the servers and settings said, which the
lake keeps in its table `servers`. Of imports it has nothing there: where no rule speaks of their nodes, they stay where
the import put them. Only files with rows that move or are renamed are rewritten, those of a table in one
commit; `telemetry` last, and the model after it, so that a killed run is simply run again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from omptool.lake import layout, order
from omptool.lake.compact import TIMED, read
from omptool.lake.irregular import Irregular, Watched
from omptool.lake.runs import Sorter
from omptool.lake.small import all_rows
from omptool.lake.staging import Staging, exclusive
from omptool.lake.table import Entry, Table
from omptool.lake.words import whole
from omptool.model.nodes import Node
from omptool.model.path import split
from omptool.model.plant import Place, PlantModel, ServerPlace, places
from omptool.store.location import Location

_NAMES = ("site", "area", "line", "machine", "tag")
_LEVELS = ("site", "area", "line", "machine")


@dataclass(slots=True)
class RemodelReport:
    """What a remodelling did.

    Attributes:
        rows: telemetry rows in the files that were rewritten; `nodes` those whose place is another now.
        files: files that were rewritten, of all tables.
    """

    rows: int = 0
    nodes: int = 0
    files: int = 0
    seconds: float = 0.0


def remodel(
    lake: Location, plant: PlantModel, *, on_progress: Callable[[str, int, int], None] = lambda *_: None
) -> RemodelReport:
    """Place every row of the lake by `plant`.

    Args:
        on_progress: told the table, the files read and how many there are.

    Raises:
        Busy: another omptool writes to this lake.
        DiskFull: no space; the lake is as it was, or some of its tables are done.
        LakeError: it cannot be read.
    """
    started = time.monotonic()
    report = RemodelReport()
    with exclusive(lake):
        placing = Placing(lake, plant)
        _nodes(lake, placing, report)
        for view in ("events", "telemetry"):
            _timed(lake, view, placing, report, on_progress)
        Table(lake, "telemetry").set_properties(layout.plant_properties(plant))
    report.seconds = time.monotonic() - started
    return report


class _Known(NamedTuple):
    """What is known of a server besides the model."""

    name: str | None
    settings: ServerPlace
    equipment: Mapping[str, tuple[str, str | None]]


class Placing:
    """Where the nodes of a lake stand by a model."""

    def __init__(self, lake: Location, plant: PlantModel) -> None:
        self._plant = plant
        self._known = _servers(lake)
        self._paths = {(row["server"], row["node_id"]): row["path"] for row in all_rows(Table(lake, "nodes"))}
        paths: dict[str, set[str]] = {}
        for (server, _), path in self._paths.items():
            paths.setdefault(server, set()).add(path)
        self._places: dict[str, dict[str, Place | None]] = {
            server: self._found(server, sorted(those)) for server, those in paths.items()
        }

    def place(self, row: Mapping[str, Any]) -> Place:
        """Of a row with `server`, `node_id`, its names of places and, where its table has it, `path`."""
        server, node_id = row["server"], row["node_id"]
        path = row["path"] if "path" in row else self._paths.get((server, node_id), "")
        if not path and (server, node_id) not in self._paths:
            path = node_id  # as captures do with a node that no table describes
        places_of_server = self._places.setdefault(server, {})
        if path not in places_of_server:
            places_of_server |= self._found(server, [path])
        return places_of_server[path] or Place(
            row["site"], row.get("area"), row.get("line"), row["machine"], row.get("tag", "")
        )

    def _found(self, server: str, paths: Sequence[str]) -> dict[str, Place | None]:
        """Path → place; that is all a place depends on. None where nobody says anything."""
        known = self._known.get(server)
        equipment = [
            Node(f"e {at}", at, name or "", equipment=level, equipment_name=name)
            for at, (level, name) in (known.equipment if known else {}).items()
        ]
        wanted = [path for path in paths if known is not None or self._is_ruled(server, path)]
        nodes = [Node(f"p {path}", path, path) for path in wanted]
        settings, name = (known.settings, known.name) if known else (None, None)
        found = places(server, [*equipment, *nodes], self._plant, settings, name)
        return {path: found.get(f"p {path}") for path in paths}

    def _is_ruled(self, server: str, path: str) -> bool:
        names = split(path)
        return any(rule.server in (None, server) and rule.path.find(names) for rule in self._plant.rules)


def _servers(lake: Location) -> dict[str, _Known]:
    """By server, the newest that the lake has of its settings and of each piece of equipment."""
    newest: dict[tuple[str, str], dict[str, Any]] = {}
    for row in sorted(all_rows(Table(lake, "servers")), key=lambda row: row["valid_from"]):
        newest[row["server"], row["path"]] = row
    found: dict[str, _Known] = {}
    for (server, path), row in newest.items():
        if not path:
            settings = ServerPlace(**{name: row[name] for name in _LEVELS})
            found[server] = _Known(row["name"], settings, {})
    for (server, path), row in newest.items():
        if path and server in found and row["level"]:
            equipment = found[server].equipment
            assert isinstance(equipment, dict)
            equipment[path] = row["level"], row["level_name"]
    return found


def _nodes(lake: Location, placing: Placing, report: RemodelReport) -> None:
    table = Table(lake, "nodes")
    rows, moved = [], 0
    for row in all_rows(table):
        place = placing.place(row)._asdict()
        moved += any(row[name] != value for name, value in place.items())
        rows.append(row | place)
    if not moved:
        return
    with Staging(lake) as staging:
        staging.write("nodes", {}, iter([pa.Table.from_pylist(rows, schema=layout.file_schema("nodes"))]))
        staging.announce({"nodes": table})
        entries = table.entries()
        table.swap(entries, staging.move("nodes"), {})
    report.nodes, report.files = moved, report.files + len(entries)


def _timed(
    lake: Location, view: str, placing: Placing, report: RemodelReport, on_progress: Callable[[str, int, int], None]
) -> None:
    assert view in TIMED
    table = Table(lake, view)
    entries = table.entries()
    with Staging(lake) as staging:
        sorter, changed = Sorter(staging.folder), []
        for number, entry in enumerate(entries, 1):
            if _is_other(entry, view, placing):
                changed.append(entry)
                for part in read(entry.path, view):
                    for site, rows in _placed(part, placing, entry.values["site"]).items():
                        sorter.add((site, entry.values["date"]), rows)
            on_progress(view, number, len(entries))
        if not changed:
            return
        for (site, date), pieces in sorter.partitions():
            watched = Watched(pieces, Irregular())
            tables, facts = (watched, watched.facts) if view == "telemetry" else ((p.table for p in pieces), dict)
            file = staging.write(view, {"site": site, "date": date}, tables, facts)
            report.rows += file.rows if view == "telemetry" else 0
        staging.announce({view: table})
        table.swap(changed, staging.move(view), {})
    report.files += len(changed)


def _is_other(entry: Entry, view: str, placing: Placing) -> bool:
    """Whether a file holds a row that stands elsewhere now."""
    for part in read(entry.path, view, _columns(view)):
        distinct = part.group_by(part.schema.names).aggregate([])
        for found in distinct.to_pylist():
            row = found | {"site": entry.values["site"]}
            place = placing.place(row)
            if any(row[name] != value for name, value in place._asdict().items() if name in row):
                return True
    return False


def _columns(view: str) -> list[str]:
    names = ("server", "node_id", "path", *_NAMES)
    return [name for name in layout.file_schema(view).names if name in names]


def _placed(table: pa.Table, placing: Placing, old_site: str) -> dict[str, pa.Table]:
    """The rows with their new places, by site."""
    keys = [name for name in ("server", "node_id", "path", *_NAMES) if name in table.schema.names]
    codes = _codes(table, keys)
    _, firsts, positions = np.unique(codes, return_index=True, return_inverse=True)
    rows = table.select(keys).take(pa.array(firsts)).to_pylist()
    found = [placing.place(row | {"site": old_site}) for row in rows]
    for name in _NAMES:
        if name in table.schema.names:
            words = pa.array([getattr(place, name) for place in found], pa.string())
            index = table.schema.get_field_index(name)
            column = pa.DictionaryArray.from_arrays(pa.array(positions, pa.int32()), words)
            table = table.set_column(index, table.schema.field(index).with_type(column.type), column)
    table = order.compact(table)
    sites = np.array([place.site for place in found], dtype=object)[positions]
    return {site: table.filter(pa.array(sites == site)) for site in dict.fromkeys(place.site for place in found)}


def _codes(table: pa.Table, keys: Sequence[str]) -> order.Ints:
    """A number per row that is the same where all of these columns are."""
    codes: order.Ints = np.zeros(table.num_rows, np.int64)
    for key in keys:
        column = whole(table[key])
        missing = len(column.dictionary)
        mine = column.indices.fill_null(missing).to_numpy(zero_copy_only=False)
        codes = np.unique(codes * (missing + 1) + mine, return_inverse=True)[1].astype(np.int64)
    return codes
