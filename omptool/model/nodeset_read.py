"""NodeSet2 files as nodes: our own, and those that others publish. Pure: bytes in, nodes out.

The file may come from anybody: no document type (so no entities), and whatever does not fit is a ValueError.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from xml.etree import ElementTree as ET

from omptool.model import bounded_json
from omptool.model import path as paths
from omptool.model.builtin import BuiltinType
from omptool.model.nodeid import OPC_UA, NodeId, QualifiedName
from omptool.model.nodes import Node
from omptool.model.nodeset import EXTENSION, HAS_PROPERTY, HAS_SUBTYPE, HAS_TYPE, OBJECTS, XMLNS
from omptool.model.nodeset_values import facts_of
from omptool.model.typetree import TYPE_CLASSES

_HIERARCHICAL = frozenset(
    {f"i={number}" for number in (33, 34, 35, 36, 44, 45, 46, 47, 48, 49, 56, 129, 131, 14476, 15296, 17604)}
)
"""Reference types of namespace 0 that lead down a tree."""
_KNOWN_ABOVE = {OBJECTS: (), "i=2253": ("Server",)}
_MOST_LEVELS = 200
"""Below Objects. A path is as long as it is deep: a chain of 20,000 nodes would have gigabytes of paths."""
_TRUE_TEXTS = ("browse_name", "display_name", "description", "path", "equipment", "equipment_name")


@dataclass(frozen=True, slots=True)
class Found:
    """What a file holds: nodes below Objects, parents before what is below them, and types."""

    server: str
    nodes: list[Node]
    types: list[Node]
    endpoint: str = ""
    namespaces: Mapping[str, int] = field(default_factory=dict)
    """URI → index in the server's NamespaceArray; empty where the file does not say."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """NodeId → StatusCode that says why what is below is not here."""


@dataclass(slots=True)
class _Raw:
    """An element before the whole file is known."""

    node: Node
    value: ET.Element | None
    parents: dict[str, str] = field(default_factory=dict)
    """Parent → reference type."""


def parse(data: bytes) -> Found:
    """Read a NodeSet2 file.

    Raises:
        ValueError: it is none, or names what it does not define.
        UsageError: a NodeId that is none.
    """
    if b"\0" in data:  # a byte that no other encoding has: in UTF-16 the next line finds nothing
        raise ValueError("it is no XML in UTF-8")
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        raise ValueError("a NodeSet2 file has no document type")
    try:
        root = ET.fromstring(data)
    except ET.ParseError as error:
        raise ValueError(f"it is no XML: {error}") from None
    if root.tag != f"{{{XMLNS}}}UANodeSet":
        raise ValueError("it is no UANodeSet")
    return _File(root).found()


class _File:
    def __init__(self, root: ET.Element) -> None:
        self._space = {"n": XMLNS, "o": EXTENSION}
        self._about = self._truth(root)
        uris = [one.text or "" for one in root.iterfind("n:NamespaceUris/n:Uri", self._space)]
        kept = self._about.get("uris")
        self._uris = [OPC_UA, *(kept if isinstance(kept, list) and len(kept) == len(uris) else uris)]
        aliases = root.iterfind("n:Aliases/n:Alias", self._space)
        self._aliases = {str(one.get("Alias")): one.text or "" for one in aliases}
        self._spelled: dict[str, str] = {}
        elements = [one for one in root if one.get("NodeId") is not None]
        for element in elements:
            true = self._truth(element).get("node_id")
            self._spelled[str(element.get("NodeId"))] = str(true) if true else self._plain(str(element.get("NodeId")))
        self._raw = {raw.node.node_id: raw for raw in map(self._element, elements)}
        self._hierarchical = self._reference_types(elements)
        self._connect(elements)
        self._elements = elements

    def found(self) -> Found:
        standard = [
            Node(
                str(one[0]), "", str(one[1]), display_name=str(one[1]), node_class=str(one[2]), parents=tuple(one[3:4])
            )
            for one in self._about.get("types", [])
        ]
        types = [
            replace(raw.node, parents=tuple(one for one, kind in raw.parents.items() if kind == HAS_SUBTYPE)[:1])
            for raw in self._raw.values()
            if raw.node.node_class in TYPE_CLASSES
        ]
        type_names = {node.node_id: QualifiedName.parse(node.browse_name).name for node in (*standard, *types)}
        facts, states = self._facts(), self._states() if not self._about else {}  # ours says so of every node
        for node_id, raw in self._raw.items():
            if raw.node.data_type_id in states:
                facts[node_id] = {"enum_names": states[raw.node.data_type_id]} | facts.get(node_id, {})
        nodes = [self._named(replace(node, **facts.get(node.node_id, {})), type_names) for node in self._placed()]
        server = str(self._about.get("server") or (self._uris[1] if len(self._uris) > 1 else ""))
        indexes = self._about.get("namespaces")
        namespaces = {str(uri): int(index) for uri, index in indexes.items()} if isinstance(indexes, dict) else {}
        endpoint, missing = str(self._about.get("endpoint") or ""), self._about.get("missing")
        why = {str(node_id): str(name) for node_id, name in missing.items()} if isinstance(missing, dict) else {}
        return Found(server, nodes, [*types, *standard], endpoint, namespaces, why)

    def _truth(self, element: ET.Element) -> Mapping[str, Any]:
        text = element.findtext("n:Extensions/n:Extension/o:Truth", "", self._space)
        data = bounded_json.loads(text) if text else {}
        return data if isinstance(data, dict) else {}

    def _plain(self, text: str) -> str:
        """A NodeId of the file as C1 text."""
        return str(NodeId.parse(self._aliases.get(text, text), self._uris))

    def _id(self, text: str) -> str:
        return self._spelled.get(text) or self._plain(text)

    def _qualified(self, text: str) -> str:
        match = re.match(r"(\d+):(.*)", text, re.DOTALL)
        if match is None:
            return str(QualifiedName("", text))
        index = int(match[1])
        if index >= len(self._uris):
            raise ValueError(f"there is no namespace {index}")
        return str(QualifiedName(self._uris[index] if index else "", match[2]))

    def _element(self, element: ET.Element) -> _Raw:
        truth = self._truth(element)
        name = self._qualified(str(element.get("BrowseName")))
        kind = element.tag.rpartition("}")[2].removeprefix("UA")
        dimensions = element.get("ArrayDimensions")
        is_variable = kind == "Variable"
        shown = element.findtext("n:DisplayName", "", self._space)
        node = Node(
            node_id=self._spelled[str(element.get("NodeId"))],
            path="",
            browse_name=name,
            display_name=shown,
            description=element.findtext("n:Description", None, self._space) or None,
            node_class=kind,
            data_type_id=self._id(element.get("DataType", "i=24")) if is_variable else None,
            value_rank=int(element.get("ValueRank", "-1")) if is_variable else None,
            array_dimensions=tuple(map(int, dimensions.split(","))) if dimensions else None,
            access_level=int(element.get("AccessLevel", "1")) if is_variable else None,
        )
        facts: dict[str, Any] = {key: str(truth[key]) for key in _TRUE_TEXTS if truth.get(key) is not None}
        if names := truth.get("enum_names"):
            facts["enum_names"] = {int(key): str(text) for key, text in names.items()}
        return _Raw(replace(node, **facts), element.find("n:Value", self._space))

    def _references(self, element: ET.Element) -> Iterator[tuple[str, str, bool]]:
        for one in element.iterfind("n:References/n:Reference", self._space):
            kind = self._id(str(one.get("ReferenceType")))
            yield kind, self._id(one.text or ""), one.get("IsForward", "true") in ("true", "1")

    def _reference_types(self, elements: list[ET.Element]) -> set[str]:
        """Hierarchical ones, those of the file included."""
        found = set(_HIERARCHICAL)
        above = {
            self._spelled[str(one.get("NodeId"))]: target
            for one in elements
            if one.tag.endswith("UAReferenceType")
            for kind, target, forward in self._references(one)
            if kind == HAS_SUBTYPE and not forward
        }
        while new := {kind for kind, target in above.items() if target in found} - found:
            found |= new
        return found

    def _connect(self, elements: list[ET.Element]) -> None:
        """Who stands below whom: what a node says of its parents first, then what parents say."""
        downwards: list[tuple[str, str, str]] = []
        for element in elements:
            own = self._spelled[str(element.get("NodeId"))]
            raw = self._raw[own]
            for kind, target, forward in self._references(element):
                if kind == HAS_TYPE and forward:
                    raw.node = replace(raw.node, type_definition=target)
                elif kind in self._hierarchical:
                    if forward:
                        downwards.append((own, kind, target))
                    else:
                        raw.parents.setdefault(target, kind)
        for parent, kind, child in downwards:
            if child in self._raw:
                self._raw[child].parents.setdefault(parent, kind)

    def _placed(self) -> Iterator[Node]:
        """Nodes that a way leads to from Objects: by their first parents, then the rest by any; breadth first."""
        placed: dict[str, tuple[str, ...]] = dict(_KNOWN_ABOVE)
        placing: dict[str, str] = {}
        for node_id, raw in self._raw.items():
            if raw.node.path:
                placed[node_id] = paths.split(raw.node.path)
        self._spread(placed, placing, {node_id: list(raw.parents)[:1] for node_id, raw in self._raw.items()})
        self._spread(placed, placing, {node_id: list(raw.parents) for node_id, raw in self._raw.items()})
        for node_id, names in placed.items():
            if node_id in self._raw:
                raw = self._raw[node_id]
                first = placing.get(node_id) or next(iter(raw.parents), "")
                parents = (first, *(one for one in raw.parents if one != first)) if first else ()
                is_property = raw.parents.get(first) == HAS_PROPERTY
                yield replace(raw.node, path=paths.join(names), parents=parents, is_property=is_property)

    def _spread(
        self, placed: dict[str, tuple[str, ...]], placing: dict[str, str], parents: Mapping[str, list[str]]
    ) -> None:
        """Give a place to everything below what has one, and remember the parent that gave it."""
        children: dict[str, list[str]] = {}
        for node_id, above in parents.items():
            if node_id not in placed and self._raw[node_id].node.node_class not in TYPE_CLASSES:
                for parent in above:
                    children.setdefault(parent, []).append(node_id)
        level = list(placed)
        while level:
            below = [(parent, child) for parent in level for child in children.get(parent, ())]
            level = []
            for parent, child in below:
                if child not in placed:
                    if len(placed[parent]) >= _MOST_LEVELS:
                        raise ValueError(f"its nodes are more than {_MOST_LEVELS} levels deep")
                    placing[child] = parent
                    placed[child] = (*placed[parent], QualifiedName.parse(self._raw[child].node.browse_name).name)
                    level.append(child)

    def _facts(self) -> dict[str, dict[str, Any]]:
        """Units, ranges and names of states, from the properties that hold them."""
        facts: dict[str, dict[str, Any]] = {}
        for raw in self._raw.values():
            if raw.value is not None:
                found = facts_of(raw.node.browse_name, raw.value)
                for parent in raw.parents if found else ():
                    facts.setdefault(parent, {}).update(found)
        return facts

    def _states(self) -> dict[str | None, dict[int, str]]:
        """Names of the values of each enumeration that the file defines, by the NodeId of the DataType."""
        found: dict[str | None, dict[int, str]] = {}
        for element in self._elements:
            definition = element.find("n:Definition", self._space)
            if definition is None or definition.get("IsOptionSet") in ("true", "1"):
                continue
            fields = definition.iterfind("n:Field[@Value]", self._space)
            if names := {int(str(one.get("Value"))): self._shown(one) for one in fields}:
                found[self._spelled[str(element.get("NodeId"))]] = names
        return found

    def _shown(self, member: ET.Element) -> str:
        return member.findtext("n:DisplayName", "", self._space) or str(member.get("Name"))

    @staticmethod
    def _named(node: Node, types: Mapping[str, str]) -> Node:
        """The node with the name of its DataType."""
        kind = node.data_type_id
        if kind is None:
            return node
        number = int(kind[2:]) if kind.startswith("i=") else 0
        builtin = BuiltinType(number).name if 1 <= number <= 25 else None
        return replace(node, data_type=types.get(kind) or builtin or kind)
