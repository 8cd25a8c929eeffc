"""Values of the properties that say what a number means, as NodeSet2 writes them, and back. Pure.

Everything else in a snapshot is structure; these few values are part of it: unit, range, names of states.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from omptool.model.nodes import Node

TYPES = "http://opcfoundation.org/UA/2008/02/Types.xsd"
UNECE = "http://www.opcfoundation.org/UA/units/un/cefact"
_RANGE, _UNIT = "i=885", "i=888"
"""Ids of the XML encodings (Part 6, NodeIds.csv)."""


def value_of(name: str, above: Node, text: Callable[[str], str]) -> str:
    """The element `Value` of the property `name` of `above`; empty where that says nothing.

    Args:
        text: escapes character data.
    """
    if name == "EURange" and above.eu_low is not None and above.eu_high is not None:
        return _structure(
            _RANGE, f"<Range><Low>{_number(above.eu_low)}</Low><High>{_number(above.eu_high)}</High></Range>"
        )
    if name == "EngineeringUnits" and above.unit:
        unit_id = -1 if above.unit_id is None else above.unit_id
        shown = f"<Text>{text(above.unit)}</Text>"
        return _structure(
            _UNIT,
            f"<EUInformation><NamespaceUri>{UNECE}</NamespaceUri><UnitId>{unit_id}</UnitId>"
            f"<DisplayName>{shown}</DisplayName><Description>{shown}</Description></EUInformation>",
        )
    names = above.enum_names or {}
    if name == "EnumStrings" and names and sorted(names) == list(range(len(names))):
        listed = "".join(f"<LocalizedText><Text>{text(names[key])}</Text></LocalizedText>" for key in range(len(names)))
        return f'<Value><ListOfLocalizedText xmlns="{TYPES}">{listed}</ListOfLocalizedText></Value>'
    return ""


def _structure(type_id: str, body: str) -> str:
    return (
        f'<Value><ExtensionObject xmlns="{TYPES}"><TypeId><Identifier>{type_id}</Identifier></TypeId>'
        f"<Body>{body}</Body></ExtensionObject></Value>"
    )


def _number(value: float) -> str:
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "INF" if value > 0 else "-INF"


def facts_of(name: str, value: ET.Element) -> Mapping[str, Any]:
    """Fields of the Node that has the property `name` with this element `Value`; nothing when it does not fit."""
    space = {"t": TYPES}
    if name == "EURange":
        low, high = value.findtext(".//t:Low", "", space), value.findtext(".//t:High", "", space)
        return {"eu_low": float(low), "eu_high": float(high)} if low and high else {}
    if name == "EngineeringUnits":
        unit_id = int(value.findtext(".//t:UnitId", "0", space))
        unit = value.findtext(".//t:DisplayName/t:Text", "", space)
        return {"unit": unit or None, "unit_id": unit_id if unit_id > 0 else None}
    if name == "EnumStrings":
        texts = [one.findtext("t:Text", "", space) for one in value.iterfind(".//t:LocalizedText", space)]
        return {"enum_names": dict(enumerate(texts))} if texts else {}
    return {}
