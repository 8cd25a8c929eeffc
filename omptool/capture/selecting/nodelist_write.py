"""A selection as the configuration of another tool: OPC Publisher, Telegraf or benthos-umh. Pure: text out.

What each of them cannot say of a node leaves the node out, and is told. `nodelist_published`, `nodelist_telegraf` and
`nodelist_umh` read the same files back, to the same selection. Neither users nor certificates are written.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from omptool.model import path as paths
from omptool.model.nodeid import NodeId


class ListFormat(StrEnum):
    """Whose configuration."""

    PUBLISHEDNODES = "publishednodes"
    TELEGRAF = "telegraf"
    UMH = "umh"


@dataclass(frozen=True, slots=True)
class Chosen:
    """One node of the selection: C1 text, and its path."""

    node_id: str
    path: str


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The server of the selection.

    Attributes:
        url: its address.
        namespaces: URI → index; empty where nobody knows.
        is_secured: whether it was reached with security; None where nobody knows.
    """

    url: str
    namespaces: Mapping[str, int] = field(default_factory=dict)
    is_secured: bool | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """The text of the file, and why → nodes that have no place in it."""

    text: str
    left_out: Mapping[str, list[str]]


def write(form: ListFormat, endpoint: Endpoint, nodes: Sequence[Chosen]) -> Written:
    """The configuration for `nodes`, in their order."""
    left_out: dict[str, list[str]] = defaultdict(list)
    text = _WRITERS[form](endpoint, nodes, left_out)
    return Written(text, dict(left_out))


LeftOut = dict[str, list[str]]


def _published(endpoint: Endpoint, nodes: Sequence[Chosen], _: LeftOut) -> str:
    """OPC Publisher's "Configuration schema": one entry for the server, a node an object."""
    entry: dict[str, object] = {"EndpointUrl": endpoint.url}
    if endpoint.is_secured is not None:
        entry["UseSecurity"] = endpoint.is_secured
    listed = [{"Id": node.node_id} | ({"DisplayName": node.path} if node.path else {}) for node in nodes]
    return json.dumps([entry | {"OpcNodes": listed}], indent=2, ensure_ascii=False) + "\n"


def _telegraf(endpoint: Endpoint, nodes: Sequence[Chosen], left_out: LeftOut) -> str:
    """Telegraf's `inputs.opcua_listener`. The path is a tag, since names repeat.

    By index: its version 1.37 has namespace_uri too, but does not start with it, since it looks for the index before it
    connects.
    """
    lines = [
        *_remarks(endpoint, nodes),
        "[[inputs.opcua_listener]]",
        f"  endpoint = {_quoted(endpoint.url)}",
        '  timestamp = "source"',
    ]
    times = Counter(node.path for node in nodes)
    for node, index, parsed in _indexed(endpoint, nodes, left_out):
        identifier = _identifier(parsed)
        if not identifier:
            left_out["Telegraf takes no empty identifier"].append(node.node_id)
            continue
        tags = {"path": node.path} if node.path else {}
        if times[node.path] > 1:
            tags["node_id"] = node.node_id
        lines += [
            "",
            "  [[inputs.opcua_listener.nodes]]",
            f"    name = {_quoted(paths.split(node.path)[-1] if node.path else node.node_id)}",
            f'    namespace = "{index}"',
            f"    identifier_type = {_quoted(parsed.kind)}",
            f"    identifier = {_quoted(identifier)}",
        ]
        if tags:
            inside = ", ".join(f"{name} = {_quoted(text)}" for name, text in tags.items())
            lines.append(f"    default_tags = {{ {inside} }}")
    return "\n".join(lines) + "\n"


def _umh(endpoint: Endpoint, nodes: Sequence[Chosen], left_out: LeftOut) -> str:
    """The OPC UA input of benthos-umh, whose NodeIds have an index for a namespace."""
    lines = [
        *_remarks(endpoint, nodes),
        "input:",
        "  opcua:",
        f"    endpoint: {_quoted(endpoint.url)}",
        "    subscribeEnabled: true",
        "    nodeIDs:",
    ]
    for _, index, parsed in _indexed(endpoint, nodes, left_out):
        lines.append(f"      - {_quoted(f'ns={index};{parsed.kind}={_identifier(parsed)}')}")
    return "\n".join(lines) + "\n"


def _indexed(endpoint: Endpoint, nodes: Sequence[Chosen], left_out: LeftOut) -> Iterator[tuple[Chosen, int, NodeId]]:
    """The nodes with the index of their namespace, where it is known."""
    indexes = {**endpoint.namespaces, "": 0}
    for node in nodes:
        parsed = NodeId.parse(node.node_id)
        if (index := indexes.get(parsed.namespace)) is None:
            left_out["the index of their namespace is not known"].append(node.node_id)
        else:
            yield node, index, parsed


def _remarks(endpoint: Endpoint, nodes: Sequence[Chosen]) -> list[str]:
    """Which namespace an index stood for, for whoever reads the file after the server gave out other ones."""
    used = {NodeId.parse(node.node_id).namespace for node in nodes} - {""}
    known = sorted((index, uri) for uri, index in endpoint.namespaces.items() if uri in used)
    return [f"# namespace {index} is {_quoted(uri)}" for index, uri in known]


_WRITERS: dict[ListFormat, Callable[[Endpoint, Sequence[Chosen], LeftOut], str]] = {
    ListFormat.PUBLISHEDNODES: _published,
    ListFormat.TELEGRAF: _telegraf,
    ListFormat.UMH: _umh,
}

_BEYOND_JSON = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def _quoted(text: str) -> str:
    """A text in double quotes, as TOML and YAML both read it: JSON, with more of it escaped."""
    return _BEYOND_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", json.dumps(text, ensure_ascii=False))


def _identifier(node_id: NodeId) -> str:
    """The identifier as text, without its kind."""
    return str(NodeId("", node_id.kind, node_id.identifier)).partition("=")[2]
