"""Structures of servers older than DataTypeDefinition: their definitions out of the server's type dictionaries.

From a type's binary encoding a HasDescription leads to its name in a dictionary, and from there to the dictionary
itself (Part 5, annex D). What it says is turned into definitions by `protocol.dictionary`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from omptool.model.builtin import BuiltinType
from omptool.model.datatypes import DataType
from omptool.opcua.exploring.browsing import browse_all, local
from omptool.opcua.requests import encode_node_id
from omptool.opcua.values import VALUE, read_columns
from omptool.protocol.dictionary import DictionaryError, Name, read_dictionary
from omptool.protocol.variant import decode_variant
from omptool.protocol.wire import WireNodeId

if TYPE_CHECKING:
    from omptool.opcua.session import Session

_HAS_DESCRIPTION, _HAS_COMPONENT = encode_node_id(0, 39), encode_node_id(0, 47)


async def explain(
    session: Session, missing: Mapping[WireNodeId, str], known: Mapping[str, DataType]
) -> dict[str, DataType]:
    """Definitions of the types that dictionaries explain, and of those that only the dictionaries know.

    Args:
        missing: binary encoding → NodeId of a type that has no definition.
        known: the types, as far as known.

    Raises:
        ServerRefused, MalformedMessage, Unreachable: the server does not let anyone look.
    """
    described = await _next(session, list(missing), _HAS_DESCRIPTION)
    holders = await _next(session, list(dict.fromkeys(described.values())), _HAS_COMPONENT, inverse=True)
    names = dict(zip(holders, (await read_columns(session, [(node, VALUE) for node in holders])).text, strict=True))
    in_dictionary = {node: await _read(session, node) for node in dict.fromkeys(holders.values())}
    found: dict[str, DataType] = {}
    for types in in_dictionary.values():
        found |= {kind.node_id: kind for kind in types.values()}
    for encoding, node_id in missing.items():
        description = described.get(encoding)
        types = in_dictionary.get(holders.get(description, encoding), {}) if description is not None else {}
        name = None if description is None else names.get(description)
        kind = next((kind for (_, known_as), kind in types.items() if known_as == name and kind.is_structure), None)
        if kind is not None:
            found[node_id] = replace(known[node_id], kind=kind.kind, fields=kind.fields, problem="")
    return found


async def _next(
    session: Session, nodes: Sequence[WireNodeId], reference_type: bytes, *, inverse: bool = False
) -> dict[WireNodeId, WireNodeId]:
    """The first node at the other end of such a reference."""
    results = await browse_all(session, nodes, reference_type=reference_type, inverse=inverse)
    found = {}
    for node, result in zip(nodes, results, strict=True):
        ends = [end for one in result.references if (end := local(one.node_id, session.namespaces)) is not None]
        if ends:
            found[node] = ends[0]
    return found


async def _read(session: Session, node: WireNodeId) -> dict[Name, DataType]:
    raw = (await read_columns(session, [(node, VALUE)])).raw[0]
    if raw is None or raw[0] != BuiltinType.ByteString:
        return {}
    try:
        return read_dictionary(decode_variant(raw, session.namespaces).value or b"")
    except DictionaryError:
        return {}
