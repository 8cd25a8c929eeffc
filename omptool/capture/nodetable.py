"""The node table and the types file of a server, as content-addressed files beside the segments.

Both are written and synced before any segment names them, and named by the hash of their bytes, so a reader knows at
once whether it has what was meant. Reading bounds sizes first; the files may come from anybody.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from omptool.capture import batches, frames
from omptool.capture.format import (
    FORMAT,
    KEY_FORMAT,
    KEY_SERVER,
    KEY_TYPES,
    MAX_JSON,
    MAX_NODE_TABLE,
    TYPES_NAME,
)
from omptool.capture.fresh import FreshFiles
from omptool.capture.nodecolumns import NODE_TABLE, NodeColumns, SharedNodes
from omptool.capture.segment import Encoder
from omptool.errors import ServerRefused
from omptool.model import bounded_json
from omptool.model.datatypes import MAX_NAME, DataType
from omptool.model.nodes import MonitoredNode
from omptool.model.plant import ServerPlace

if TYPE_CHECKING:
    from omptool.config import ServerConfig

_WORTH_IT = 32
"""Nodes of which a table is compressed: below that, setting up zstd for 26 columns takes longer than all the rest."""


class Introduced(Protocol):
    """What a session knows of its server, once connected."""

    @property
    def application_uri(self) -> str: ...
    @property
    def namespaces(self) -> Sequence[str]: ...
    @property
    def build_info(self) -> Mapping[str, Any]: ...
    @property
    def data_types(self) -> Mapping[str, DataType]: ...


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """A server as the capture met it.

    Attributes:
        server: C1 name, what rows are keyed by.
        application_uri, url: what the server calls itself and where it was reached.
        name: its short name in omptool.toml, if any; the machine's name where nothing else is known.
        namespaces: NamespaceArray; what namespace indexes inside raw values mean.
        build_info: ServerStatus BuildInfo, text or numbers.
        settings: site, area, line and machine of omptool.toml at capture time.
        data_types: definitions of the structures, enumerations and other types that its Variables use.
    """

    server: str
    application_uri: str = ""
    url: str = ""
    name: str | None = None
    namespaces: tuple[str, ...] = ()
    build_info: Mapping[str, Any] = field(default_factory=dict)
    settings: ServerPlace = field(default_factory=ServerPlace)
    data_types: tuple[DataType, ...] = ()

    @classmethod
    def of(cls, server: ServerConfig, session: Introduced) -> ServerIdentity:
        """As rows name a server (C1): by its ApplicationUri, else its name in omptool.toml, else its address."""
        return cls(
            server=session.application_uri or server.name or server.url,
            application_uri=session.application_uri,
            url=server.url,
            name=server.name,
            namespaces=tuple(session.namespaces),
            build_info=session.build_info,
            settings=ServerPlace(server.site, server.area, server.line, server.machine),
            data_types=tuple(_fitting(session.data_types.values())),
        )


@dataclass(frozen=True, slots=True)
class NodeTable:
    """A node table as read, with the server it belongs to; `problem` says why the server is known by name only."""

    file: str
    server: ServerIdentity
    nodes: tuple[MonitoredNode, ...]
    problem: str = ""


class TableError(Exception):
    """A table file that cannot be used; the text says why. Never leaves the package."""


def write_types(files: FreshFiles, server: ServerIdentity) -> str:
    """Write the types file of a server; returns its name."""
    data = {"omp.format": FORMAT, **asdict(replace(server, data_types=()))}
    data["data_types"] = [kind.to_plain() for kind in server.data_types]
    text = json.dumps(data, ensure_ascii=False, indent=1, sort_keys=True, default=str).encode("utf-8", "replace")
    if len(text) > MAX_JSON:
        raise ServerRefused(
            f"{server.server[:100]} describes itself with more than {MAX_JSON >> 20} MiB: names, namespaces"
        )
    return _write(files, "types-{}.json", text)


def _fitting(kinds: Iterable[DataType]) -> Iterator[DataType]:
    """The types, as many with their definitions as a types file has room for; of the others the name."""
    room = MAX_JSON // 2  # measured without the indentation
    for kind in kinds:
        size = len(json.dumps(kind.to_plain(), indent=1))
        if size > room:
            kind = DataType(kind.node_id, kind.browse_name[:MAX_NAME], problem="its definition is too large to be kept")
            size = len(json.dumps(kind.to_plain(), indent=1))
        room -= size
        yield kind


def write_nodes(
    files: FreshFiles,
    server: ServerIdentity,
    types_file: str,
    nodes: Sequence[MonitoredNode],
    columns: NodeColumns | None = None,
) -> str:
    """Write a node table; returns its name."""
    metadata = {KEY_FORMAT: str(FORMAT).encode(), KEY_SERVER: server.server.encode(), KEY_TYPES: types_file.encode()}
    encoder = Encoder(NODE_TABLE.with_metadata(metadata), is_compressed=len(nodes) >= _WORTH_IT)
    batch = (columns or NodeColumns()).of(nodes, encoder.schema)
    pieces = [encoder.batch(piece) for piece in batches.split(batch)]
    return _write(files, "nodes-{}.arrows", b"".join([encoder.head, *pieces, frames.END_OF_STREAM]))


def read_types(folder: Path, name: str) -> ServerIdentity:
    """Read a types file.

    Raises:
        TableError: missing, changed or not what its name says.
    """
    if not TYPES_NAME.fullmatch(name):
        raise TableError("the types file is not named")
    try:
        data = bounded_json.loads(_read(folder, name))
        settings = data["settings"]
        return ServerIdentity(
            server=str(data["server"]),
            application_uri=str(data["application_uri"]),
            url=str(data["url"]),
            name=None if data["name"] is None else str(data["name"]),
            namespaces=tuple(map(str, data["namespaces"])),
            build_info=dict(data["build_info"]),
            settings=ServerPlace(**{key: settings.get(key) for key in ("site", "area", "line", "machine")}),
            data_types=tuple(_data_types(data.get("data_types"))),
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise TableError(f"{name} does not hold a server: {error!r}") from None


def _data_types(found: Any) -> Iterator[DataType]:
    """The definitions that can be used; another one explains no value, and is no reason to lose the server."""
    for plain in found if isinstance(found, list) else ():
        with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):
            yield DataType.from_plain(plain)


def read_nodes(folder: Path, name: str, shared: SharedNodes | None = None) -> NodeTable:
    """Read a node table and the types file that it names; without the latter the server is its name alone.

    Args:
        shared: nodes of tables that were read before; those that are described in the same words are the same objects.

    Raises:
        TableError: missing, changed or not a node table.
    """
    try:
        schema, parts = batches.read_stream(_read(folder, name, MAX_NODE_TABLE), NODE_TABLE)
    except batches.BatchError as error:
        raise TableError(f"{name}: {error}") from None
    metadata = schema.metadata or {}
    server = metadata.get(KEY_SERVER, b"").decode(errors="replace")
    problem = ""
    try:
        identity = read_types(folder, metadata.get(KEY_TYPES, b"").decode(errors="replace"))
    except TableError as error:
        identity, problem = ServerIdentity(server), str(error)
    shared = shared or SharedNodes()
    try:
        nodes = tuple(entry for part in parts for entry in shared.entries(part, identity.server))
        return NodeTable(name, identity, nodes, problem)
    except (ValueError, TypeError, AttributeError) as error:
        raise TableError(f"{name} does not hold nodes: {error!r}") from None


def _write(files: FreshFiles, pattern: str, data: bytes) -> str:
    name = pattern.format(_digest(data))
    files.write(name, data)
    return name


def _read(folder: Path, name: str, limit: int = MAX_JSON) -> bytes:
    """A content-addressed file whose bytes are what its name promises."""
    data = batches.read_small_file(folder / name, limit)
    if data is None:
        raise TableError(f"{name} is missing, too large or a link")
    if _digest(data) != name.partition("-")[2].partition(".")[0]:
        raise TableError(f"{name} was changed after it was written")
    return data


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
