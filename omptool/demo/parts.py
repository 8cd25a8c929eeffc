"""A finished part as one structured value: the DataTypes that explain its bytes, and how it reads. Pure."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass

from omptool.demo.plant import NAMESPACE, Outcome
from omptool.model.builtin import BuiltinType
from omptool.model.datatypes import DataType, Field, Kind, Member
from omptool.model.nodeid import NodeId, QualifiedName
from omptool.opcua.serving.served import encode_variant

_STRUCTURE, _ENUMERATION = "i=22", "i=29"
_BYTES = 1
"""Encoding of an ExtensionObject whose body is a ByteString (Part 6, 5.2.2.15)."""

_STRING_ID = 3
_ENCODING_NAME = "PartRecord.Binary"


def _named(name: str) -> str:
    return str(NodeId(NAMESPACE, "s", name))


OUTCOME = DataType(
    _named("PartOutcome"),
    str(QualifiedName(NAMESPACE, "PartOutcome")),
    Kind.ENUMERATION,
    _ENUMERATION,
    members=tuple(Member(int(outcome), outcome.name) for outcome in Outcome),
)
RECORD = DataType(
    _named("PartRecord"),
    str(QualifiedName(NAMESPACE, "PartRecord")),
    Kind.STRUCTURE,
    _STRUCTURE,
    encoding_id=_named(_ENCODING_NAME),
    fields=(
        Field("Product", f"i={int(BuiltinType.String)}"),
        Field("Outcome", OUTCOME.node_id),
        Field("CycleTime", f"i={int(BuiltinType.Double)}"),
        Field("BoreDiameter", f"i={int(BuiltinType.Double)}"),
    ),
)
DATA_TYPES = (OUTCOME, RECORD)


@dataclass(frozen=True, slots=True)
class Part:
    """What became of one part; seconds and millimetres."""

    product: str
    outcome: Outcome
    cycle_s: float
    measure: float

    def encode(self, namespace: int) -> bytes:
        """Variant bytes; `namespace` is the index of the plant's in the server's namespace array."""
        body = (
            encode_variant(BuiltinType.String, self.product)[1:]
            + struct.pack("<i", self.outcome)
            + struct.pack("<dd", self.cycle_s, self.measure)
        )
        name = _ENCODING_NAME.encode()
        head = struct.pack("<BBHi", BuiltinType.ExtensionObject, _STRING_ID, namespace, len(name)) + name
        return head + struct.pack("<Bi", _BYTES, len(body)) + body

    def to_json(self) -> str:
        """As the view `telemetry` shows it."""
        fields = (self.product, self.outcome.name, self.cycle_s, self.measure)
        named = {field.name: value for field, value in zip(RECORD.fields, fields, strict=True)}
        return json.dumps(named, ensure_ascii=False, separators=(",", ":"))
