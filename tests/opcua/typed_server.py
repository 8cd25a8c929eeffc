"""An asyncua server whose variables have types of its own: structures, a union, recursion, enumerations, an option set.

Values are written as the bytes that asyncua's encoder made, so that the server and whoever reads it know no classes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import struct
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from asyncua import Node, Server, ua
from asyncua.common.structures104 import make_structure, new_enum, new_struct, new_struct_field
from asyncua.common.type_dictionary_builder import DataTypeDictionaryBuilder
from asyncua.ua.ua_binary import struct_to_binary

URI = "urn:test:types"
BEFORE = "urn:test:before"
"""Takes the first namespace index of the plant, so that the types' own is not the usual one."""


def named(text: str) -> str:
    return f"nsu={URI};s={text}"


class Types:
    """Makes types on a server, and values of them."""

    def __init__(self, server: Server, index: int) -> None:
        self.server = server
        self.index = index
        self.classes: dict[str, tuple[Any, ua.NodeId]] = {}

    def node_id(self, name: str) -> ua.NodeId:
        return ua.NodeId(f"T.{name}", self.index)

    async def structure(self, name: str, fields: list[ua.StructureField], *, is_union: bool = False) -> Node:
        node, (encoding,) = await new_struct(
            self.server, self.node_id(name), ua.QualifiedName(name, self.index), fields, is_union
        )
        definition = await node.read_data_type_definition()
        cls = make_structure(node.nodeid, f"Typed{name}", definition)[f"Typed{name}"]
        ua.extension_objects_by_datatype[node.nodeid] = cls
        self.classes[name] = (cls, encoding.nodeid)
        return node

    def of(self, name: str, *values: Any, **fields: Any) -> Any:
        return self.classes[name][0](*values, **fields)

    def packed(self, name: str, value: Any) -> ua.ExtensionObject:
        return ua.ExtensionObject(self.classes[name][1], struct_to_binary(value))

    def forget(self) -> None:
        """asyncua keeps classes by NodeId for the whole process; other servers use the same NodeIds."""
        for key, (cls, _) in list(self.classes.items()):
            ua.extension_objects_by_datatype.pop(cls.data_type, None)
            del self.classes[key]
        ua.enums_by_datatype.pop(self.node_id("Mode"), None)


async def build(server: Server) -> Types:
    """Namespace, types and variables below Objects/Typed."""
    await server.register_namespace(BEFORE)
    index = await server.register_namespace(URI)
    types = Types(server, index)
    folder = await server.nodes.objects.add_folder(ua.NodeId("Typed", index), ua.QualifiedName("Typed", index))
    mode = await new_enum(
        server, ua.NodeId("T.Mode", index), ua.QualifiedName("Mode", index), ["Off", "Manual", "Auto"]
    )
    ua.enums_by_datatype[mode.nodeid] = IntEnum("TypedMode", {"Off": 0, "Manual": 1, "Auto": 2})
    bits = await server.get_node(ua.NodeId(7)).add_data_type(
        ua.NodeId("T.Alarms", index), ua.QualifiedName("Alarms", index)
    )
    names = [
        ua.EnumField(Value=bit, Name=name, DisplayName=ua.LocalizedText(name)) for bit, name in ((0, "Hot"), (3, "Low"))
    ]
    await bits.write_data_type_definition(ua.EnumDefinition(names))
    point = await types.structure("Point", [new_struct_field(axis, ua.VariantType.Double) for axis in "xy"])
    await types.structure(
        "Recipe",
        [
            new_struct_field("class", ua.VariantType.String),
            new_struct_field("mode", mode),
            new_struct_field("note", ua.VariantType.String, optional=True),
            new_struct_field("limit", ua.VariantType.Double, optional=True),
            new_struct_field("at", ua.VariantType.DateTime),
            new_struct_field("count", ua.VariantType.UInt64),
            new_struct_field("points", point, array=True),
            new_struct_field("blob", ua.VariantType.ByteString),
        ],
    )
    await types.structure(
        "Reading",
        [new_struct_field("number", ua.VariantType.Double), new_struct_field("text", ua.VariantType.String)],
        is_union=True,
    )
    point_value = types.of("Point", 1.5, float("nan"))
    recipe = types.of("Recipe")
    recipe.class_ = "A"
    recipe.mode, recipe.limit, recipe.at, recipe.count = 2, -0.0, datetime(2026, 11, 22, 10, tzinfo=UTC), 2**64 - 1
    recipe.points, recipe.blob = [types.of("Point", 0.0, 1.0)], b"\x00\xff"
    reading = types.of("Reading")
    reading.text = "hot"

    async def variable(name: str, value: Any, data_type: ua.NodeId, rank: int = -1) -> None:
        kind = ua.VariantType.ExtensionObject if not isinstance(value, ua.Variant) else value.VariantType
        variant = value if isinstance(value, ua.Variant) else ua.Variant(value, kind)
        node = await folder.add_variable(
            ua.NodeId(name, index), ua.QualifiedName(name, index), variant, datatype=data_type
        )
        await node.write_attribute(ua.AttributeIds.ValueRank, ua.DataValue(ua.Variant(rank, ua.VariantType.Int32)))

    type_id = types.node_id
    await variable("Point", types.packed("Point", point_value), type_id("Point"))
    await variable(
        "Path", [types.packed("Point", types.of("Point", float(n), 0.5)) for n in range(3)], type_id("Point"), 1
    )
    await variable("Recipe", types.packed("Recipe", recipe), type_id("Recipe"))
    await variable("Reading", types.packed("Reading", reading), type_id("Reading"))
    await variable("Open", types.packed("Point", point_value), ua.NodeId(22))
    await variable("Any", ua.Variant(types.packed("Recipe", recipe), ua.VariantType.ExtensionObject), ua.NodeId(24))
    await variable("Mode", ua.Variant(1, ua.VariantType.Int32), type_id("Mode"))
    await variable("Modes", ua.Variant([0, 2, 7], ua.VariantType.Int32), type_id("Mode"), 1)
    await variable("Alarms", ua.Variant(0b1011, ua.VariantType.UInt32), type_id("Alarms"))
    await variable("Stranger", ua.ExtensionObject(ua.NodeId("nobody", index), b"\x01\x02"), ua.NodeId(22))
    await variable("Broken", ua.ExtensionObject(types.classes["Point"][1], b"\x01\x02"), type_id("Point"))
    await variable("Nothing", ua.ExtensionObject(), type_id("Point"))
    old, encoding = await add_old_type(server, index)
    await variable("Old", ua.ExtensionObject(encoding, OLD_BODY), old)
    return types


OLD_BODY = struct.pack("<ii2dii3s", -5, 2, 0.5, 1.5, 1, 3, b"abc")


async def add_old_type(server: Server, index: int) -> tuple[ua.NodeId, ua.NodeId]:
    """A structure that only a type dictionary explains; its DataType and its encoding."""
    dictionary = DataTypeDictionaryBuilder(server, index, URI, "Dictionary")
    await dictionary.init()
    inner = await dictionary.create_data_type("Inner")
    inner.add_field("label", ua.VariantType.String)
    outer = await dictionary.create_data_type("Outer")
    outer.add_field("number", ua.VariantType.Int32)
    outer.add_field("levels", ua.VariantType.Double, is_array=True)
    dictionary.add_field("Inner", "inner", "Outer", is_array=True)
    await dictionary.set_dict_byte_string()
    return outer.data_type, outer.node_ids[2]


@contextlib.contextmanager
def running() -> Iterator[str]:
    """The server's address; it listens on a free port of 127.0.0.1, in a thread, until the block ends."""
    ready, stop, found = threading.Event(), asyncio.Event(), []

    async def main() -> None:
        logging.getLogger("asyncua").setLevel(logging.CRITICAL + 1)
        server = Server()
        await server.init()
        server.set_endpoint("opc.tcp://127.0.0.1:0/typed")
        server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        types = await build(server)
        types.forget()
        async with server:
            assert server.bserver is not None
            found.append((asyncio.get_running_loop(), server.bserver._server.sockets[0].getsockname()[1]))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()), daemon=True)
    thread.start()
    assert ready.wait(60), "the test server did not start"
    loop, port = found[0]
    try:
        yield f"opc.tcp://127.0.0.1:{port}/typed"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
