"""Type dictionaries: what has a form as a definition becomes one, everything else is left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.model.datatypes import DataType, Field, Kind, Member
from omptool.protocol import dictionary
from omptool.protocol.dictionary import DictionaryError, read_dictionary, synthetic_id

URI = "urn:test:types"


def read(body: str) -> dict[str, DataType]:
    xml = f"""<?xml version="1.0" encoding="utf-8"?>
    <opc:TypeDictionary xmlns:opc="http://opcfoundation.org/BinarySchema/" xmlns:ua="http://opcfoundation.org/UA/"
      xmlns:tns="{URI}" DefaultByteOrder="LittleEndian" TargetNamespace="{URI}">
      <opc:Import Namespace="http://opcfoundation.org/UA/"/>{body}</opc:TypeDictionary>"""
    return {name: kind for (_, name), kind in read_dictionary(xml.encode()).items()}


def test_structures_arrays_and_enumerations() -> None:
    types = read("""
      <opc:EnumeratedType Name="Mode" LengthInBits="32">
        <opc:EnumeratedValue Name="Off" Value="0"/><opc:EnumeratedValue Name="On" Value="7"/></opc:EnumeratedType>
      <opc:StructuredType Name="Part" BaseType="ua:ExtensionObject">
        <opc:Field Name="class" TypeName="opc:CharArray"/><opc:Field Name="mode" TypeName="tns:Mode"/>
        <opc:Field Name="NoOfLimits" TypeName="opc:Int32"/>
        <opc:Field Name="Limits" TypeName="ua:Range" LengthField="NoOfLimits"/>
        <opc:Field Name="any" TypeName="ua:Variant"/></opc:StructuredType>
      <opc:StructuredType Name="Gear" BaseType="tns:Part"><opc:Field Name="teeth" TypeName="opc:Int16"/>
      </opc:StructuredType>""")
    assert types["Mode"].members == (Member(0, "Off"), Member(7, "On"))
    own = (
        Field("class", "i=12"),
        Field("mode", synthetic_id(URI, "Mode")),
        Field("Limits", "i=884", 1),
        Field("any", "i=24"),
    )
    assert (types["Part"].kind, types["Part"].fields) == (Kind.STRUCTURE, own)
    assert types["Gear"].fields == (*own, Field("teeth", "i=4"))


def test_bits_in_front_are_optional_fields_when_there_are_32() -> None:
    body = """<opc:StructuredType Name="S"><opc:Field Name="aSpecified" TypeName="opc:Bit"/>
      <opc:Field Name="bSpecified" TypeName="opc:Bit"/><opc:Field Name="Reserved1" TypeName="opc:Bit" Length="{}"/>
      <opc:Field Name="always" TypeName="opc:Byte"/>
      <opc:Field Name="{}" TypeName="opc:Double" SwitchField="{}Specified"/>
      <opc:Field Name="{}" TypeName="opc:String" SwitchField="{}Specified"/></opc:StructuredType>"""
    kind = read(body.format(30, "a", "a", "b", "b"))["S"]
    assert (kind.kind, kind.fields) == (
        Kind.OPTIONAL_FIELDS,
        (Field("always", "i=3"), Field("a", "i=11", -1, True), Field("b", "i=12", -1, True)),
    )
    assert not read(body.format(29, "a", "a", "b", "b"))
    assert not read(body.format(30, "b", "b", "a", "a"))


def test_a_switch_in_front_is_a_union() -> None:
    body = """<opc:StructuredType Name="U"><opc:Field Name="SwitchField" TypeName="opc:UInt32"/>
      <opc:Field Name="a" TypeName="opc:Double" SwitchField="SwitchField" SwitchValue="1"/>
      <opc:Field Name="b" TypeName="opc:String" SwitchField="SwitchField" SwitchValue="{}"/></opc:StructuredType>"""
    kind = read(body.format(2))["U"]
    assert (kind.kind, kind.fields) == (Kind.UNION, (Field("a", "i=11"), Field("b", "i=12")))
    assert not read(body.format(5))


@pytest.mark.parametrize(
    "fields",
    [
        '<opc:Field Name="a" TypeName="opc:Byte" Length="4"/>',
        '<opc:Field Name="n" TypeName="opc:Int32"/><opc:Field Name="x" TypeName="opc:Byte"/>'
        '<opc:Field Name="a" TypeName="opc:Byte" LengthField="n"/>',
        '<opc:Field Name="n" TypeName="opc:Byte"/><opc:Field Name="a" TypeName="opc:Byte" LengthField="n"/>',
        '<opc:Field Name="a" TypeName="opc:Byte" LengthField="n" IsLengthInBytes="true"/>',
        '<opc:Field Name="a" TypeName="ua:NobodyKnows"/>',
    ],
)
def test_what_no_definition_can_say_is_left_out(fields: str) -> None:
    good = '<opc:StructuredType Name="Good"><opc:Field Name="a" TypeName="opc:Byte"/></opc:StructuredType>'
    assert list(read(f'<opc:StructuredType Name="S">{fields}</opc:StructuredType>{good}')) == ["Good"]


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"<a/>",
        b"<opc:TypeDictionary",
        b'<!DOCTYPE x [<!ENTITY a "b">]><TypeDictionary TargetNamespace="u"/>',
        '<!DOCTYPE x []><TypeDictionary TargetNamespace="u"/>'.encode("utf-16"),
        b"\0" * 9,
    ],
)
def test_what_is_no_dictionary_is_refused(xml: bytes) -> None:
    with pytest.raises(DictionaryError):
        read_dictionary(xml)


def test_a_large_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dictionary, "MAX_BYTES", 100)
    with pytest.raises(DictionaryError, match="101 bytes"):
        read_dictionary(b" " * 101)


def test_a_type_that_is_its_own_base_ends() -> None:
    field = '<opc:Field Name="a" TypeName="opc:Byte"/>'
    types = read(f'<opc:StructuredType Name="S" BaseType="tns:S">{field}</opc:StructuredType>')
    assert {one.name for one in types["S"].fields} == {"a"}


@given(st.binary(max_size=60), st.integers(0, 200))
def test_damaged_xml_is_types_or_refused(noise: bytes, at: int) -> None:
    field = b'<StructuredType Name="S"><Field Name="a" TypeName="opc:Int32"/></StructuredType>'
    good = b'<TypeDictionary TargetNamespace="u">' + field + b"</TypeDictionary>"
    try:
        read_dictionary(good[:at] + noise + good[at:])
    except DictionaryError:
        return
