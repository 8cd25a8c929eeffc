"""Events as a server is asked for them: the filter of an item that watches an object, and the refresh of conditions.

The one method that omptool calls is ConditionRefresh (Part 9, 5.5.7): it makes a server send again what it has said
already, and changes nothing in it. `hooks` lets no other call out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asyncua import ua

from omptool.errors import OmptoolError
from omptool.model import status
from omptool.model.eventfields import BASE_EVENT, CONDITION_ID, STANDARD, EventWish, names_of
from omptool.model.nodes import Node
from omptool.opcua import hooks
from omptool.opcua.exploring.metadata import read_attribute
from omptool.opcua.faults import ServiceRefused
from omptool.protocol.wire import WireNodeId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from omptool.opcua.session import Session

EVENT_NOTIFIER = 12
"""AttributeId (Part 6, A.1)."""

_NODE_ID, _VALUE = 1, 13
_SENDS_EVENTS = 1
"""Bit SubscribeToEvents of EventNotifier (Part 3, 8.59)."""


def event_filter(session: Session, wish: EventWish) -> Any:
    """The EventFilter (Part 4, 7.22.3) of a wish."""
    where = None if wish.is_basic else _where(session, wish)
    clauses = [_operand(session, field) for field in wish.fields]
    return ua.EventFilter(SelectClauses=clauses, WhereClause=where or ua.ContentFilter())


def _operand(session: Session, field: str) -> Any:
    kind = ua.NodeId(ua.Int32(STANDARD.get(field, BASE_EVENT)))
    if field == CONDITION_ID:
        return ua.SimpleAttributeOperand(TypeDefinitionId=kind, BrowsePath=[], AttributeId=ua.UInt32(_NODE_ID))
    path = [ua.QualifiedName(name.name, ua.UInt16(_index(session, name.namespace))) for name in names_of(field)]
    return ua.SimpleAttributeOperand(TypeDefinitionId=kind, BrowsePath=path, AttributeId=ua.UInt32(_VALUE))


def _index(session: Session, namespace: str) -> int:
    """Of a namespace that the server has not, the one that no name is in."""
    return session.namespaces.index(namespace) if namespace in session.namespaces else 0xFFFF if namespace else 0


def _where(session: Session, wish: EventWish) -> Any:
    """Severity and types, both to hold where both are given; None for any event."""
    elements: list[Any] = []
    tests: list[int] = []
    if wish.severity:
        severity = ua.SimpleAttributeOperand(
            TypeDefinitionId=ua.NodeId(ua.Int32(BASE_EVENT)),
            BrowsePath=[ua.QualifiedName("Severity", ua.UInt16(0))],
            AttributeId=ua.UInt32(_VALUE),
        )
        literal = ua.LiteralOperand(Value=ua.Variant(wish.severity, ua.VariantType.UInt16))
        tests.append(len(elements))
        elements.append(_element(ua.FilterOperator.GreaterThanOrEqual, severity, literal))
    kinds = []
    for node_id in wish.types:
        literal = ua.LiteralOperand(Value=ua.Variant(session.to_ua(node_id), ua.VariantType.NodeId))
        kinds.append(len(elements))
        elements.append(_element(ua.FilterOperator.OfType, literal))
    root = _joined(ua.FilterOperator.And, [*tests, *_joined(ua.FilterOperator.Or, kinds, elements)], elements)
    if not root:
        return None
    return ua.ContentFilter(Elements=_with_root_first(elements, root[0]))


def _joined(operator: Any, numbers: list[int], elements: list[Any]) -> list[int]:
    """Join elements two by two; the number of the last one made, as a list of at most one."""
    while len(numbers) > 1:
        left, right, *rest = numbers
        operands = [ua.ElementOperand(Index=ua.UInt32(left)), ua.ElementOperand(Index=ua.UInt32(right))]
        elements.append(_element(operator, *operands))
        numbers = [len(elements) - 1, *rest]
    return numbers


def _with_root_first(elements: list[Any], root: int) -> list[Any]:
    """The first element is the one that is evaluated, and refers only to later ones (Part 4, 7.7.1): turn the order."""
    last = len(elements) - 1
    for element in elements:
        for operand in element.FilterOperands:
            if isinstance(operand, ua.ElementOperand):
                operand.Index = ua.UInt32(last - int(operand.Index))
    assert root == last
    return elements[::-1]


def _element(operator: Any, *operands: Any) -> Any:
    return ua.ContentFilterElement(FilterOperator=operator, FilterOperands=list(operands))


async def notifiers_among(session: Session, nodes: Sequence[Node]) -> list[Node]:
    """Those objects that send events."""
    places = [WireNodeId(*session.resolve(node.node_id)) for node in nodes]
    bits = await read_attribute(session, places, EVENT_NOTIFIER)
    return [node for node, value in zip(nodes, bits, strict=True) if isinstance(value, int) and value & _SENDS_EVENTS]


async def refresh_conditions(session: Session, sub: int) -> str:
    """Ask for the present state of every condition that is of interest; it comes as events of the subscription.

    Returns:
        Name of the StatusCode; a server without conditions says Bad…, and that is no fault.
    """
    method = ua.CallMethodRequest(
        ObjectId=ua.NodeId(ua.Int32(hooks.CONDITION_TYPE)),
        MethodId=ua.NodeId(ua.Int32(hooks.CONDITION_REFRESH)),
        InputArguments=[ua.Variant(sub, ua.VariantType.UInt32)],
    )
    request = ua.CallRequest()
    request.Parameters.MethodsToCall = [method]
    try:
        answer = await session.ask(request)
    except ServiceRefused as error:
        return status.name(error.code)
    except OmptoolError as error:
        return error.message
    codes = [int(result.StatusCode.value) for result in answer.Results or ()]
    return status.name(codes[0]) if codes else "BadUnexpectedError"
