"""Which fields of OPC UA events and alarms are asked for, and how a choice of them is written. Pure.

A field is written as its path of BrowseNames: `Severity`, `ActiveState/Id`, `nsu=urn:plant;Shift/Name`. Fields of the
standard types are asked for from the type that defines them (Part 5, 6.4; Part 9, 5), everything else from
BaseEventType, which the rules of Part 4, 7.7.4.5 let stand for all its subtypes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from omptool.errors import UsageError
from omptool.model.nodeid import QualifiedName

BASE_EVENT, CONDITION, ACKNOWLEDGEABLE, ALARM = 2041, 2782, 2881, 2915
"""Ids of the standard types that define the fields below (namespace 0)."""

CONDITION_ID = "ConditionId"
"""Not a field by the standard's letter: the NodeId of the condition itself, an operand without a path."""

STANDARD: dict[str, int] = {
    "EventId": BASE_EVENT,
    "EventType": BASE_EVENT,
    "SourceNode": BASE_EVENT,
    "SourceName": BASE_EVENT,
    "Time": BASE_EVENT,
    "Message": BASE_EVENT,
    "Severity": BASE_EVENT,
    "ReceiveTime": BASE_EVENT,
    CONDITION_ID: CONDITION,
    "ConditionName": CONDITION,
    "Retain": CONDITION,
    "BranchId": CONDITION,
    "Comment": CONDITION,
    "AckedState/Id": ACKNOWLEDGEABLE,
    "ConfirmedState/Id": ACKNOWLEDGEABLE,
    "ActiveState/Id": ALARM,
    "SuppressedOrShelved": ALARM,
}
"""Asked for of every event; the type that defines each."""

BASIC = tuple(name for name, kind in STANDARD.items() if kind == BASE_EVENT)
"""What every server knows."""

MOST_FIELDS = 200

_NAME = re.compile(r"(?:nsu=[^;]*;)?(?:&.|[^/&])+", re.DOTALL)


@dataclass(frozen=True, slots=True)
class EventWish:
    """Which events of an object are wanted, and what of each.

    Attributes:
        extra: fields beside the standard ones.
        types: NodeIds (C1 text) of event types; an event of one of them or its subtypes is reported. Empty = any.
        severity: least Severity; 0 = any.
        is_basic: ask for `BASIC` alone, of any event: for servers that take no other filter.
    """

    extra: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    severity: int = 0
    is_basic: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """Everything asked for, in the order in which it comes."""
        return BASIC if self.is_basic else tuple(dict.fromkeys((*STANDARD, *self.extra)))


def check_field(text: str) -> str:
    """The path of a field, as it was written.

    Raises:
        UsageError: an empty name, or far more names than any type has levels.
    """
    if not names_of(text):
        raise UsageError(f"{text[:100]!r} is no field of an event", "write its path, e.g. ActiveState/Id")
    return text


def names_of(text: str) -> tuple[QualifiedName, ...]:
    """The BrowseNames of a field's path; none where it is no path."""
    names = _NAME.findall(_outside_uris(text))
    if "\0".join(names).replace("\0", "/") != _outside_uris(text) or len(names) > 20:
        return ()
    return tuple(QualifiedName.parse(_plain(name.replace("\1", "/"))) for name in names)


def _outside_uris(text: str) -> str:
    """The same with the slashes of namespace URIs out of the way."""
    return re.sub(r"nsu=[^;]*;", lambda found: found[0].replace("/", "\1"), text)


def _plain(name: str) -> str:
    return re.sub(r"&(.)", r"\1", name, flags=re.DOTALL)
