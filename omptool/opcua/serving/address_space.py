"""A node table turned back into an address space that asyncua's server can serve.

The table (crawled, captured or written by hand) knows nodes, parents, units, ranges and enum names, but not the
reference types between them nor the type nodes; both are rebuilt here: by the rules of Part 3 and the companion
specifications where they say which reference it has to be, else HasComponent. Nodes are written straight into asyncua's
store, because its own AddNodes looks through all children of the parent for every child.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace, AttributeValue, NodeData
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes

from omptool.errors import UsageError
from omptool.model.builtin import BuiltinType
from omptool.model.datatypes import DataType, Kind, Member
from omptool.model.nodeid import NodeId, QualifiedName
from omptool.model.nodes import HISTORY_READABLE, READABLE, Node
from omptool.opcua.serving.type_nodes import ENCODING_TYPE, definition, encoding_node, supertypes_first, type_node
from omptool.opcua.serving.values import EncodedValue, ExactDataValue, ForeignValue

OBJECTS = "i=85"
FOLDER_TYPE = "i=61"
UNIT_NAMESPACE = "http://www.opcfoundation.org/UA/units/un/cefact"
"""Namespace of the UNECE unit ids in EUInformation (Part 8, 5.6.4.3)."""

DI = "http://opcfoundation.org/UA/DI/"
MACHINERY = "http://opcfoundation.org/UA/Machinery/"
ISA95 = "http://www.OPCFoundation.org/UA/2013/01/ISA95"
EQUIPMENT_TYPE = f"nsu={ISA95};i=5040"
MADE_UP_OF_EQUIPMENT = f"nsu={ISA95};i=5115"

_HAS_COMPONENT, _HAS_PROPERTY, _ORGANIZES, _HAS_ADD_IN, _HAS_SUBTYPE = "i=47", "i=46", "i=35", "i=17604", "i=45"
_HAS_TYPE_DEFINITION, _PROPERTY_TYPE, _HAS_ENCODING = "i=40", "i=68", "i=38"
_BY_BROWSE_NAME = {
    f"nsu={ISA95};EquipmentLevel": f"nsu={ISA95};i=4713",  # HasISA95Attribute
    f"nsu={DI};Identification": _HAS_ADD_IN,
    f"nsu={MACHINERY};MachineryItemState": _HAS_ADD_IN,
    f"nsu={MACHINERY};MachineryOperationMode": _HAS_ADD_IN,
}
_SUPERTYPES = {"ObjectType": "i=58", "VariableType": "i=63", "DataType": "i=24", "ReferenceType": "i=33"}
_ENUMERATION, _INT32 = "i=29", "i=6"
_EU_RANGE = ua.QualifiedName("EURange")
_CLASSES = {
    "Object": ua.NodeClass.Object,
    "Variable": ua.NodeClass.Variable,
    "Method": ua.NodeClass.Method,
    "ObjectType": ua.NodeClass.ObjectType,
    "VariableType": ua.NodeClass.VariableType,
    "ReferenceType": ua.NodeClass.ReferenceType,
    "DataType": ua.NodeClass.DataType,
    "View": ua.NodeClass.View,
}
_WAITING = ua.StatusCode(ua.UInt32(StatusCodes.BadWaitingForInitialData))


class Slot:
    """The place of one Variable's value: what readers get, and who is told when it changes."""

    __slots__ = ("attribute", "value")

    def __init__(self, attribute: AttributeValue) -> None:
        self.value: EncodedValue | None = None
        self.attribute = attribute
        attribute.value = ua.DataValue(
            ua.Variant()
        )  # nobody reads it; asyncua then checks what clients write by DataType
        attribute.value_callback = self._read  # type: ignore[assignment]  # an ExactDataValue reads like theirs
        attribute.value_setter = self._written

    def _written(self, _node: NodeData, _attribute: AttributeIds, value: ua.DataValue) -> None:
        """A client wrote, which asyncua lets it only where AccessLevel says so; it tells the monitored items."""
        self.value = ForeignValue(value)

    def _read(self, _node: ua.NodeId, _attribute: AttributeIds) -> ua.DataValue | ExactDataValue:
        return ua.DataValue(StatusCode=_WAITING) if self.value is None else self.value.to_data_value()

    async def put(self, value: EncodedValue) -> None:
        """Make `value` the current one and hand it to every monitored item."""
        self.value = value
        for handle, callback in list(self.attribute.datachange_callbacks.items()):
            await callback(handle, value)


class AddressSpaceBuilder:
    """Adds node tables to a server's address space.

    Args:
        space: asyncua's store, already holding namespace 0.
        namespaces: URIs by index, as the server will show them; extended when a node names another one.
    """

    def __init__(self, space: AddressSpace, namespaces: list[str]) -> None:
        self._space = space
        self.namespaces = namespaces
        self.slots: dict[str, Slot] = {}

    def add_types(self, kinds: Iterable[DataType]) -> None:
        """Add DataTypes with definitions and encodings; before the nodes whose values are of these types.

        Those of the standard address space stay asyncua's; a type that names what is no NodeId is left out.
        """
        for kind in supertypes_first(kinds):
            with contextlib.suppress(UsageError):
                self._add_type(kind)

    def _add_type(self, kind: DataType) -> None:
        node, encoding = type_node(kind), encoding_node(kind)
        if self.to_ua(kind.node_id) in self._space:
            return
        self._create(node)
        put = _attributes(self._space[self.to_ua(kind.node_id)])
        put(AttributeIds.IsAbstract, kind.is_abstract, ua.VariantType.Boolean)
        if (stated := definition(kind, self.to_ua)) is not None:
            put(AttributeIds.DataTypeDefinition, stated, ua.VariantType.ExtensionObject)
        self._refer(node, {})
        self._describe(node, {})
        if encoding is not None and self.to_ua(encoding.node_id) not in self._space:
            self._create(encoding)
            self._link(kind.node_id, _HAS_ENCODING, encoding.node_id, ENCODING_TYPE)
            self._link(encoding.node_id, _HAS_TYPE_DEFINITION, ENCODING_TYPE, None, both=False)

    def add(self, nodes: Sequence[Node]) -> None:
        """Add every node with its properties, types and references.

        Nodes of the standard address space stay asyncua's; parents that do not exist are left out.
        """
        table = {node.node_id: node for node in nodes}
        nodes = [node for node in nodes if self.to_ua(node.node_id) not in self._space]
        named = {
            (parent, QualifiedName.parse(node.browse_name).name): node for node in nodes for parent in node.parents
        }
        for node in nodes:
            self._add_data_type(node, table)
        for node in nodes:
            self._create(node)
        for node in nodes:
            self._refer(node, table)
            self._describe(node, named)

    def to_ua(self, text: str) -> ua.NodeId:
        """C1 text to asyncua's NodeId, by the namespace array."""
        node_id = NodeId.parse(text)
        index = self.namespace_index(node_id.namespace)
        identifier: Any = node_id.identifier
        kinds = {"s": ua.NodeIdType.String, "g": ua.NodeIdType.Guid, "b": ua.NodeIdType.ByteString}
        if node_id.kind == "i":
            return ua.NodeId(identifier, ua.Int16(index))
        return ua.NodeId(identifier, ua.Int16(index), kinds[node_id.kind])

    def namespace_index(self, uri: str) -> int:
        """Index of a namespace URI; a new one is added at the end."""
        if not uri:
            return 0
        if uri not in self.namespaces:
            self.namespaces.append(uri)
        return self.namespaces.index(uri)

    def _create(self, node: Node) -> None:
        data = NodeData(self.to_ua(node.node_id))
        kind = _CLASSES[node.node_class]
        name = QualifiedName.parse(node.browse_name)
        ids = AttributeIds
        browse_name = ua.QualifiedName(name.name, ua.UInt16(self.namespace_index(name.namespace)))
        put = _attributes(data)
        put(ids.NodeId, data.nodeid, ua.VariantType.NodeId)
        put(ids.NodeClass, kind, ua.VariantType.Int32)
        put(ids.BrowseName, browse_name, ua.VariantType.QualifiedName)
        put(ids.DisplayName, ua.LocalizedText(node.display_name or name.name), ua.VariantType.LocalizedText)
        put(ids.WriteMask, 0, ua.VariantType.UInt32)
        put(ids.UserWriteMask, 0, ua.VariantType.UInt32)
        if node.description:
            put(ids.Description, ua.LocalizedText(node.description), ua.VariantType.LocalizedText)
        if kind is ua.NodeClass.Object:
            put(ids.EventNotifier, 0, ua.VariantType.Byte)
        elif kind is ua.NodeClass.Variable:
            self._create_variable(node, data)
        elif kind is not ua.NodeClass.Method:
            put(ids.IsAbstract, False, ua.VariantType.Boolean)
        if kind is ua.NodeClass.ReferenceType:
            put(ids.Symmetric, False, ua.VariantType.Boolean)
        self._space[data.nodeid] = data

    def _create_variable(self, node: Node, data: NodeData) -> None:
        ids, kinds = AttributeIds, ua.VariantType
        put = _attributes(data)
        rank = -1 if node.value_rank is None else node.value_rank
        access = READABLE if node.access_level is None else node.access_level
        put(ids.DataType, self.to_ua(_data_type_id(node)), kinds.NodeId)
        put(ids.ValueRank, rank, kinds.Int32)
        if rank > 0:
            put(ids.ArrayDimensions, list(node.array_dimensions or (0,) * rank), kinds.UInt32)
        put(ids.AccessLevel, access, kinds.Byte)
        put(ids.UserAccessLevel, access, kinds.Byte)
        put(ids.MinimumSamplingInterval, 0.0, kinds.Double)
        put(ids.Historizing, False, kinds.Boolean)
        data.attributes[ids.Value] = AttributeValue(ua.DataValue(StatusCode=_WAITING))
        self.slots[node.node_id] = Slot(data.attributes[ids.Value])

    def keep_history(self, node_ids: Iterable[str]) -> dict[ua.NodeId, str]:
        """Let the nodes say that they have history; those that there are, by their ids here."""
        kept = {self.to_ua(node_id): node_id for node_id in node_ids if node_id in self.slots}
        for node in kept:
            data = self._space[node]
            put = _attributes(data)
            for level in (AttributeIds.AccessLevel, AttributeIds.UserAccessLevel):
                put(level, _value(data, level) | HISTORY_READABLE, ua.VariantType.Byte)
            put(AttributeIds.Historizing, True, ua.VariantType.Boolean)
        return kept

    def _refer(self, node: Node, table: Mapping[str, Node]) -> None:
        is_type = node.node_class in _SUPERTYPES
        parents = node.parents or ((_SUPERTYPES[node.node_class],) if is_type else ())
        for parent in parents:
            reference = _HAS_SUBTYPE if is_type else self._reference(parent, table.get(parent), node)
            self._link(parent, reference, node.node_id, node.type_definition)
        if node.type_definition:
            self._add_stub(node.type_definition, f"{node.node_class}Type", None)
            self._link(node.node_id, _HAS_TYPE_DEFINITION, node.type_definition, None, both=False)

    def _reference(self, parent_id: str, parent: Node | None, child: Node) -> str:
        if child.is_property:
            return _HAS_PROPERTY
        parent_type = (
            FOLDER_TYPE if parent is None and parent_id == OBJECTS else parent.type_definition if parent else None
        )
        wanted = _BY_BROWSE_NAME.get(child.browse_name)
        if wanted is None and parent_type == child.type_definition == EQUIPMENT_TYPE:
            wanted = MADE_UP_OF_EQUIPMENT
        if wanted is not None and self.to_ua(wanted) in self._space:
            return wanted
        return _ORGANIZES if parent_type == FOLDER_TYPE else _HAS_COMPONENT

    def _link(self, source: str, reference: str, target: str, target_type: str | None, *, both: bool = True) -> None:
        one, other = self._space.get(self.to_ua(source)), self._space.get(self.to_ua(target))
        if one is None or other is None:
            return
        kind = self.to_ua(reference)
        one.references.append(_description(kind, other, self.to_ua(target_type) if target_type else None, forward=True))
        if both:
            other.references.append(_description(kind, one, None, forward=False))

    def _add_data_type(self, node: Node, table: Mapping[str, Node]) -> None:
        if node.node_class != "Variable" or not node.data_type_id or node.data_type_id in table:
            return
        self._add_stub(node.data_type_id, "DataType", node)

    def _add_stub(self, type_id: str, node_class: str, variable: Node | None) -> None:
        """A type node that the table does not hold: known only by what its instances say."""
        if node_class not in _SUPERTYPES or self.to_ua(type_id) in self._space:
            return
        identifier = NodeId.parse(type_id)
        enum_names = variable.enum_names if variable else None
        name = (variable.data_type if variable else None) or f"{node_class}_{_identifier_text(identifier)}"
        browse_name = str(QualifiedName(identifier.namespace, name))
        if enum_names:
            members = tuple(Member(number, text) for number, text in enum_names.items())
            self._add_type(DataType(type_id, browse_name, Kind.ENUMERATION, _ENUMERATION, members=members))
            return
        stub = Node(type_id, "", browse_name, node_class=node_class, parents=(_SUPERTYPES[node_class],))
        self._create(stub)
        self._refer(stub, {})

    def _describe(self, node: Node, named: Mapping[tuple[str, str], Node]) -> None:
        """The properties that say what a number means; the table may hold them as nodes, else they get ids of ours."""
        if node.node_class == "Variable":
            if node.unit is not None:
                unit = ua.EUInformation(
                    UNIT_NAMESPACE, -1 if node.unit_id is None else node.unit_id, ua.LocalizedText(node.unit)
                )
                self._property(
                    node, "EngineeringUnits", "i=887", ua.Variant(unit, ua.VariantType.ExtensionObject), named
                )
            if node.eu_low is not None and node.eu_high is not None:
                limits = ua.Range(node.eu_low, node.eu_high)
                self._property(node, "EURange", "i=884", ua.Variant(limits, ua.VariantType.ExtensionObject), named)
        elif node.node_class == "DataType" and node.enum_names:
            self._enum_names(node, node.enum_names, named)

    def _enum_names(self, node: Node, names: dict[int, str], named: Mapping[tuple[str, str], Node]) -> None:
        if sorted(names) == list(range(len(names))):
            texts = [ua.LocalizedText(names[number]) for number in sorted(names)]
            strings = ua.Variant(texts, ua.VariantType.LocalizedText)
            self._property(node, "EnumStrings", "i=21", strings, named)
            return
        values = [ua.EnumValueType(number, ua.LocalizedText(text)) for number, text in sorted(names.items())]
        self._property(node, "EnumValues", "i=7594", ua.Variant(values, ua.VariantType.ExtensionObject), named)

    def _property(
        self, owner: Node, name: str, type_id: str, value: ua.Variant, named: Mapping[tuple[str, str], Node]
    ) -> None:
        known = named.get((owner.node_id, name))
        if known is None:
            parent = NodeId.parse(owner.node_id)
            known = Node(
                str(NodeId(parent.namespace, "s", f"{_identifier_text(parent)}.{name}")),
                "",
                name,
                data_type_id=type_id,
                type_definition=_PROPERTY_TYPE,
                value_rank=1 if isinstance(value.Value, list) else -1,
                parents=(owner.node_id,),
                is_property=True,
            )
            self._create(known)
            self._refer(known, {owner.node_id: owner})
        self.slots.pop(known.node_id, None)
        attribute = self._space[self.to_ua(known.node_id)].attributes[AttributeIds.Value]
        attribute.value_callback = None
        attribute.value = ua.DataValue(value)


def eu_range(space: AddressSpace, node_id: ua.NodeId) -> float | None:
    """Width of a Variable's EURange; None when it has none."""
    for reference in space[node_id].references if node_id in space else ():
        if reference.IsForward and reference.BrowseName == _EU_RANGE and reference.NodeId in space:
            limits = _value(space[reference.NodeId], AttributeIds.Value)
            return float(limits.High - limits.Low) if isinstance(limits, ua.Range) else None
    return None


def _attributes(data: NodeData) -> Any:
    def put(attribute: AttributeIds, value: Any, kind: ua.VariantType) -> None:
        data.attributes[attribute] = AttributeValue(ua.DataValue(ua.Variant(value, kind)))

    return put


def _identifier_text(node_id: NodeId) -> str:
    return str(NodeId("", node_id.kind, node_id.identifier)).partition("=")[2]


def _data_type_id(node: Node) -> str:
    if node.data_type_id:
        return node.data_type_id
    if node.data_type is not None and node.data_type in BuiltinType.__members__:
        return f"i={int(BuiltinType[node.data_type])}"
    return _INT32 if node.enum_names else _SUPERTYPES["DataType"]


def _description(
    kind: ua.NodeId, target: NodeData, type_definition: ua.NodeId | None, *, forward: bool
) -> ua.ReferenceDescription:
    ids = AttributeIds
    return ua.ReferenceDescription(
        kind,
        forward,
        target.nodeid,
        _value(target, ids.BrowseName),
        _value(target, ids.DisplayName),
        ua.NodeClass(_value(target, ids.NodeClass)),
        type_definition if type_definition is not None else ua.NodeId(),
    )


def _value(data: NodeData, attribute: AttributeIds) -> Any:
    value = data.attributes[attribute].value
    return None if value is None or value.Value is None else value.Value.Value
