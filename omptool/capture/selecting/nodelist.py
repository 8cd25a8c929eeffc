"""Lists of nodes that somebody wrote or saved: one a line, CSV with settings, or a snapshot of a server (C7 `--nodes`).

Pure: text or rows in, nodes out. What a line says and cannot be read is an error with its place; nothing is dropped
without a note. What OPC Publisher reads is in `nodelist_published`.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from omptool.errors import UsageError
from omptool.model import monitoring as words
from omptool.model.eventfields import EventWish
from omptool.model.monitoring import AS_ALL, Monitoring
from omptool.model.nearest import nearest
from omptool.model.nodeid import NodeId
from omptool.model.nodes import READABLE

MOST_NODES = 1_000_000
"""Nodes of one list: more than any server has been seen to take."""

MOST_LINE = 64 << 10
"""Characters of a line; a NodeId has at most 4096 (Part 3, 8.2.3)."""

_NODE_ID = re.compile(r"(nsu=[^;]*;|ns=\d+;)?[isgb]=")
_INDEX = re.compile(r"^ns=\d+;")
_NODE_COLUMNS = ("node", "node_id", "nodeid", "path")
_SERVER = "Server/"
"""Paths below the Server object (C7: left out unless asked for)."""


class Listed(NamedTuple):
    """One node of a list.

    Attributes:
        text: NodeId or path, as written.
        monitoring: what stands beside it.
        path: where it stood when the list was made: taken where the NodeId names nothing any more; empty = unknown.
        where: place in the list, for people.
    """

    text: str
    monitoring: Monitoring = AS_ALL
    path: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Notifier:
    """An object whose events are asked for by a list."""

    text: str
    fields: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


class EventsOf(NamedTuple):
    """What is asked of events.

    Attributes:
        sources: path globs of objects that send events; none and no `listed` = the Server object, which sends all.
        wish: of each of them.
        listed: objects of a list, each with fields and types of its own.
    """

    sources: tuple[str, ...] = ()
    wish: EventWish = EventWish()
    listed: tuple[Notifier, ...] = ()


@dataclass(frozen=True, slots=True)
class EndpointNodes:
    """What a list asks of one server; `publishing_ms` None = as for all."""

    nodes: tuple[Listed, ...] = ()
    notifiers: tuple[Notifier, ...] = ()
    publishing_ms: float | None = None


@dataclass(frozen=True, slots=True)
class NodeList:
    """A list, read.

    Attributes:
        nodes: for whatever server is captured.
        endpoints: by address, where the list says whose nodes they are.
        notes: what it says that a capture cannot do, a sentence each.
    """

    nodes: tuple[Listed, ...] = ()
    endpoints: Mapping[str, EndpointNodes] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def is_node_id(text: str) -> bool:
    """Whether a NodeId was written, rather than a path."""
    return _NODE_ID.match(text) is not None


def check(text: str) -> None:
    """Find a malformed NodeId before anyone connects; an index is for the server to resolve.

    Raises:
        UsageError: it begins like a NodeId and is none.
    """
    if is_node_id(text):
        NodeId.parse(_INDEX.sub("", text))


def of_text(text: str, file: str) -> NodeList:
    """A list in text: CSV where its first line names the columns, else a NodeId or path per line.

    Blank lines, and lines with `#` in front, say nothing.

    Args:
        file: what to call it.

    Raises:
        UsageError: a line that cannot be read.
    """
    lines = text.removeprefix("\ufeff").splitlines()
    header = next((line for line in lines if line.strip() and not line.lstrip().startswith("#")), "")
    delimiter = next((sign for sign in ("\t", ";", ",") if sign in header), ",")
    names = [_plain(cell) for cell in _cells(header, delimiter)]
    if not set(names) & set(_NODE_COLUMNS):
        return NodeList(tuple(_bounded(_lines(lines, file), file)))
    rows = _rows(lines, names, delimiter, file)
    if "node_class" in names:
        return of_snapshot((row for _, row in rows), file)
    _check_columns(names, file)
    return NodeList(tuple(_bounded((_listed(row, f"{file}:{number}") for number, row in rows), file)))


def of_snapshot(rows: Iterable[Mapping[str, Any]], file: str) -> NodeList:
    """The readable Variables of a snapshot, as `omptool browse` writes it; other nodes are there for their paths.

    Properties and what is below the Server object are left out, unless there is nothing else: then they were meant.

    Raises:
        UsageError: rows without a NodeId, or no Variable among them.
    """
    variables: list[tuple[Listed, bool]] = []
    unreadable = 0
    for number, row in enumerate(rows, 1):
        if number > 10 * MOST_NODES:
            raise _too_many(file)
        if row.get("node_class") != "Variable":
            continue
        node_id, path = row.get("node_id"), row.get("path")
        if not isinstance(node_id, str) or not is_node_id(node_id):
            raise UsageError(f"{file}: row {number} has no node_id", "give what omptool browse -o writes")
        if not _is_readable(row.get("access_level")):
            unreadable += 1
            continue
        where, text = f"{file}: row {number}", path if isinstance(path, str) else ""
        check(node_id)
        is_aside = text.startswith(_SERVER) or _is_true(row.get("is_property"))
        variables.append((Listed(node_id, AS_ALL, text, where), is_aside))
    if not variables:
        raise UsageError(f"{file} has no readable Variable", "make it with:  omptool browse SERVER -o nodes.parquet")
    chosen = [listed for listed, is_aside in variables if not is_aside] or [listed for listed, _ in variables]
    notes = (f"{unreadable:,} Variables of {file} cannot be read and are left out",) if unreadable else ()
    return NodeList(tuple(_bounded(chosen, file)), notes=notes)


def _lines(lines: Sequence[str], file: str) -> Iterator[Listed]:
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        where = f"{file}:{number}"
        _checked(text, where)
        yield Listed(text, where=where)


def _checked(text: str, where: str) -> None:
    if len(text) > MOST_LINE:
        raise UsageError(f"{where}: {len(text):,} characters", "write one NodeId or path per line")
    try:
        check(text)
    except UsageError as error:
        remark = "\na remark needs a line of its own" if "#" in text else ""
        raise UsageError(f"{where}: {error.message}", error.hint + remark) from None


def _cells(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _rows(
    lines: Sequence[str], names: Sequence[str], delimiter: str, file: str
) -> Iterator[tuple[int, dict[str, str]]]:
    """Rows behind the header by column, with their lines."""
    reader = csv.reader(lines, delimiter=delimiter)
    is_header = True
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells) or cells[0].lstrip().startswith("#"):
                continue
            if is_header:
                is_header = False
                continue
            if len(cells) > len(names):
                columns = f"{len(names)} column{'s' * (len(names) != 1)}"
                raise UsageError(
                    f"{file}:{reader.line_num}: {len(cells)} cells under {columns}",
                    'put a cell that holds the separator in quotes: "a,b"',
                )
            yield reader.line_num, dict(zip(names, (cell.strip() for cell in cells), strict=False))
    except csv.Error as error:
        raise UsageError(f"{file}:{reader.line_num}: {error}", "write CSV, or one NodeId or path per line") from None


def _listed(row: Mapping[str, str], where: str) -> Listed:
    node = next((row[name] for name in _NODE_COLUMNS if row.get(name)), "")
    if not node:
        raise UsageError(f"{where}: no node", "write its NodeId or path in the column node")
    _checked(node, where)
    said: dict[str, Any] = {}
    for name, text in row.items():
        if text and name in _READERS:
            key, read = _READERS[name]
            try:
                said[key] = read(text)
            except UsageError as error:
                raise UsageError(f"{where}: {name}: {error.message}", error.hint) from None
    percent = said.pop("is_percent", None)
    if percent is not None:
        if "deadband" not in said:
            raise UsageError(f"{where}: a deadband_type without a deadband", "fill both cells, or none")
        said["deadband"] = _of_type(row["deadband"], percent, where)
    path = row.get("path", "") if node != row.get("path") else ""
    return Listed(node, replace(AS_ALL, **said), path, where)


def _of_type(text: str, is_percent: bool, where: str) -> words.Deadband:
    try:
        return words.parse_deadband(text, is_percent=is_percent)
    except UsageError as error:
        raise UsageError(f"{where}: deadband: {error.message}", error.hint) from None


def _milliseconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= words.MOST_MS:
        raise UsageError(f"{text!r} is no number of milliseconds", "write 250, or use the column sampling with 250ms")
    return value


def _is_percent(text: str) -> bool:
    known = {"absolute": False, "percent": True}
    if text.lower() not in known:
        raise UsageError(f"{text!r} is no type of deadband", "write absolute or percent")
    return known[text.lower()]


_READERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "sampling": ("sampling_ms", words.parse_interval),
    "sampling_ms": ("sampling_ms", _milliseconds),
    "queue": ("queue_size", words.parse_queue),
    "queue_size": ("queue_size", words.parse_queue),
    "discard": ("discard", words.parse_discard),
    "deadband": ("deadband", words.parse_deadband),
    "deadband_type": ("is_percent", _is_percent),
    "trigger": ("trigger", words.parse_trigger),
    "poll": ("poll_ms", words.parse_interval),
    "heartbeat": ("heartbeat_ms", words.parse_interval),
}
"""Columns with settings: of which one, and how a cell is read."""


def _check_columns(names: Sequence[str], file: str) -> None:
    known = [*_NODE_COLUMNS, *_READERS]
    for name in names:
        if name not in known:
            near = nearest(name, known, 1)
            guess = f"did you mean {near[0]}?\n" if near else ""
            raise UsageError(f"{file}: unknown column {name!r}", f"{guess}known: {', '.join(known)}")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"{file}: two columns {twice!r}", "leave one of them out")


def _bounded(nodes: Iterable[Listed], file: str) -> Iterator[Listed]:
    for number, listed in enumerate(nodes, 1):
        if number > MOST_NODES:
            raise _too_many(file)
        yield listed


def _too_many(file: str) -> UsageError:
    return UsageError(f"{file} lists more than {MOST_NODES:,} nodes", "name them with --select instead")


def _plain(name: str) -> str:
    return name.strip().lower().replace(" ", "_")


def _is_readable(access_level: object) -> bool:
    """Unknown counts as readable: the server will say."""
    if isinstance(access_level, str):
        access_level = int(access_level) if access_level.isascii() and access_level.isdigit() else None
    return not isinstance(access_level, int) or bool(access_level & READABLE)


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.lower() == "true")
