"""All node tables of a capture, and which of them held when a row was written.

Tables are named in segment headers and in the journal, each with the `seq` from which it holds. A table that is named
and not there is reported; one that is there and not named is used only where damage may have eaten the naming.
"""

from __future__ import annotations

import functools
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from omptool.capture import nodetable
from omptool.capture.entries import JournalEntry
from omptool.capture.format import KEY_NODES, MAX_DESCRIBED, MAX_TABLES, NODES_NAME
from omptool.capture.nodecolumns import SharedNodes
from omptool.capture.nodetable import NodeTable, ServerIdentity, TableError
from omptool.model import bounded_json
from omptool.model.nodes import MonitoredNode

_MAX_GONE = 100
"""Servers of which nothing is left but a name: each has a row for every gap of the capture."""


@dataclass(frozen=True, slots=True)
class NodeTables:
    """Attributes:
    tables: (`seq` from which it holds, table), by this `seq`, then in the order in which they were named.
    missing: (file, why) of tables that are named and cannot be read.
    """

    tables: tuple[tuple[int, NodeTable], ...]
    missing: tuple[tuple[str, str], ...]

    @property
    def servers(self) -> list[ServerIdentity]:
        """By name, as last described."""
        return list({table.server.server: table.server for _, table in self.tables}.values())

    def nodes(self) -> list[MonitoredNode]:
        """Every node as last described."""
        found = {(node.server, node.node.node_id): node for _, table in self.tables for node in table.nodes}
        return list(found.values())

    def count_at(self, row: int) -> int:
        """How many tables hold for the row with this `seq`: so many from the first on."""
        return bisect_right(self.tables, row, key=lambda named: named[0])

    def steps(self) -> list[int]:
        """The `seq` values at which the description changes."""
        return sorted({first for first, _ in self.tables})


class Standing:
    """What still holds while one table after the other is named: of nodes the latest word only, of types every one."""

    def __init__(self) -> None:
        self.tables: list[NodeTable] = []
        self.nodes = 0
        """How many the tables hold together: what it costs to look at them all."""
        self._latest: dict[str, list[tuple[int, frozenset[int]]]] = {}
        """By server the tables whose nodes still hold, with their handles."""

    def add(self, table: NodeTable) -> None:
        """Take one more; an earlier one whose every handle it describes anew keeps only its types."""
        handles = frozenset(node.handle for node in table.nodes if node.handle)
        latest = self._latest.setdefault(table.server.server, [])
        for at, before in latest:
            if before <= handles:
                self.nodes -= len(self.tables[at].nodes)
                self.tables[at] = replace(self.tables[at], nodes=())
        latest[:] = [(at, before) for at, before in latest if not before <= handles]
        latest.append((len(self.tables), handles))
        self.tables.append(table)
        self.nodes += len(table.nodes)


def load(
    folder: Path, schemas: Sequence[pa.Schema], journal: Sequence[JournalEntry], *, is_damaged: bool
) -> NodeTables:
    """Read every table that is named, and with damage those that lie there unnamed."""
    named, missing = _namings(schemas, journal)
    tables: list[tuple[int, NodeTable]] = []
    gone: list[tuple[int, NodeTable]] = []
    read = functools.cache(
        functools.partial(_read, folder, SharedNodes())
    )  # the same table may be named again and again
    standing, described, since = Standing(), 0, -1
    for name, first_row in sorted(named, key=lambda pair: pair[1]):
        table = read(name)
        if isinstance(table, NodeTable):
            standing.add(table)
            if first_row != since:  # those that hold from one row on are looked at together
                described, since = described + standing.nodes, first_row
            if described > MAX_DESCRIBED:
                missing[name] = f"{name}: nodes are described again and again, more than {MAX_DESCRIBED:,} times"
                break
        if isinstance(table, NodeTable):
            tables.append((first_row, table))
            if table.problem:
                missing[table.problem.split()[0]] = table.problem
        else:
            missing[name] = table
            if len(gone) >= _MAX_GONE:
                continue
            gone.append((first_row, NodeTable(name, _identity(folder, named[name, first_row]), ())))
    if is_damaged:
        unnamed = _unnamed(folder, {name for name, _ in named})
        known = {node.handle for _, table in tables for node in table.nodes}
        tables[:0] = [(1, table) for table in unnamed if not known & {n.handle for n in table.nodes if n.handle}]
    servers = {table.server.server for _, table in tables}
    tables += [(first, table) for first, table in gone if table.server.server not in servers]
    return NodeTables(tuple(sorted(tables, key=lambda named: named[0])), tuple(missing.items()))


_Namings = dict[tuple[str, int], dict[str, Any]]


def _namings(schemas: Sequence[pa.Schema], journal: Sequence[JournalEntry]) -> tuple[_Namings, dict[str, str]]:
    """By (file, `seq` from which it holds) what is said of a table; and what is not looked at, with the reason."""
    named: _Namings = {}
    for entry in _named(schemas, journal):
        name, first_row = entry.get("file"), entry.get("first_row")
        if isinstance(name, str) and NODES_NAME.fullmatch(name) and type(first_row) is int and 0 <= first_row < 2**63:
            if (name, first_row) not in named and len(named) == MAX_TABLES:
                return named, {name: f"{name}: more than {MAX_TABLES:,} node tables are named"}
            named.setdefault((name, first_row), {}).update(entry)
    return named, {}


def _read(folder: Path, shared: SharedNodes, name: str) -> NodeTable | str:
    """The table, or why there is none."""
    try:
        return nodetable.read_nodes(folder, name, shared)
    except TableError as error:
        return str(error)


def _identity(folder: Path, entry: Mapping[str, Any]) -> ServerIdentity:
    """Whose table is missing, as far as whoever named it says: its rows still belong to that server."""
    try:
        return nodetable.read_types(folder, str(entry.get("types")))
    except TableError:
        return ServerIdentity(str(entry.get("server") or ""))


def _named(schemas: Sequence[pa.Schema], journal: Sequence[JournalEntry]) -> Iterator[Mapping[str, Any]]:
    for schema in schemas:
        try:
            entries = bounded_json.loads((schema.metadata or {}).get(KEY_NODES, b"[]"))
        except ValueError:
            continue
        yield from (entry for entry in entries if isinstance(entry, dict)) if isinstance(entries, list) else ()
    yield from (entry.detail for entry in journal if entry.kind == "nodes")


def _unnamed(folder: Path, named: set[str]) -> Iterator[NodeTable]:
    for name in sorted(entry.name for entry in folder.iterdir()):
        if NODES_NAME.fullmatch(name) and name not in named:
            try:
                yield nodetable.read_nodes(folder, name)
            except TableError:
                continue  # nobody named it, so nobody misses it
