"""The OPC UA input of benthos-umh: what it asks for that a capture does, and what it does not.

Pure. An input stands under `input`, alone or inside others (`broker`); it has an endpoint and a list of NodeIds, and
one setting of each kind for all of them. Names and their meaning: benthos-umh's documentation of the OPC UA input.
Users and certificates are neither used nor shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from omptool.capture.selecting.nodelist import MOST_NODES, EndpointNodes, Listed, NodeList, check
from omptool.capture.selecting.nodelist_notes import Told
from omptool.errors import UsageError
from omptool.model import monitoring as words
from omptool.model.monitoring import MOST_MS, Monitoring

_SECURITY = frozenset((
    "username", "password", "insecure", "securityMode", "securityPolicy", "serverCertificateFingerprint",
    "clientCertificate", "userCertificate", "userPrivateKey", "sessionTimeout",
))  # fmt: skip
_OTHERWISE = {
    "useHeartbeat": "a server that falls silent is connected to again by itself",
    "autoReconnect": "a lost connection is always made again",
    "reconnectIntervalInSeconds": "a lost connection is tried again ever more slowly",
    "profile": "omptool doctor SERVER --save measures what a server takes",
    "browseHierarchicalReferences": "the nodes themselves are taken, not what lies below them",
}
_TAKEN = frozenset((
    "endpoint", "nodeIDs", "subscribeEnabled", "pollRate", "queueSize", "samplingInterval", "deadbandType",
    "deadbandValue",
))  # fmt: skip
_DEFAULT_POLL_MS = 1000.0
_SEE = "see benthos-umh's documentation of the OPC UA input"


def looks_umh(text: str) -> bool:
    """Whether YAML lists NodeIds for this input."""
    return re.search(r"^\s*-?\s*[\"']?nodeIDs[\"']?\s*:", text, re.MULTILINE) is not None


def of_umh(data: Any, file: str) -> NodeList:
    """The nodes of a benthos-umh configuration, by server.

    Args:
        data: YAML, read.
        file: what to call it.

    Raises:
        UsageError: no such input, or one that says nothing usable.
    """
    told = Told(file)
    endpoints: dict[str, EndpointNodes] = {}
    for number, given in enumerate(_inputs(data), 1):
        where = f"{file}: opcua {number}"
        url, nodes = _endpoint(given, told, where)
        before = endpoints.get(url, EndpointNodes())
        merged = {listed.text: listed for listed in (*nodes, *before.nodes)}
        endpoints[url] = EndpointNodes(tuple(merged.values()))
    if not endpoints:
        raise UsageError(f"{file} has no input opcua with nodeIDs", _SEE)
    return NodeList(endpoints=endpoints, notes=tuple(told.notes()))


def _inputs(data: Any) -> Iterator[Mapping[str, Any]]:
    """What stands under a key `opcua` and has nodeIDs, wherever it is; what is repeated by reference counts once."""
    seen: set[int] = set()
    waiting = [data]
    while waiting:
        value = waiting.pop()
        if not isinstance(value, dict | list) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, list):
            waiting += value[::-1]
            continue
        given = value.get("opcua")
        if isinstance(given, dict) and "nodeIDs" in given:
            yield given
        waiting += [one for one in reversed(value.values()) if one is not given]


def _endpoint(given: Mapping[str, Any], told: Told, where: str) -> tuple[str, list[Listed]]:
    for name in given:
        if name in _SECURITY:
            told.has_security = True
        elif name in _OTHERWISE:
            told.otherwise[str(name), _OTHERWISE[name]] += 1
        elif name not in _TAKEN:
            told.unknown[str(name)] += 1
    url, node_ids = given.get("endpoint"), given.get("nodeIDs")
    if not isinstance(url, str) or not url:
        raise UsageError(f"{where} has no endpoint", "write endpoint: opc.tcp://HOST:4840")
    if not isinstance(node_ids, list) or len(node_ids) > MOST_NODES:
        raise UsageError(f"{where}: nodeIDs is no list of at most {MOST_NODES:,}", _SEE)
    monitoring = _monitoring(given, where)
    nodes = []
    for at, text in enumerate(node_ids, 1):
        place = f"{where}, node {at}"
        if not isinstance(text, str):
            raise UsageError(f"{place} is no NodeId", "write 'ns=2;s=Speed'")
        plain = text.removeprefix("ns=0;")
        try:
            check(plain)
        except UsageError as error:
            raise UsageError(f"{place}: {error.message}", error.hint) from None
        nodes.append(Listed(plain, monitoring, where=place))
    return url, nodes


def _monitoring(given: Mapping[str, Any], where: str) -> Monitoring:
    """Of all nodes: subscribed to where that is enabled, else read in cycles."""
    if not given.get("subscribeEnabled"):
        return Monitoring(poll_ms=_milliseconds(given, "pollRate", where) or _DEFAULT_POLL_MS)
    queue, kind = given.get("queueSize"), str(given.get("deadbandType", "none")).lower()[:100]
    try:
        deadband = None
        if kind != "none" and given.get("deadbandValue") is not None:
            if kind not in ("absolute", "percent"):
                raise UsageError(f"deadbandType {kind!r} is none", "write none, absolute or percent")
            deadband = words.parse_deadband(str(given["deadbandValue"])[:100], is_percent=kind == "percent")
        return Monitoring(
            sampling_ms=_milliseconds(given, "samplingInterval", where),
            queue_size=None if not queue else words.parse_queue(str(queue)[:20]),
            deadband=deadband,
        )
    except UsageError as error:
        raise UsageError(f"{where}: {error.message}", error.hint) from None


def _milliseconds(given: Mapping[str, Any], name: str, where: str) -> float | None:
    value = given.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_MS:
        raise UsageError(f"{where}: {name}: {str(value)[:100]!r} is no number of milliseconds", "write 1000")
    return float(value) or None
