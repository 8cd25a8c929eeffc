"""Names that stay the same across restarts: NodeIds and QualifiedNames with namespace URIs instead of indexes (C1).

A namespace index is only valid within one session, so it never appears in a file or a result. Text form:
`nsu=<uri>;<i|s|g|b>=<identifier>`, without the `nsu=` part for namespace 0. Equality is bytewise.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from omptool.errors import UsageError

IdKind = Literal["i", "s", "g", "b"]
Identifier = int | str | UUID | bytes

OPC_UA = "http://opcfoundation.org/UA/"
"""The URI of namespace 0, which our text form leaves out."""


def escape_uri(uri: str) -> str:
    """Percent-encode the two characters that would end a URI early."""
    return uri.replace("%", "%25").replace(";", "%3B")


def unescape_uri(text: str) -> str:
    """Undo `escape_uri`."""
    return text.replace("%3B", ";").replace("%3b", ";").replace("%25", "%")


@dataclass(frozen=True, slots=True)
class NodeId:
    """A node's identity within one server.

    Attributes:
        namespace: URI, empty for namespace 0.
        kind: `i` numeric, `s` string, `g` Guid, `b` opaque.
        identifier: int, str, UUID or bytes, as `kind` says.
    """

    namespace: str
    kind: IdKind
    identifier: Identifier

    def __str__(self) -> str:
        value = self.identifier
        text = base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else str(value)
        prefix = f"nsu={escape_uri(self.namespace)};" if self.namespace else ""
        return f"{prefix}{self.kind}={text}"

    @classmethod
    def parse(cls, text: str, namespaces: Sequence[str] | None = None) -> NodeId:
        """Read the text form; `ns=<index>;…` too, where a session's `namespaces` say what the index means.

        Raises:
            UsageError: the text is not a NodeId.
        """
        namespace, rest = _split_namespace(text, namespaces)
        kind, sign, value = rest.partition("=")
        if not sign:
            raise _not_a_node_id(text)
        match kind:
            case "i":
                return cls(namespace, "i", _numeric(text, value))
            case "s":
                return cls(namespace, "s", value)
            case "g":
                return cls(namespace, "g", _guid(text, value))
            case "b":
                return cls(namespace, "b", _opaque(text, value))
        raise _not_a_node_id(text)


@dataclass(frozen=True, slots=True)
class QualifiedName:
    """A BrowseName: `nsu=<uri>;Name`, or just `Name` in namespace 0.

    A name that itself begins with `nsu=` in namespace 0 is written with an empty URI, so that reading gives it back.
    """

    namespace: str
    name: str

    def __str__(self) -> str:
        if self.namespace or self.name.startswith("nsu="):
            return f"nsu={escape_uri(self.namespace)};{self.name}"
        return self.name

    @classmethod
    def parse(cls, text: str) -> QualifiedName:
        """Read the text form; anything without `nsu=` is a name in namespace 0."""
        if text.startswith("nsu="):
            uri, sign, name = text[4:].partition(";")
            if sign:
                return cls(unescape_uri(uri), name)
        return cls("", text)


def _split_namespace(text: str, namespaces: Sequence[str] | None) -> tuple[str, str]:
    if text.startswith("nsu="):
        uri, sign, rest = text[4:].partition(";")
        if not sign:
            raise _not_a_node_id(text)
        uri = unescape_uri(uri)
        return ("" if uri == OPC_UA else uri), rest
    if text.startswith("ns="):
        index, sign, rest = text[3:].partition(";")
        if not sign or not (index.isascii() and index.isdigit()):
            raise _not_a_node_id(text)
        return _uri_of_index(text, int(index), namespaces), rest
    return "", text


def _uri_of_index(text: str, index: int, namespaces: Sequence[str] | None) -> str:
    if index == 0:
        return ""
    if namespaces is None:
        raise UsageError(
            f"{text!r} names its namespace by index, which only a running server can resolve",
            "write nsu=<namespace uri>;… instead of ns=…",
        )
    if index >= len(namespaces):
        raise UsageError(f"{text!r}: the server has no namespace {index}, only 0 to {len(namespaces) - 1}")
    return namespaces[index]


def _numeric(text: str, value: str) -> int:
    if not (value.isascii() and value.isdigit()) or int(value) > 0xFFFFFFFF:
        raise _not_a_node_id(text)
    return int(value)


def _guid(text: str, value: str) -> UUID:
    try:
        return UUID(value)
    except ValueError:
        raise _not_a_node_id(text) from None


def _opaque(text: str, value: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _not_a_node_id(text) from None


def _not_a_node_id(text: str) -> UsageError:
    return UsageError(
        f"{text!r} is not a NodeId",
        "write i=2258, nsu=<namespace uri>;s=<name>, …;i=<number>, …;g=<guid> or …;b=<base64>",
    )
