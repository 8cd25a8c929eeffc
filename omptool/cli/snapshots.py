"""Snapshots for the commands: save what `browse` found, and browse what was saved, with the same options and rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from omptool.cli import diagnostics, noderows
from omptool.errors import NotFound, UsageError

if TYPE_CHECKING:
    import pyarrow as pa

    from omptool.capture.nodetable import ServerIdentity
    from omptool.model.nodes import Node
    from omptool.model.plant import Place, PlantModel
    from omptool.opcua.exploring.explore import Explored
    from omptool.opcua.exploring.survey import Wanted
    from omptool.sources.snapshot import Snapshot

SUFFIXES = ".parquet, .json, .jsonl, .csv, .xml"


def check(path: Path, *, force: bool) -> None:
    """Refuse a name that nothing can be saved under, before a long crawl."""
    from omptool.cli.output import refuse_existing
    from omptool.sources import snapshot

    if path.suffix.lower() not in snapshot.SUFFIXES:
        raise UsageError(f"--save {path}: a snapshot has no such suffix", f"one of {SUFFIXES}")
    refuse_existing(path, force=force)


def save(
    path: Path,
    explored: Explored,
    server: ServerIdentity,
    plant: PlantModel | None,
    values: pa.RecordBatch | None,
    *,
    force: bool,
) -> None:
    """Write everything that was crawled, its types too; `explored.shown` are all nodes, described."""
    from omptool.cli.output import emit

    count = len(explored.shown)
    if path.suffix.lower() == ".xml":
        count = _save_nodeset(path, explored, server, force=force)
    else:
        emit(rows(explored, server, plant, values), format=path.suffix[1:].lower(), output=path, force=force)
    diagnostics.note(f"saved {count:,} {'node' if count == 1 else 'nodes'} in {path}")


def _save_nodeset(path: Path, explored: Explored, server: ServerIdentity, *, force: bool) -> int:
    """Write a NodeSet2 file; how many nodes are in it."""
    import time

    from omptool.cli.output import replacing
    from omptool.model import status
    from omptool.model.nodeset import Beyond, is_written, nodeset

    written = sum(map(is_written, explored.shown))
    if not written:
        raise NotFound(
            "none of the nodes is of the server's own namespaces: a NodeSet2 file would be empty",
            "save them as .parquet, .json, .jsonl or .csv",
        )
    missing = {node_id: status.name(code) for node_id, code in explored.refused.items()}
    about = {"endpoint": server.url, "namespaces": namespaces_of(server), "missing": missing}
    beyond = Beyond(explored.links, server.data_types)
    text = nodeset(
        explored.shown, explored.types, server=server.server, saved_ns=time.time_ns(), about=about, beyond=beyond
    )
    with replacing(path, force=force) as stream:
        stream.write(text.encode())
    if left := len(explored.shown) - written:
        diagnostics.note(f"note: {left:,} nodes of namespace 0 are left to the standard NodeSet")
    return written


def namespaces_of(server: ServerIdentity) -> dict[str, int]:
    """URI, empty for namespace 0, → index; of a URI that stands there twice the first."""
    return {uri if index else "": index for index, uri in reversed(list(enumerate(server.namespaces)))}


def rows(
    explored: Explored, server: ServerIdentity, plant: PlantModel | None, values: pa.RecordBatch | None
) -> pa.Table:
    """The table of a snapshot: the rows of `browse` for every node shown, then its types, and what `OWN` adds.

    Nodes that were refused and are not among these have rows too, with nothing but the reason.
    """
    import time

    import pyarrow as pa

    from omptool.model import status
    from omptool.model.nodeid import NodeId
    from omptool.model.nodes import Node
    from omptool.sources.snapshot import OWN, UNKNOWN_CLASS

    indexes = namespaces_of(server)
    nodes, refused = [*explored.shown, *explored.types], explored.refused
    have_rows = {node.node_id for node in nodes}  # not Objects, and not what --root named
    nodes += [Node(one, "", "", node_class=UNKNOWN_CLASS) for one in refused if one not in have_rows]
    table = noderows.table(replace(explored, shown=nodes), server, plant, values)
    columns = {
        "equipment": [node.equipment for node in nodes],
        "equipment_name": [node.equipment_name for node in nodes],
        "browse_error": [status.name(refused[one.node_id]) if one.node_id in refused else None for one in nodes],
        "saved_at": [time.time_ns() // 1000] * len(nodes),
        "endpoint": [server.url or None] * len(nodes),
        "namespace_index": [indexes.get(NodeId.parse(node.node_id).namespace) for node in nodes],
    }
    for name, cells in columns.items():
        table = table.append_column(name, pa.array(cells, OWN[name]))
    return table


def find(snapshot: Snapshot, *, root: str | None, depth: int | None, wanted: Wanted) -> Explored:
    """What a crawl of the server would have found then.

    Raises:
        NotFound: `root` is not there, or nothing matches.
    """
    from omptool.model import status
    from omptool.model.typetree import names_of_types
    from omptool.opcua.exploring.explore import Explored
    from omptool.opcua.exploring.survey import in_tree_order, narrow

    if root is not None:
        root = _root(snapshot, root)
    nodes = [node for node in in_tree_order(snapshot.nodes) if node.path or root is None]
    known, above = _below(nodes, root, depth)
    shown = narrow(known, wanted, names_of_types(snapshot.types))
    refused = {node_id: status.code_of(name) for node_id, name in snapshot.missing.items()}
    return Explored(shown, known, above, refused, snapshot.types)


def _root(snapshot: Snapshot, text: str) -> str | None:
    """What a NodeId is in the snapshot's terms, indexes of then too, as a server takes it; None for Objects."""
    from omptool.model.nodeid import NodeId
    from omptool.opcua.exploring.locate import is_node_id

    if not is_node_id(text):
        return text
    number, sign, rest = text.removeprefix("ns=").partition(";")
    if sign and text.startswith("ns="):
        uris = {str(index): uri for uri, index in snapshot.namespaces.items()} | {"0": ""}
        uri = uris.get(number.lstrip("0") or "0")
        if uri is None:
            known = ", ".join(sorted(uris, key=lambda one: (len(one), one)))
            raise NotFound(f"{text}: the snapshot knows no namespace {number}", f"it knows {known}, or write nsu=URI;…")
        found = replace(NodeId.parse(rest), namespace=uri)
    else:
        found = NodeId.parse(text)
    return None if found == NodeId("", "i", 85) else str(found)


def _below(nodes: list[Node], root: str | None, depth: int | None) -> tuple[list[Node], list[Node]]:
    """The nodes below `root` as deep as asked, and all others."""
    from omptool.model import path as paths

    start: tuple[str, ...] = () if root is None else paths.split(_path_of(nodes, root))
    level = len(start)
    known: list[Node] = []
    above: list[Node] = []
    for node in nodes:
        names = paths.split(node.path)
        is_below = names[:level] == start and (len(names) > level or root is None)
        (known if is_below and (depth is None or len(names) <= level + depth) else above).append(node)
    if not known and root is not None:
        raise NotFound(f"nothing is below {root}", "it is there, and has no nodes below it")
    return known, above


def _path_of(nodes: list[Node], root: str) -> str:
    from omptool.model.nearest import nearest_paths
    from omptool.opcua.exploring.locate import is_node_id

    if is_node_id(root):
        found = [node.path for node in nodes if node.node_id == root]
        near: list[str] = []
    else:
        found = [node.path for node in nodes if node.path == root]
        near = nearest_paths(root, [node.path for node in nodes])
    if not found:
        hint = "did you mean  " + "  or  ".join(near) if near else "see what is there: browse it without --root"
        raise NotFound(f"the snapshot has no node {root}", hint)
    return found[0]


def table(snapshot: Snapshot, explored: Explored, plant: PlantModel | None, *, with_values: bool) -> pa.Table:
    """The rows that `browse` of the server gave; places as saved, unless a plant model is in use now.

    Raises:
        NotFound: values are asked for, and none were saved.
    """
    from omptool.capture.nodetable import ServerIdentity

    values = values_of(snapshot) if with_values else None
    placed = _places(snapshot) if plant is None else None
    return noderows.table(explored, ServerIdentity(snapshot.server), plant, values, placed)


def values_of(snapshot: Snapshot) -> pa.Table:
    """The saved values, a row per node that has one."""
    import pyarrow.compute as pc

    rows = snapshot.rows
    if rows is None or not set(noderows.OF_VALUES) <= set(rows.schema.names):
        raise NotFound(
            "the snapshot holds no values", "save them too:  omptool browse SERVER --values --save plant.parquet"
        )
    return rows.filter(pc.is_valid(rows.column("status")))


def _places(snapshot: Snapshot) -> dict[str, Place] | None:
    from omptool.model.plant import Place

    names = ("node_id", "site", "area", "line", "machine", "tag")
    if snapshot.rows is None or not set(names) <= set(snapshot.rows.schema.names):
        return None
    columns = [snapshot.rows.column(name).to_pylist() for name in names]
    return {node_id: Place(*where) for node_id, *where in zip(*columns, strict=True)}
