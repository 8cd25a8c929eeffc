"""The 25 built-in types of OPC UA (Part 6, table 1) under their own names and numbers."""

from __future__ import annotations

from enum import IntEnum


class BuiltinType(IntEnum):
    """Number on the wire; the name is what a user sees in the column `type`."""

    Null = 0
    Boolean = 1
    SByte = 2
    Byte = 3
    Int16 = 4
    UInt16 = 5
    Int32 = 6
    UInt32 = 7
    Int64 = 8
    UInt64 = 9
    Float = 10
    Double = 11
    String = 12
    DateTime = 13
    Guid = 14
    ByteString = 15
    XmlElement = 16
    NodeId = 17
    ExpandedNodeId = 18
    StatusCode = 19
    QualifiedName = 20
    LocalizedText = 21
    ExtensionObject = 22
    DataValue = 23
    Variant = 24
    DiagnosticInfo = 25


INTEGERS = frozenset(BuiltinType(number) for number in range(2, 10))
FLOATS = frozenset({BuiltinType.Float, BuiltinType.Double})
NUMERIC = INTEGERS | FLOATS
