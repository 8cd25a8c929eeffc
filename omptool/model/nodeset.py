"""Nodes as a NodeSet2 file (Part 6, Annex F), so that other tools and simulated servers take them. Pure: text out.

Nodes of namespace 0 are left to the standard NodeSet; types of other namespaces that the nodes are of are written too,
so that the file needs nothing besides. Names may hold what XML cannot: such characters are shown by their pictures,
and the true text stands beside them in an extension, from which `nodeset_read` takes it back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

from omptool.model import nodeset_types
from omptool.model.datatypes import DataType
from omptool.model.nodeid import OPC_UA, NodeId, QualifiedName
from omptool.model.nodes import Node
from omptool.model.nodeset_values import value_of
from omptool.model.times import format_time

XMLNS = "http://opcfoundation.org/UA/2011/03/UANodeSet.xsd"
EXTENSION = "urn:omptool:snapshot"
OBJECTS, FOLDER = "i=85", "i=61"
ORGANIZES, HAS_PROPERTY, HAS_COMPONENT, HAS_SUBTYPE, HAS_TYPE = "i=35", "i=46", "i=47", "i=45", "i=40"

_NOTHING: Mapping[str, object] = {}
_BASES = {"ObjectType": "i=58", "VariableType": "i=62", "DataType": "i=24", "ReferenceType": "i=33"}
_ORDER = ("ReferenceType", "DataType", "VariableType", "ObjectType")
_WRITTEN = frozenset({"Object", "Variable", "Method", "View"})
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BREAKS = re.compile("[\t-\r\x85\u2028\u2029]")
_IN_ATTRIBUTE = {'"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


@dataclass(frozen=True, slots=True)
class Beyond:
    """What a file keeps besides the nodes.

    Attributes:
        links: NodeId → NodeId of a parent → NodeId of the ReferenceType; without them references fit the nodes.
        definitions: DataTypes, as far as they are known.
    """

    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    definitions: Sequence[DataType] = ()


_NO_MORE = Beyond()


def nodeset(
    nodes: Sequence[Node],
    types: Sequence[Node],
    *,
    server: str,
    saved_ns: int,
    about: Mapping[str, object] = _NOTHING,
    beyond: Beyond = _NO_MORE,
) -> str:
    """The text of the file.

    Args:
        nodes: instances, in tree order.
        types: the types they are of, with everything above these.
        server: C1 name, kept in an extension.
        saved_ns: Unix nanoseconds.
        about: what else to keep in that extension.
    """
    return "".join(_Writer(nodes, types, beyond).lines({"server": server, **about}, format_time(saved_ns // 1000)))


def is_written(node: Node) -> bool:
    """Whether a file has a place for the node: an instance, and not of the standard NodeSet."""
    return node.node_id.startswith("nsu=") and node.node_class in _WRITTEN


def visible(text: str) -> str:
    """`text` with a picture instead of every character that XML cannot hold."""
    return _NO_XML.sub(lambda match: chr(0x2400 + ord(match[0])) if match[0] < " " else "\ufffd", text)


def identifier(text: str) -> str:
    """A NodeId as a file spells it: on one line, because readers cut identifiers at the end of the first."""
    return visible(_BREAKS.sub(lambda match: chr(0x2400 + ord(match[0])) if match[0] < " " else "\u2424", text))


class _Writer:
    """One file: which nodes are written, and by which index and identifier."""

    def __init__(self, nodes: Sequence[Node], types: Sequence[Node], beyond: Beyond) -> None:
        self._links = beyond.links
        self._definitions = {one.node_id: one for one in beyond.definitions}
        types = [*types, *nodeset_types.nodes_of(beyond.definitions, {node.node_id: node for node in types})]
        self._nodes = list(filter(is_written, nodes))
        taken = {node.node_id for node in self._nodes}
        encodings = nodeset_types.encodings_of(beyond.definitions)
        self._encodings = {node.parents[0]: node for node in encodings if node.node_id not in taken}
        own = [node for node in types if node.node_id.startswith("nsu=") and node.node_class in _ORDER]
        self._types = sorted(own, key=lambda node: _ORDER.index(node.node_class))
        self._standard = [node for node in types if not node.node_id.startswith("nsu=")]
        self._by_id = {node.node_id: node for node in (*nodes, *self._types)}
        self._enums = {node.data_type_id: node.enum_names for node in self._nodes if node.enum_names}
        written = [*self._types, *self._encodings.values(), *self._nodes]
        self._uris: dict[str, int] = {OPC_UA: 0, "": 0}
        for node in written:
            for text in (NodeId.parse(node.node_id).namespace, QualifiedName.parse(node.browse_name).namespace):
                self._uris.setdefault(text, len(self._uris) - 1)
        self._ids = self._unique(written)

    def _unique(self, written: Iterable[Node]) -> dict[str, str]:
        """NodeId of each node as the file spells it; two that differ in unwritable characters only stay two."""
        ids: dict[str, str] = {}
        taken: set[str] = set()
        for node in written:
            text = plain = identifier(self._indexed(node.node_id))
            number = 1
            while text in taken:
                number += 1
                text = f"{plain}~{number}"
            taken.add(text)
            ids[node.node_id] = text
        return ids

    def _indexed(self, node_id: str) -> str:
        parsed = NodeId.parse(node_id)
        index = self._uris[parsed.namespace]
        rest = str(NodeId("", parsed.kind, parsed.identifier))
        return f"ns={index};{rest}" if index else rest

    def _id(self, node_id: str | None, otherwise: str) -> str:
        """A node that is written or of namespace 0, else `otherwise`."""
        if node_id is None:
            return otherwise
        return self._ids.get(node_id) or (otherwise if node_id.startswith("nsu=") else node_id)

    def lines(self, about: Mapping[str, object], saved: str) -> Iterator[str]:
        uris = [uri for uri in self._uris if self._uris[uri]]
        yield f'<?xml version="1.0" encoding="utf-8"?>\n<UANodeSet xmlns="{XMLNS}" LastModified="{saved}">\n'
        if uris:
            yield (
                "<NamespaceUris>" + "".join(f"<Uri>{_text(uri)}</Uri>" for uri in uris) + "</NamespaceUris>\n<Models>\n"
            )
            for uri in uris:
                yield f'<Model ModelUri="{_attribute(uri)}" Version="1.0.0" PublicationDate="{saved}">'
                yield f'<RequiredModel ModelUri="{OPC_UA}"/></Model>\n'
            yield "</Models>\n"
        standard = [[node.node_id, node.browse_name, node.node_class, *node.parents[:1]] for node in self._standard]
        yield _extension({**about, "types": standard, "uris": uris}) + "\n"
        for node in self._types:
            yield self._type(node)
        for node in self._encodings.values():
            yield self._encoding(node)
        for node in self._nodes:
            yield self._instance(node)
        yield "</UANodeSet>\n"

    def _type(self, node: Node) -> str:
        above = self._id(node.parents[0] if node.parents else None, _BASES[node.node_class])
        references = [(HAS_SUBTYPE, above, False)]
        if (encoding := self._encodings.get(node.node_id)) is not None:
            references.append((nodeset_types.HAS_ENCODING, self._ids[encoding.node_id], True))
        definition = ""
        if (kind := self._definitions.get(node.node_id)) is not None:
            known, name = self._definitions, self._name(node)
            definition = nodeset_types.definition(kind, known, name, _attribute, lambda text: self._id(text, "i=24"))
        elif names := self._enums.get(node.node_id):
            fields = "".join(f'<Field Name="{_attribute(text)}" Value="{key}"/>' for key, text in names.items())
            definition = f'<Definition Name="{_attribute(self._name(node))}">{fields}</Definition>'
        return self._element(node, {}, references, definition)

    def _encoding(self, node: Node) -> str:
        of_type = (nodeset_types.HAS_ENCODING, self._ids[node.parents[0]], False)
        references = [of_type, (HAS_TYPE, nodeset_types.ENCODING_TYPE, True)]
        return self._element(node, {"SymbolicName": "DefaultBinary"}, references, "")

    def _instance(self, node: Node) -> str:
        attributes = {}
        references = self._parents(node)
        if node.node_class in ("Object", "Variable"):
            default = "i=58" if node.node_class == "Object" else "i=68" if node.is_property else "i=63"
            references.append((HAS_TYPE, self._id(node.type_definition, default), True))
        value = ""
        if node.node_class == "Variable":
            attributes = self._of_variable(node)
            above = self._by_id.get(node.parents[0]) if node.is_property and node.parents else None
            value = value_of(node.browse_name, above, _text) if above else ""
        return self._element(node, attributes, references, value)

    def _of_variable(self, node: Node) -> dict[str, str]:
        found = {"DataType": self._id(node.data_type_id, "i=24")}
        if node.value_rank is not None:
            found["ValueRank"] = str(node.value_rank)
        if node.array_dimensions:
            found["ArrayDimensions"] = ",".join(map(str, node.array_dimensions))
        if node.access_level is not None:
            found["AccessLevel"] = str(node.access_level)
        return found

    def _parents(self, node: Node) -> list[tuple[str, str, bool]]:
        """A reference from each parent; a node whose parents are not in the file stands below Objects."""
        known = [one for one in node.parents if one in self._ids or not one.startswith("nsu=")] or [OBJECTS]
        return [(self._link(node, one), self._id(one, OBJECTS), False) for one in dict.fromkeys(known)]

    def _link(self, node: Node, parent: str) -> str:
        """The ReferenceType that the server has there, else one that fits."""
        fitting = self._reference(node, self._by_id.get(parent))
        return self._id(self._links.get(node.node_id, {}).get(parent), fitting)

    @staticmethod
    def _reference(node: Node, above: Node | None) -> str:
        if node.is_property:
            return HAS_PROPERTY
        if above is None or node.node_class == "View" or above.type_definition == FOLDER:
            return HAS_COMPONENT if node.node_class in ("Variable", "Method") else ORGANIZES
        return ORGANIZES if above.node_class == "Variable" and node.node_class != "Variable" else HAS_COMPONENT

    def _name(self, node: Node) -> str:
        name = QualifiedName.parse(node.browse_name)
        index = self._uris[name.namespace]
        return f"{index}:{name.name}" if index or re.match(r"\d+:", name.name) else name.name

    def _element(
        self, node: Node, attributes: dict[str, str], references: Sequence[tuple[str, str, bool]], behind: str
    ) -> str:
        tag = f"UA{node.node_class}"
        own = {"NodeId": self._ids[node.node_id], "BrowseName": self._name(node)} | attributes
        opening = " ".join(f'{name}="{_attribute(text)}"' for name, text in own.items())
        shown = f"<DisplayName>{_text(node.display_name)}</DisplayName>"
        if node.description:
            shown += f"<Description>{_text(node.description)}</Description>"
        arrows = "".join(
            f'<Reference ReferenceType="{kind}"{"" if forward else _INVERSE}>{_text(target)}</Reference>'
            for kind, target, forward in references
        )
        return f"<{tag} {opening}>{shown}<References>{arrows}</References>{self._truth(node)}{behind}</{tag}>\n"

    def _truth(self, node: Node) -> str:
        """What the element does not say: text that XML cannot hold, a way over standard nodes, names of states."""
        texts = {"browse_name": node.browse_name, "display_name": node.display_name}
        texts["description"] = node.description or ""
        true: dict[str, object] = {name: text for name, text in texts.items() if visible(text) != text}
        if self._ids[node.node_id] != self._indexed(node.node_id):
            true["node_id"] = node.node_id
        above = node.parents[0] if node.parents else OBJECTS
        if node.path and above != OBJECTS and above not in self._ids:
            true["path"] = node.path
        if node.enum_names:
            true["enum_names"] = {str(key): text for key, text in node.enum_names.items()}
        if node.equipment:
            true |= {"equipment": node.equipment, "equipment_name": node.equipment_name}
        return _extension(true) if true else ""


_INVERSE = ' IsForward="false"'


def _extension(data: Mapping[str, object]) -> str:
    text = _text(json.dumps(data))
    return f'<Extensions><Extension><Truth xmlns="{EXTENSION}">{text}</Truth></Extension></Extensions>'


def _text(text: str) -> str:
    return escape(visible(text), {"\r": "&#13;"})


def _attribute(text: str) -> str:
    return escape(visible(text), _IN_ATTRIBUTE)
