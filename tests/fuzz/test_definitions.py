"""Definitions of hostile servers: types that inherit thousands of fields for a line each end before memory does."""

from __future__ import annotations

import struct

import pytest

from omptool.errors import MalformedMessage
from omptool.model.datatypes import DataType, Field, Kind
from omptool.opcua.exploring.definitions import Told, classify
from omptool.protocol.dictionary import DictionaryError, read_dictionary
from omptool.protocol.structure import Definitions
from omptool.protocol.variant import Structure


def test_a_dictionary_of_types_that_inherit_everything() -> None:
    fields = "".join(f'<opc:Field Name="f{n}" TypeName="opc:Byte"/>' for n in range(5_000))
    heirs = "".join(f'<opc:StructuredType Name="H{n}" BaseType="tns:A"/>' for n in range(300))
    xml = (
        '<opc:TypeDictionary xmlns:opc="http://opcfoundation.org/BinarySchema/" xmlns:tns="urn:t"'
        ' TargetNamespace="urn:t">'
        f'<opc:StructuredType Name="A">{fields}</opc:StructuredType>{heirs}</opc:TypeDictionary>'
    )
    with pytest.raises(DictionaryError, match="1,000,000 fields in all"):
        read_dictionary(xml.encode())


def test_types_of_a_server_that_inherit_everything() -> None:
    fields = tuple(Field(f"f{n}", "i=3") for n in range(20_000))
    told = {"a": Told("a", kind=Kind.STRUCTURE, base="i=22", fields=fields, is_defined=True)}
    heirs = {f"h{n}": Told(f"h{n}", kind=Kind.STRUCTURE, base="a", is_defined=True) for n in range(200)}
    made = classify(told | heirs, {})
    assert sum(len(kind.fields) for kind in made.values()) <= 1_000_000
    assert made["a"].fields == fields
    assert made["h199"].problem == "the server defines too many fields"


def test_structures_without_bytes_are_not_made_without_end() -> None:
    """An array of a type without fields takes no bytes but its length."""
    empty = DataType("i=8000", "Empty", Kind.STRUCTURE, "i=22", "i=9000")
    many = DataType("i=8001", "Many", Kind.STRUCTURE, "i=22", "i=9001", fields=(Field("a", "i=8000", 1),) * 100)
    count = 10_000
    body = b"".join(struct.pack("<i", count) for _ in range(99)) + struct.pack("<i", 0) + b"\0" * count
    with pytest.raises(MalformedMessage, match="more names than"):
        Definitions([empty, many]).decode(Structure("i=9001", body, False), ())
