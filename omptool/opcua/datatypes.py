"""Names of DataTypes and the texts of enumerations, asked once per type and session."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from omptool.model.builtin import BuiltinType
from omptool.opcua.crawl import browse_all, local
from omptool.opcua.requests import encode_node_id
from omptool.protocol.wire import WireNodeId

if TYPE_CHECKING:
    from omptool.opcua.session import Session

_BROWSE_NAME, _VALUE, _DEFINITION = 3, 13, 23
_HAS_PROPERTY, _HAS_SUBTYPE = encode_node_id(0, 46), encode_node_id(0, 45)
_BUILTIN = {WireNodeId(0, int(kind)): kind.name for kind in BuiltinType if kind}
_ENUM_PROPERTIES = frozenset({"EnumStrings", "EnumValues"})


class DataTypes:
    """The DataTypes of one server that its variables use."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._names: dict[WireNodeId, str] = dict(_BUILTIN)
        self._enums: dict[WireNodeId, dict[int, str]] = {}

    def name(self, data_type: WireNodeId) -> str:
        """BrowseName of the type, or its NodeId where the server has no such node."""
        return self._names.get(data_type) or data_type.to_text(self._session.namespaces)

    def enum_names(self, data_type: WireNodeId) -> dict[int, str] | None:
        """Number to text of an enumeration; None for any other type."""
        return self._enums.get(data_type)

    async def load(self, data_types: Iterable[WireNodeId | None]) -> None:
        """Ask for all types not known yet, in three batches however many there are."""
        from omptool.opcua.metadata import read_attribute

        new = [kind for kind in dict.fromkeys(data_types) if kind is not None and kind not in self._names]
        if not new:
            return
        for kind, name in zip(new, await read_attribute(self._session, new, _BROWSE_NAME), strict=True):
            self._names[kind] = str(getattr(name, "Name", None) or "")
        untold = []
        for kind, definition in zip(new, await read_attribute(self._session, new, _DEFINITION), strict=True):
            names = enum_names_of(getattr(definition, "Fields", None))
            if names:
                self._enums[kind] = names
            elif definition is None:
                untold.append(kind)
        await self._load_properties(untold)

    async def _load_properties(self, kinds: list[WireNodeId]) -> None:
        """EnumStrings and EnumValues, where a server older than DataTypeDefinition keeps the texts."""
        from omptool.opcua.metadata import read_attribute

        owners: list[WireNodeId] = []
        nodes: list[WireNodeId] = []
        for kind, result in zip(
            kinds, await browse_all(self._session, kinds, reference_type=_HAS_PROPERTY), strict=True
        ):
            for reference in result.references:
                node = local(reference.node_id, self._session.namespaces)
                if node is not None and reference.browse_name.name in _ENUM_PROPERTIES:
                    owners.append(kind)
                    nodes.append(node)
        for kind, value in zip(owners, await read_attribute(self._session, nodes, _VALUE), strict=True):
            if names := enum_names_of(value):
                self._enums[kind] = names


def enum_names_of(value: Any) -> dict[int, str] | None:
    """Number to text from EnumStrings (LocalizedTexts), EnumValues (EnumValueTypes) or the fields of an EnumDefinition.

    None for anything else, an array with other things between them included.
    """
    if not isinstance(value, list) or not value:
        return None
    names: dict[int, str] = {}
    for index, entry in enumerate(value):
        text = getattr(entry, "Name", None) if hasattr(entry, "Name") else entry
        number = getattr(entry, "Value", index)
        if not isinstance(text, str):
            text = _text(getattr(entry, "DisplayName", entry))
        if text is None or not isinstance(number, int):
            return None
        names[number] = text
    return names


def _text(localized: Any) -> str | None:
    text = getattr(localized, "Text", None)
    return text if isinstance(text, str) else ("" if hasattr(localized, "Text") else None)


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
