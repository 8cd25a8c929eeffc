"""Namespaces of companion specifications by the names that people use for them. Pure.

The OPC Foundation and its partners end their URIs in the specification's short name; only those that do not are listed.
"""

from __future__ import annotations

from collections.abc import Iterable

from omptool.model.nodeid import OPC_UA, unescape_uri

_HOSTS = ("http://opcfoundation.org/UA/", "http://www.opcfoundation.org/ua/", "http://vdma.org/UA/")
_NAMES = {
    "http://www.opcfoundation.org/ua/2013/01/isa95": "ISA-95",
    "http://opcfoundation.org/ua/isa95-jobcontrol_v2/": "ISA-95 job control",
    "http://plcopen.org/opcua/iec61131-3/": "PLCopen",
    "http://www.euromap.org/euromap83/": "EUROMAP 83",
    "http://www.euromap.org/euromap77/": "EUROMAP 77",
    "http://www.umati.org/": "umati",
}


def uri_of(node_id: str) -> str:
    """Namespace URI of a NodeId or QualifiedName (C1 text), also that of namespace 0."""
    if not node_id.startswith("nsu="):
        return OPC_UA
    return unescape_uri(node_id[4:].partition(";")[0]) or OPC_UA


def short_name(uri: str) -> str:
    """What people call a namespace: the specification's name, else the last part of the URI."""
    if uri == OPC_UA:
        return "OPC UA"
    return _NAMES.get(uri.casefold()) or uri.rstrip("/").rpartition("/")[2]


def companions(node_ids: Iterable[str]) -> list[str]:
    """Short names of the companion specifications that any of these nodes (instances or types) are of, sorted."""
    uris = {uri_of(node_id) for node_id in node_ids} - {OPC_UA}
    return sorted({short_name(uri) for uri in uris if is_companion(uri)}, key=str.casefold)


def is_companion(uri: str) -> bool:
    """Whether a namespace is one that was agreed upon and not a maker's or a server's own."""
    key = uri.casefold()
    return key in _NAMES or any(key.startswith(host.casefold()) for host in _HOSTS)
