"""Everything a client asks before values flow: endpoints, Browse, Read. asyncua's encoders make each answer once; all
machines are alike but for their names, which are of one length, so an answer to one is an answer to all."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary

from tests.load.truth import FIRST_TAG, NAMESPACE, Kind, Plan, application_uri, machine_name, values

OPC_UA = "http://opcfoundation.org/UA/"
_NONE = "http://opcfoundation.org/UA/SecurityPolicy#None"
_BINARY = "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary"
_ANY = machine_name(99999)
"""Stands for the name of a machine in an answer that is kept."""

ITEMS_PER_UNIT = 50
_OBJECTS, _MACHINE, _FIRST_UNIT = 85, 1, 2
_ORGANIZES, _COMPONENT = 35, 47
_FOLDER, _BASE_OBJECT, _VARIABLE = 61, 58, 63
_FORWARD_TYPES = frozenset({0, 31, 33, 35, 44, 47})
"""ReferenceTypes whose subtypes include what we have."""
_VALUE = 13
_NUMBER, _TIMEOUT_MS = 0x7E5A1234, 987_654.321
"""Stand for the ids and the timeout of a session in an answer that is kept."""


def service_id(name: str) -> int:
    """Id of the binary encoding of a request."""
    return int(getattr(ObjectIds, f"{name}Request_Encoding_DefaultBinary"))


class Granted(NamedTuple):
    """Items of one request: (queue size, items, ClientHandles), and the answer."""

    groups: tuple[tuple[int, list[int], list[int]], ...]
    answer: bytes


class Services:
    """Answers as bytes, without what differs from call to call: Timestamp and RequestHandle are zero.

    Args:
        url: of the server, without a machine.
    """

    def __init__(self, plan: Plan, url: str) -> None:
        self._plan = plan
        self._url = url
        self._kept: dict[tuple[int, bytes], bytes] = {}
        self._granted: dict[bytes, Granted] = {}
        self._session = b""
        self._begun = datetime.now(UTC)
        self._made: dict[int, tuple[type[Any], Callable[[Any, int], Any]]] = {
            service_id("GetEndpoints"): (ua.GetEndpointsRequest, self._endpoints),
            service_id("FindServers"): (ua.FindServersRequest, self._servers),
            service_id("Browse"): (ua.BrowseRequest, self._browse),
            service_id("Read"): (ua.ReadRequest, self._read),
        }

    def answer(self, service: int, body: bytes, parameters: int, machine: int) -> bytes | None:
        """The body of the answer to a request; None for a service that is not ours.

        Args:
            parameters: where they begin in `body`, behind the request header.
        """
        made = self._made.get(service)
        if made is None:
            return None
        key = service, body[parameters:]
        kept = self._kept.get(key)
        if kept is None:
            request = struct_from_binary(made[0], Buffer(body))
            kept = bytes(struct_to_binary(made[1](request, machine)))
            if not _is_of_now(request):
                self._kept[key] = kept
        return kept.replace(_ANY.encode(), machine_name(machine).encode())

    def create_session(self, machine: int, number: int, timeout_ms: float) -> bytes:
        """A CreateSessionResponse with a session of this number."""
        if not self._session:
            response = ua.CreateSessionResponse()
            found = response.Parameters
            found.SessionId = found.AuthenticationToken = ua.NodeId(_NUMBER, 1)
            found.RevisedSessionTimeout = _TIMEOUT_MS
            found.ServerEndpoints = self._descriptions()
            self._session = bytes(struct_to_binary(response))
        made = self._session.replace(_ANY.encode(), machine_name(machine).encode())
        made = made.replace(struct.pack("<I", _NUMBER), struct.pack("<I", number))
        return made.replace(struct.pack("<d", _TIMEOUT_MS), struct.pack("<d", timeout_ms))

    def create_items(self, body: bytes, start: int, most: int) -> Granted:
        """What is granted of a CreateMonitoredItemsRequest; machines are asked for the same items.

        Args:
            start: behind the SubscriptionId.
            most: largest queue.
        """
        kept = self._granted.get(body[start:])
        if kept is None:
            request = struct_from_binary(ua.CreateMonitoredItemsRequest, Buffer(body))
            kept = self._granted[body[start:]] = self._grant(request.Parameters.ItemsToCreate, most)
        return kept

    def _grant(self, asked: Sequence[Any], most: int) -> Granted:
        response = ua.CreateMonitoredItemsResponse()
        groups: dict[int, tuple[list[int], list[int]]] = {}
        for number, one in enumerate(asked, 1):
            node, wished = one.ItemToMonitor.NodeId, one.RequestedParameters
            if self._class((node.NamespaceIndex, node.Identifier)) is not ua.NodeClass.Variable:
                response.Results.append(ua.MonitoredItemCreateResult(StatusCode=_code("BadNodeIdUnknown")))
                continue
            queue = min(max(wished.QueueSize, 1), most)
            items, handles = groups.setdefault(queue, ([], []))
            items.append(node.Identifier - FIRST_TAG)
            handles.append(wished.ClientHandle)
            result = ua.MonitoredItemCreateResult(
                MonitoredItemId=number, RevisedSamplingInterval=wished.SamplingInterval, RevisedQueueSize=queue
            )
            response.Results.append(result)
        made = tuple((queue, items, handles) for queue, (items, handles) in groups.items())
        return Granted(made, bytes(struct_to_binary(response)))

    def _endpoints(self, request: Any, machine: int) -> Any:
        return ua.GetEndpointsResponse(Endpoints=self._descriptions())

    def _servers(self, request: Any, machine: int) -> Any:
        return ua.FindServersResponse(Servers=[self._application()])

    def _application(self) -> Any:
        uri = application_uri(0).replace(machine_name(0), _ANY)
        return ua.ApplicationDescription(
            ApplicationUri=uri, ProductUri="urn:omptool:load", ApplicationName=ua.LocalizedText("load"),
            ApplicationType=ua.ApplicationType.Server, DiscoveryUrls=[f"{self._url}/{_ANY}"],
        )  # fmt: skip

    def _descriptions(self) -> list[Any]:
        found = ua.EndpointDescription(
            EndpointUrl=f"{self._url}/{_ANY}", SecurityMode=ua.MessageSecurityMode.None_, SecurityPolicyUri=_NONE,
            TransportProfileUri=_BINARY, Server=self._application(),
        )  # fmt: skip
        found.UserIdentityTokens = [ua.UserTokenPolicy(PolicyId="anonymous", TokenType=ua.UserTokenType.Anonymous)]
        return [found]

    # the address space: Objects / machine / units / tags

    @property
    def _units(self) -> int:
        return -(-self._plan.items // ITEMS_PER_UNIT)

    def _browse(self, request: Any, machine: int) -> Any:
        response = ua.BrowseResponse()
        response.Results = [self._references(asked) for asked in request.Parameters.NodesToBrowse]
        return response

    def _references(self, asked: Any) -> Any:
        node = (asked.NodeId.NamespaceIndex, asked.NodeId.Identifier)
        if self._class(node) is None:
            return ua.BrowseResult(StatusCode=ua.StatusCode(ua.StatusCodes.BadNodeIdUnknown))
        if asked.ReferenceTypeId.Identifier not in _FORWARD_TYPES:
            return ua.BrowseResult()
        if asked.BrowseDirection == ua.BrowseDirection.Inverse:
            above = self._parent(node)
            return ua.BrowseResult(References=[self._reference(above, forward=False)] if above else [])
        return ua.BrowseResult(References=[self._reference(child) for child in self._children(node)])

    def _children(self, node: tuple[int, Any]) -> list[tuple[int, int]]:
        if node == (0, _OBJECTS):
            return [(2, _MACHINE)]
        if node == (2, _MACHINE):
            return [(2, _FIRST_UNIT + unit) for unit in range(self._units)]
        if self._class(node) is ua.NodeClass.Object:
            first = (node[1] - _FIRST_UNIT) * ITEMS_PER_UNIT
            last = min(first + ITEMS_PER_UNIT, self._plan.items)
            return [(2, FIRST_TAG + item) for item in range(first, last)]
        return []

    def _parent(self, node: tuple[int, Any]) -> tuple[int, int] | None:
        if node == (2, _MACHINE):
            return 0, _OBJECTS
        if node[0] != 2:
            return None
        return 2, _MACHINE if node[1] < FIRST_TAG else _FIRST_UNIT + (node[1] - FIRST_TAG) // ITEMS_PER_UNIT

    def _class(self, node: tuple[int, Any]) -> Any:
        if node in ((0, _OBJECTS), (2, _MACHINE)):
            return ua.NodeClass.Object
        if node[0] != 2 or not isinstance(node[1], int):
            return None
        if _FIRST_UNIT <= node[1] < _FIRST_UNIT + self._units:
            return ua.NodeClass.Object
        return ua.NodeClass.Variable if 0 <= node[1] - FIRST_TAG < self._plan.items else None

    def _name(self, node: tuple[int, int]) -> str:
        if node[0] == 0:
            return "Objects"
        if node[1] == _MACHINE:
            return "Machine"
        is_unit = node[1] < FIRST_TAG
        return f"Unit{node[1] - _FIRST_UNIT}" if is_unit else f"Tag{node[1] - FIRST_TAG:04d}"

    def _reference(self, node: tuple[int, int], *, forward: bool = True) -> Any:
        is_variable = self._class(node) is ua.NodeClass.Variable
        definition = _VARIABLE if is_variable else _FOLDER if node[0] == 0 else _BASE_OBJECT
        return ua.ReferenceDescription(
            ReferenceTypeId=ua.NodeId(_ORGANIZES if node == (2, _MACHINE) else _COMPONENT), IsForward=forward,
            NodeId=ua.ExpandedNodeId(node[1], node[0]), BrowseName=ua.QualifiedName(self._name(node), node[0]),
            DisplayName=ua.LocalizedText(self._name(node)), NodeClass=self._class(node),
            TypeDefinition=ua.ExpandedNodeId(definition),
        )  # fmt: skip

    def _read(self, request: Any, machine: int) -> Any:
        wanted = [(asked.NodeId, int(asked.AttributeId)) for asked in request.Parameters.NodesToRead]
        return ua.ReadResponse(Results=[self._attribute(node, attribute, machine) for node, attribute in wanted])

    def _attribute(self, node_id: Any, attribute: int, machine: int) -> Any:
        if node_id.NamespaceIndex == 0 and node_id.Identifier != _OBJECTS:
            value = self._about_the_server(node_id.Identifier) if attribute == _VALUE else None
            return _bad("BadNodeIdUnknown") if value is None else ua.DataValue(value)
        node = (node_id.NamespaceIndex, node_id.Identifier)
        if self._class(node) is None:
            return _bad("BadNodeIdUnknown")
        is_variable = self._class(node) is ua.NodeClass.Variable
        if attribute == _VALUE and is_variable:
            return self._value(machine, node[1] - FIRST_TAG)
        found = self._common(node, attribute) or (self._of_variable(node, attribute) if is_variable else None)
        return ua.DataValue(found) if found else _bad("BadAttributeIdInvalid")

    def _common(self, node: tuple[int, Any], attribute: int) -> Any:
        kinds = ua.VariantType
        match attribute:
            case 1:
                return ua.Variant(ua.NodeId(node[1], node[0]), kinds.NodeId)
            case 2:
                return ua.Variant(int(self._class(node)), kinds.Int32)
            case 3:
                return ua.Variant(ua.QualifiedName(self._name(node), node[0]), kinds.QualifiedName)
            case 4:
                return ua.Variant(ua.LocalizedText(self._name(node)), kinds.LocalizedText)
            case 5:
                return ua.Variant(ua.LocalizedText(), kinds.LocalizedText)
        return None

    def _of_variable(self, node: tuple[int, Any], attribute: int) -> Any:
        kinds = ua.VariantType
        match attribute:
            case 14:
                return ua.Variant(ua.NodeId(self._plan.kind_of(node[1] - FIRST_TAG).builtin), kinds.NodeId)
            case 15:
                return ua.Variant(-1, kinds.Int32)
            case 17 | 18:
                return ua.Variant(1, kinds.Byte)
            case 19:
                return ua.Variant(0.0, kinds.Double)
        return None

    def _value(self, machine: int, item: int) -> Any:
        tick = time.time_ns() // self._plan.period_ns
        kind = self._plan.kind_of(item)
        plain = values(kind, machine, item, tick).item()
        if kind is Kind.STRING:
            plain = plain.decode()
        elif kind is Kind.BOOLEAN:
            plain = bool(plain)
        elif kind is Kind.DATETIME:
            plain = ua.uatypes.win_epoch_to_datetime(plain)
        moment = datetime.fromtimestamp(int(self._plan.due_ns(machine, tick)) / 1e9, UTC)
        return ua.DataValue(ua.Variant(plain, ua.VariantType(kind.builtin)), None, moment, moment)

    def _about_the_server(self, identifier: Any) -> Any:
        kinds = ua.VariantType
        texts = {
            ObjectIds.Server_NamespaceArray: [OPC_UA, application_uri(0).replace(machine_name(0), _ANY), NAMESPACE],
            ObjectIds.Server_ServerArray: [application_uri(0).replace(machine_name(0), _ANY)],
            ObjectIds.Server_ServerStatus_BuildInfo_ProductName: "omptool's load server",
        }
        if identifier in texts:
            return ua.Variant(texts[identifier], kinds.String)
        if identifier == ObjectIds.Server_ServerStatus_StartTime:
            return ua.Variant(self._begun, kinds.DateTime)
        if identifier == ObjectIds.Server_ServerStatus_State:
            return ua.Variant(0, kinds.Int32)
        return None


def _is_of_now(request: Any) -> bool:
    """Whether values are read."""
    asked = getattr(request.Parameters, "NodesToRead", ())
    return any(one.NodeId.NamespaceIndex == 2 and int(one.AttributeId) == _VALUE for one in asked)


def _code(name: str) -> Any:
    return ua.StatusCode(getattr(ua.StatusCodes, name))


def _bad(name: str) -> Any:
    return ua.DataValue(StatusCode=_code(name))
