"""OPC Publisher's `publishednodes.json`, of any version: what it asks for that a capture does, and what it does not.

Pure. The file says which values to take, how, and how to send them on; a capture has use for the first two. Every key
is either taken, or told of in a note: a setting that is silently dropped would be believed in. Field names and their
meaning: OPC Publisher's documentation, "Configuration schema"; units as there (intervals in milliseconds, heartbeats
in seconds, a Timespan wins over its integer twin). Passwords are neither used nor shown.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from omptool.capture.selecting.nodelist import (
    MOST_LINE,
    MOST_NODES,
    EndpointNodes,
    Listed,
    NodeList,
    Notifier,
    check,
    is_node_id,
)
from omptool.capture.selecting.nodelist_notes import Told
from omptool.capture.selecting.published_values import Unreadable, boolean, interval_ms, number, text_of
from omptool.errors import OmptoolError, UsageError
from omptool.model import monitoring as words
from omptool.model.monitoring import Discard, Monitoring
from omptool.model.nodeid import escape_uri

_URI_FORM = re.compile(r"#(?=[isgb]=)")
"""Between namespace URI and identifier in the form `uri#s=…`."""

_STRING_ID = re.compile(r"((nsu=[^;]*|ns=\d+);)?s=|(?!nsu?=|[igb]=)([^#]|#(?![isgb]=))*#s=")
"""A String identifier, of which spaces at the end are a part."""

_MESSAGES = frozenset(
    name.lower()
    for name in (
        "BatchSize", "BatchTriggerInterval", "BatchTriggerIntervalTimespan", "DataSetClassFieldId", "DataSetClassId",
        "DataSetDescription", "DataSetExtensionFields", "DataSetFetchDisplayNames", "DataSetFieldId",
        "DataSetKeyFrameCount", "DataSetName", "DataSetRootNodeId", "DataSetRouting", "DataSetSourceUri",
        "DataSetSubject", "DataSetType", "DataSetWriterGroup", "DataSetWriterId", "DumpConnectionDiagnostics",
        "FetchDisplayName", "LastChangeDateTime", "LastChangeTimespan", "MessageEncoding", "MessageRetention",
        "MessageTtlTimespan", "MessagingMode", "MetaDataQueueName", "MetaDataRetention", "MetaDataTtlTimespan",
        "MetaDataUpdateTime", "MetaDataUpdateTimeTimespan", "MethodMetadata", "Priority", "PublisherId",
        "QualityOfService", "QueueName", "SendKeepAliveAsKeyFrameMessages", "SendKeepAliveDataSetMessages", "Tag",
        "Topic", "Version", "WriterGroupMessageRetention", "WriterGroupMessageTtlTimepan",
        "WriterGroupMessageTtlTimespan", "WriterGroupPartitions", "WriterGroupProperties",
        "WriterGroupQualityOfService", "WriterGroupQueueName", "WriterGroupRootNodeId", "WriterGroupTransport",
        "WriterGroupTransportConfiguration", "WriterGroupType",
    )
)  # fmt: skip
"""How values are sent on and what their messages are called."""

_SECURITY = frozenset((
    "useSecurity", "endpointSecurityMode", "endpointSecurityPolicy", "opcAuthenticationMode",
    "opcAuthenticationUsername", "opcAuthenticationPassword", "encryptedAuthUsername", "encryptedAuthPassword",
))  # fmt: skip

_TAKEN = frozenset(
    name.lower()
    for name in (
        "EndpointUrl", "OpcNodes", "OpcEvents", "NodeId", "Id", "ExpandedNodeId", "DisplayName", "AttributeId",
        "DataSetPublishingInterval", "DataSetPublishingIntervalTimespan", "DataSetSamplingInterval",
        "DataSetSamplingIntervalTimespan", "DefaultHeartbeatInterval", "DefaultHeartbeatIntervalTimespan",
        "OpcSamplingInterval", "OpcSamplingIntervalTimespan", "OpcPublishingInterval", "OpcPublishingIntervalTimespan",
        "HeartbeatInterval", "HeartbeatIntervalTimespan", "QueueSize", "DiscardNew", "DataChangeTrigger",
        "DeadbandType", "DeadbandValue", "UseCyclicRead", "EventFilter", "SelectClauses",
    )
)  # fmt: skip
"""Read below. A DisplayName needs no taking: a capture has the server's names."""

_OTHERWISE = {
    "skipfirst": "the first value is recorded, with the origin initial",
    "indexrange": "the whole value is recorded",
    "registernode": "nodes are not registered",
    "cyclicreadmaxage": "every read asks for the newest value",
    "cyclicreadmaxagetimespan": "every read asks for the newest value",
    "heartbeatbehavior": "a heartbeat repeats the last value, with the origin heartbeat",
    "defaultheartbeatbehavior": "a heartbeat repeats the last value, with the origin heartbeat",
    "conditionhandling": "conditions are refreshed when the capture begins, not again",
    "modelchangehandling": "use --rebrowse 10m to find new nodes",
    "opcnodewatchdogtimespan": "a server that falls silent is connected to again by itself",
    "opcnodewatchdogcondition": "a server that falls silent is connected to again by itself",
    "datasetwriterwatchdogbehavior": "a server that falls silent is connected to again by itself",
    "republishaftertransfer": "messages are always asked for again",
    "disablesubscriptiontransfer": "a subscription is always taken up again where the server kept it",
    "maxkeepalivecount": "a keep-alive is asked for every 2 s",
    "usereverseconnect": "omptool connects to the server",
    "triggerednodes": "nodes do not trigger others",
    "browsepath": "the node itself is taken, not what lies below it",
    "whereclause": "events are not filtered by it",
    "whereclauses": "events are not filtered by it",
}
"""What a capture does instead, by key."""


def _tell(entry: Mapping[str, tuple[str, Any]], told: Told) -> None:
    """Sort the keys of an object into those that are read and those to be told of."""
    for key, (name, value) in entry.items():
        if value is None or value == [] or key in _TAKEN:
            continue
        if key in _MESSAGES:
            told.aside[name] += 1
        elif key in _SECRET_KEYS:
            told.has_security |= value is not False
        elif key in _OTHERWISE:
            if value is not False:
                told.otherwise[name, _OTHERWISE[key]] += 1
        else:
            told.unknown[name] += 1


_SECRET_KEYS = frozenset(name.lower() for name in _SECURITY)


class _One(NamedTuple):
    """A node of an entry, and the publishing interval it asks for."""

    listed: Listed | None = None
    notifier: Notifier | None = None
    publishing_ms: float | None = None


def looks_published(data: Any) -> bool:
    """Whether parsed JSON is such a file: a list of objects with an EndpointUrl."""
    entries = data if isinstance(data, list) else [data]
    return bool(entries) and all(
        isinstance(entry, dict) and any(key.lower() == "endpointurl" for key in entry) for entry in entries
    )


def of_published(data: Any, file: str) -> NodeList:
    """The nodes of a `publishednodes.json`, by server.

    Args:
        data: as JSON; `looks_published`.
        file: what to call it.

    Raises:
        UsageError: an entry that says nothing usable: no address, a NodeId that is none, a value of another kind.
    """
    told = Told(file)
    found: dict[str, list[_One]] = defaultdict(list)
    total = 0
    for at, raw in enumerate(data if isinstance(data, list) else [data], 1):
        entry = _object(raw, f"{file}: entry {at}")
        _tell(entry, told)
        url = _url(entry, f"{file}: entry {at}")
        for one in _entry(entry, told, f"{file}: entry {at}"):
            total += 1
            if total > MOST_NODES:
                raise UsageError(f"{file} lists more than {MOST_NODES:,} nodes", "split it")
            found[url].append(one)
    endpoints = {url: _endpoint(ones, told, file) for url, ones in found.items()}
    return NodeList(endpoints=endpoints, notes=tuple(told.notes()))


def _endpoint(ones: Sequence[_One], told: Told, file: str) -> EndpointNodes:
    """All that is asked of one server. A capture has one publishing interval per server: the shortest serves all."""
    intervals = sorted({one.publishing_ms for one in ones if one.publishing_ms is not None})
    if len(intervals) > 1:
        told.otherwise["OpcPublishingInterval", f"{intervals[0]:g} ms, the shortest of a server, is used for all"] += 1
    nodes: dict[str, Listed] = {}
    for one in ones:
        if one.listed is not None:
            first = nodes.setdefault(one.listed.text, one.listed)
            if first.monitoring != one.listed.monitoring:
                told.left_out["listed before with other settings"].append(one.listed.text)
    notifiers = dict.fromkeys(one.notifier for one in ones if one.notifier is not None)
    return EndpointNodes(tuple(nodes.values()), tuple(notifiers), intervals[0] if intervals else None)


def _entry(entry: Mapping[str, tuple[str, Any]], told: Told, where: str) -> Iterator[_One]:
    below = Monitoring(
        sampling_ms=_interval(entry, "DataSetSamplingInterval", where),
        heartbeat_ms=_interval(entry, "DefaultHeartbeatInterval", where, 1000),
    )
    publishing_ms = _interval(entry, "DataSetPublishingInterval", where)
    nodes = _list(entry, "opcnodes", where)
    old = _value(entry, "nodeid")
    if old is not None:  # before 2.0 an entry was one node
        identifier = _value(_object(old, f"{where}: NodeId"), "identifier") if isinstance(old, dict) else old
        nodes = [*nodes, {"Id": identifier}]
    for at, raw in enumerate(nodes, 1):
        yield from _node(_object(raw, f"{where}, node {at}"), below, publishing_ms, told, f"{where}, node {at}")
    for at, raw in enumerate(_list(entry, "opcevents", where), 1):
        node = _object(raw, f"{where}, event {at}")
        _tell(node, told)
        yield _One(notifier=Notifier(_id(node, f"{where}, event {at}"), _fields(node), ()))


def _node(
    node: Mapping[str, tuple[str, Any]], below: Monitoring, publishing_ms: float | None, told: Told, where: str
) -> Iterator[_One]:
    _tell(node, told)
    text = _id(node, where)
    publishing_ms = _or(_interval(node, "OpcPublishingInterval", where), publishing_ms)
    if (events := _value(node, "eventfilter")) is not None:
        asked = _object(events, f"{where}: EventFilter")
        _tell({key: value for key, value in asked.items() if key != "typedefinitionid"}, told)
        kind = _value(asked, "typedefinitionid")
        types = (_c1(text_of(kind, f"{where}: TypeDefinitionId"), where),) if kind is not None else ()
        yield _One(notifier=Notifier(text, _fields(asked), types), publishing_ms=publishing_ms)
        return
    attribute = _value(node, "attributeid")
    if attribute not in (None, "Value", "value", 13):
        told.left_out["not their value but another attribute is asked for"].append(text)
        return
    if text.startswith("svr="):
        told.left_out["they are on another server than their entry"].append(text)
        return
    yield _One(Listed(text, _monitoring(node, told, text, where).over(below), where=where), None, publishing_ms)


def _monitoring(node: Mapping[str, tuple[str, Any]], told: Told, text: str, where: str) -> Monitoring:
    sampling_ms = _interval(node, "OpcSamplingInterval", where)
    queue, newest, trigger = _value(node, "queuesize"), _value(node, "discardnew"), _value(node, "datachangetrigger")
    is_polled = boolean(_value(node, "usecyclicread"), f"{where}: UseCyclicRead")
    deadband = _deadband(node, told, text, where)
    try:
        return Monitoring(
            sampling_ms=None if is_polled else sampling_ms,
            queue_size=None if queue in (None, 0, "0") else words.parse_queue(str(queue)),
            discard=Discard.NEWEST if boolean(newest, f"{where}: DiscardNew") else None,
            trigger=None if trigger is None else words.parse_trigger(str(trigger)[:100]),
            deadband=deadband,
            poll_ms=(sampling_ms or 1000.0) if is_polled else None,
            heartbeat_ms=_interval(node, "HeartbeatInterval", where, 1000),
        )
    except UsageError as error:
        raise UsageError(f"{where}: {error.message}", error.hint) from None


def _deadband(node: Mapping[str, tuple[str, Any]], told: Told, text: str, where: str) -> words.Deadband | None:
    """As documented: without a type there is none; percent is held to 0 … 100, a negative one is 0."""
    kind, value = _value(node, "deadbandtype"), _value(node, "deadbandvalue")
    if kind is None or value is None:
        if kind is not None or value is not None:
            told.otherwise["DeadbandType without DeadbandValue, or the reverse", "there is no deadband"] += 1
        return None
    name = str(kind).lower()
    if name not in ("percent", "absolute"):
        raise UsageError(f"{where}: DeadbandType: {str(kind)[:100]!r} is none", "write Absolute or Percent")
    amount = max(number(value, f"{where}: DeadbandValue"), 0.0)
    return words.Deadband(min(amount, 100.0) if name == "percent" else amount, name == "percent")


def _fields(node: Mapping[str, tuple[str, Any]]) -> tuple[str, ...]:
    """Paths of the chosen event fields, `A/B`; clauses that name none are the node of a condition."""
    found = []
    for clause in _list(node, "selectclauses", "SelectClauses"):
        paths = _value(_object(clause, "SelectClauses"), "browsepath") or _value(
            _object(clause, "SelectClauses"), "browsepaths"
        )
        names = [str(name) for name in paths] if isinstance(paths, list) else []
        if names:
            found.append("/".join(name.lstrip("/").partition(":")[2] or name.lstrip("/") for name in names))
    return tuple(dict.fromkeys(found))


def _id(node: Mapping[str, tuple[str, Any]], where: str) -> str:
    """C1 text, or `ns=<index>;…` for the server to resolve."""
    given = _or(_value(node, "id"), _value(node, "expandednodeid"))
    if given is None or given == "":
        raise UsageError(f"{where} has no Id", 'write "Id": "nsu=<namespace uri>;s=<name>"')
    return _c1(text_of(given, where), where)


def _c1(text: str, where: str) -> str:
    """`ns=`, `nsu=` (with `svr=0;` in front too) or `uri#s=…` as the NodeId that everything else reads."""
    text = text.lstrip().removeprefix("svr=0;")
    text = text if _STRING_ID.match(text) else text.rstrip()
    if len(text) > MOST_LINE:
        raise UsageError(f"{where}: an Id of {len(text):,} characters", "is this the file you mean?")
    if not is_node_id(text) and (sign := _URI_FORM.search(text)):
        text = f"nsu={escape_uri(text[: sign.start()])};{text[sign.end() :]}"
    try:
        check(text)
    except OmptoolError as error:
        raise UsageError(f"{where}: {error.message}", error.hint) from None
    return text


def _url(entry: Mapping[str, tuple[str, Any]], where: str) -> str:
    url = text_of(_value(entry, "endpointurl"), f"{where}: EndpointUrl").strip()
    if not url:
        raise UsageError(f"{where} has no EndpointUrl", "write opc.tcp://HOST:4840")
    return url


def _interval(entry: Mapping[str, tuple[str, Any]], name: str, where: str, unit_ms: float = 1.0) -> float | None:
    try:
        return interval_ms(_value(entry, name.lower()), _value(entry, f"{name.lower()}timespan"), unit_ms)
    except Unreadable as error:
        raise UsageError(f"{where}: {name}: {error}", "write milliseconds, or a time span such as 00:00:01") from None


def _object(raw: Any, where: str) -> dict[str, tuple[str, Any]]:
    """By lower-case key, which OPC Publisher takes too: the key as written, and its value."""
    if not isinstance(raw, dict):
        raise UsageError(f"{where} is no object", "see OPC Publisher's documentation of publishednodes.json")
    return {key.strip().lower(): (key, value) for key, value in raw.items()}


def _value(entry: Mapping[str, tuple[str, Any]], key: str) -> Any:
    return entry.get(key, ("", None))[1]


def _list(entry: Mapping[str, tuple[str, Any]], key: str, where: str) -> list[Any]:
    found = _value(entry, key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise UsageError(f"{where}: {entry[key][0]} is no list", "write [ … ]")
    return found


def _or(first: Any, second: Any) -> Any:
    return second if first is None else first
