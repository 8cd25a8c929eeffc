"""Nodes that the standards put into every address space, and what they mean for somebody who walks through it."""

from __future__ import annotations

from collections.abc import Sequence

from omptool.protocol.nodebytes import encode_node_id
from omptool.protocol.wire import WireNodeId

OBJECTS = WireNodeId(0, 85)
BEYOND = frozenset({WireNodeId(0, 84), OBJECTS, WireNodeId(0, 86), WireNodeId(0, 87)})
"""Root, Objects, Types, Views: a reference back to them is a cycle, or leads from the plant into the type system."""

MACHINERY = "http://opcfoundation.org/UA/Machinery/"
DEVICES = "http://opcfoundation.org/UA/DI/"
MACHINES_FOLDER = f"nsu={MACHINERY};i=1001"
PACKML = "http://opcfoundation.org/UA/PackML/"
PACKML_OBJECTS = f"nsu={PACKML};i=72"
DEVICE_SET = f"nsu={DEVICES};i=5001"
_SERVER = 2253


def indexes(namespaces: Sequence[str]) -> frozenset[bytes]:
    """NodeIds, as bytes, of the nodes that only list others.

    Server (whose HasNotifier leads to every source of events), Machines and DeviceSet list nodes that have their place
    elsewhere in the plant. They are followed last, so that a path tells where a machine stands and not who lists it.
    """
    listing = {(0, _SERVER)}
    for uri, number in ((MACHINERY, 1001), (DEVICES, 5001)):
        if uri in namespaces:
            listing.add((namespaces.index(uri), number))
    return frozenset(encode_node_id(namespace, number) for namespace, number in listing)
