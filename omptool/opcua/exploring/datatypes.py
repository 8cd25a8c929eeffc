"""What a server says about its DataTypes: structures, enumerations, option sets; asked once per type and session.

A type is asked for when a Variable uses it, with every type that values of it may contain: those of its fields, and its
subtypes, because a value may be of a subtype. Everything goes out in batches under the server's limits. A type that the
server cannot explain stays UNKNOWN with the reason, its values stay bytes, and no other type suffers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from omptool.errors import MalformedMessage, OmptoolError, ServerRefused
from omptool.model.builtin import BuiltinType
from omptool.model.datatypes import DataType, Kind, Member, standard_types
from omptool.opcua.exploring import dictionaries
from omptool.opcua.exploring.browsing import browse_all, local
from omptool.opcua.exploring.definitions import Told, classify, definition_of, enum_names_of
from omptool.opcua.requests import encode_node_id
from omptool.opcua.values import VALUE, read_columns
from omptool.protocol.variant import decode_variant
from omptool.protocol.wire import WireNodeId

if TYPE_CHECKING:
    from omptool.opcua.session import Session

MAX_TYPES = 20_000
"""Types asked for in one session; the standards together define some three thousand."""

_BROWSE_NAME, _IS_ABSTRACT, _DEFINITION = 3, 8, 23
_REFERENCES, _HAS_SUBTYPE = encode_node_id(0, 31), encode_node_id(0, 45)
_SUBTYPE, _ENCODING, _PROPERTY = WireNodeId(0, 45), WireNodeId(0, 38), WireNodeId(0, 46)
_STRUCTURE, _ANYTHING = WireNodeId(0, 22), WireNodeId(0, 24)
_BUILTIN = {WireNodeId(0, int(kind)): kind.name for kind in BuiltinType if kind}
_BUILTIN |= {
    _STRUCTURE: "Structure",
    _ANYTHING: "BaseDataType",
}  # the nodes' own names
_ENUM_PROPERTIES = frozenset({"EnumStrings", "EnumValues", "OptionSetValues"})
_BINARY = "Default Binary"


class DataTypes:
    """The DataTypes of one server that its variables use; what was learned stays with the session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known = session.data_types

    def name(self, data_type: WireNodeId) -> str:
        """BrowseName of the type, or its NodeId where the server has no such node."""
        builtin = _BUILTIN.get(data_type)
        if builtin is not None:
            return builtin
        kind = self._find(data_type)
        return (kind.name if kind else "") or self._text(data_type)

    def enum_names(self, data_type: WireNodeId) -> dict[int, str] | None:
        """Number to text of an enumeration; None for any other type."""
        kind = self._find(data_type)
        return (kind.enum_names() if kind else None) or None

    async def load(self, data_types: Iterable[WireNodeId | None]) -> None:
        """Ask for all types not known yet, and for those that they need.

        Raises:
            Unreachable: the server does not answer.
        """
        told: dict[str, Told] = {}
        used = list(dict.fromkeys(kind for kind in data_types if kind is not None))
        waiting = self._new(used, told)
        is_open = not {_STRUCTURE, _ANYTHING}.isdisjoint(used)
        while waiting or is_open:
            if is_open:
                waiting = self._new([*waiting, *await self._below_structure()], told)
            answers = await self._ask(waiting)
            told |= {one.node_id: one for one in answers}
            is_open = self._opens(answers)
            waiting = self._new(self._needed(answers), told)
        self._known.update(classify(told, self._known))
        await self._from_dictionaries(told)

    def _find(self, data_type: WireNodeId) -> DataType | None:
        text = self._text(data_type)
        return self._known.get(text) or standard_types().get(text)

    def _text(self, node: WireNodeId) -> str:
        return node.to_text(self._session.namespaces)

    def _new(self, kinds: Iterable[WireNodeId], told: dict[str, Told]) -> list[WireNodeId]:
        """Those nobody knows yet, each once, as many as one session may ask for."""
        room = max(0, MAX_TYPES - len(told) - len(self._known))
        fresh = dict.fromkeys(
            kind for kind in kinds if kind not in _BUILTIN and self._text(kind) not in told and self._find(kind) is None
        )
        return list(fresh)[:room]

    def _opens(self, answers: Sequence[Told]) -> bool:
        """Whether values of these types may hold any structure at all; true at most once in a session."""
        anything = {"i=22", "i=24"}
        is_open = any(field.data_type in anything for one in answers for field in one.fields)
        return is_open and not self._session.knows_all_structures

    def _needed(self, answers: Sequence[Told]) -> list[WireNodeId]:
        texts = [text for one in answers for text in (one.base, *(field.data_type for field in one.fields)) if text]
        needed = [wire for one in answers for wire in one.subtypes]
        for text in dict.fromkeys(texts):
            try:
                needed.append(WireNodeId(*self._session.resolve(text)))
            except OmptoolError:  # a definition may name anything; that type is then unknown
                continue
        return needed

    async def _below_structure(self) -> list[WireNodeId]:
        """Every structure type outside namespace 0: what that has besides the standard types are messages."""
        if self._session.knows_all_structures:
            return []
        self._session.knows_all_structures = True
        found: list[WireNodeId] = []
        seen = {_STRUCTURE}
        level = [_STRUCTURE]
        while level and len(seen) < MAX_TYPES:
            below = [wire for wires in await self._subtypes(level) for wire in wires if wire not in seen]
            seen.update(below)
            found += [wire for wire in below if wire.namespace]
            level = [wire for wire in below if self._text(wire) in standard_types()]
        return found

    async def _subtypes(self, kinds: Sequence[WireNodeId]) -> list[list[WireNodeId]]:
        try:
            results = await browse_all(self._session, kinds, reference_type=_HAS_SUBTYPE)
        except (ServerRefused, MalformedMessage):
            return []
        return [
            [wire for one in result.references if (wire := local(one.node_id, self._session.namespaces)) is not None]
            for result in results
        ]

    async def _ask(self, kinds: Sequence[WireNodeId]) -> list[Told]:
        """What the server says about each type; what it refuses to say is the `problem` of all of them."""
        if not kinds:
            return []
        try:
            told = await self._attributes(kinds)
            await self._references(kinds, told)
            await self._enum_properties(told)
        except (ServerRefused, MalformedMessage) as error:
            return [Told(self._text(kind), problem=error.message) for kind in kinds]
        return told

    async def _attributes(self, kinds: Sequence[WireNodeId]) -> list[Told]:
        wanted = (_BROWSE_NAME, _IS_ABSTRACT, _DEFINITION)
        columns = await read_columns(self._session, [(kind, attribute) for kind in kinds for attribute in wanted])
        told = []
        for row, kind in enumerate(kinds):
            at = row * len(wanted)
            one = Told(self._text(kind), browse_name=self._name_in(columns.raw[at]))
            one.is_abstract = bool(columns.bool_[at + 1])
            one.define(definition_of(columns.raw[at + 2], self._session.namespaces))
            told.append(one)
        return told

    def _name_in(self, raw: bytes | None) -> str:
        """QualifiedName text from an attribute; "" where the server gives none."""
        if raw is None or raw[0] != BuiltinType.QualifiedName:
            return ""
        return str(decode_variant(raw, self._session.namespaces).value)

    async def _references(self, kinds: Sequence[WireNodeId], told: Sequence[Told]) -> None:
        """Supertype, subtypes, binary encoding, and the properties that hold an enumeration's names."""
        namespaces = self._session.namespaces
        above = await browse_all(self._session, kinds, reference_type=_HAS_SUBTYPE, inverse=True)
        beside = await browse_all(self._session, kinds, reference_type=_REFERENCES)
        for one, up, around in zip(told, above, beside, strict=True):
            for reference in up.references:
                node = local(reference.node_id, namespaces)
                one.base = one.base or ("" if node is None else self._text(node))
            for reference in around.references:
                node = local(reference.node_id, namespaces)
                if node is None or not reference.is_forward:
                    continue
                if reference.reference_type == _SUBTYPE:
                    one.subtypes.append(node)
                elif reference.reference_type == _ENCODING and reference.browse_name.name == _BINARY:
                    one.encoding = node
                    one.encoding_id = one.encoding_id or self._text(node)
                elif reference.reference_type == _PROPERTY and reference.browse_name.name in _ENUM_PROPERTIES:
                    one.properties.append((reference.browse_name.name, node))

    async def _enum_properties(self, told: Sequence[Told]) -> None:
        """Names of values and bits, where a server older than DataTypeDefinition keeps them in properties."""
        from omptool.opcua.exploring.metadata import read_attribute

        wanted = [(one, name, node) for one in told if not one.is_defined for name, node in one.properties]
        values = await read_attribute(self._session, [node for _, _, node in wanted], VALUE)
        for (one, name, _), value in zip(wanted, values, strict=True):
            if names := enum_names_of(value):
                one.kind = Kind.OPTION_SET if name == "OptionSetValues" else Kind.ENUMERATION
                one.members = tuple(Member(number, text) for number, text in names.items() if text)

    async def _from_dictionaries(self, told: dict[str, Told]) -> None:
        """Structures that only the type dictionaries of older servers explain."""
        missing = {
            one.encoding: one.node_id
            for one in told.values()
            if one.encoding is not None and self._known[one.node_id].kind is Kind.UNKNOWN
        }
        if not missing:
            return
        with contextlib.suppress(ServerRefused, MalformedMessage):  # then they stay bytes
            self._known.update(await dictionaries.explain(self._session, missing, self._known))


async def supertypes(session: Session, types: Iterable[WireNodeId]) -> dict[WireNodeId, set[WireNodeId]]:
    """Each type with all types above it, itself included."""
    chains = {kind: {kind} for kind in types}
    tops = {kind: kind for kind in chains}
    while tops:
        level = list(dict.fromkeys(tops.values()))
        results = await browse_all(session, level, reference_type=_HAS_SUBTYPE, inverse=True)
        above = {
            kind: next((node for r in result.references if (node := local(r.node_id, session.namespaces))), None)
            for kind, result in zip(level, results, strict=True)
        }
        following = {}
        for kind, top in tops.items():
            parent = above[top]
            if parent is not None and parent not in chains[kind]:
                chains[kind].add(parent)
                following[kind] = parent
        tops = following
    return chains
