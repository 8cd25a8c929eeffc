"""Telegraf's configuration of OPC UA inputs: what it asks for that a capture does, and what it does not.

Pure. `inputs.opcua_listener` subscribes, `inputs.opcua` reads in cycles; both list nodes, alone or in groups that set
defaults. Option names and their meaning: Telegraf's documentation of both plugins, 1.37. Everything else in the file
belongs to Telegraf and is not looked at; users and certificates are neither used nor shown.
"""

from __future__ import annotations

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from omptool.capture.selecting.nodelist import EndpointNodes, Listed, NodeList, check
from omptool.capture.selecting.nodelist_notes import Told
from omptool.errors import UsageError
from omptool.model import monitoring as words
from omptool.model.monitoring import AS_ALL, MOST_MS, Discard, Monitoring
from omptool.model.nodeid import escape_uri

_POLLED, _SUBSCRIBED = "opcua", "opcua_listener"
_DEFAULT_EVERY_MS = 10_000.0
"""Interval of Telegraf's agent, unless it is set."""

_UNITS_MS = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4, "h": 3.6e6, "d": 8.64e7}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h|d)")

_SECURITY = frozenset((
    "security_policy", "security_mode", "certificate", "private_key", "remote_certificate", "auth_method", "username",
    "password",
))  # fmt: skip
_OF_TELEGRAF = frozenset((
    "name", "timestamp", "timestamp_format", "optional_fields", "workarounds", "request_workarounds", "client_trace",
    "session_timeout", "connect_timeout", "request_timeout", "connect_fail_behavior", "default_tags", "tags", "alias",
    "interval", "precision", "collection_jitter", "collection_offset", "log_level", "name_override", "name_prefix",
    "name_suffix", "data_type", "description", "read_retry_timeout", "read_retries",
))  # fmt: skip
"""About metrics, sending and time limits: of no meaning for a capture."""
_TAKEN = frozenset((
    "endpoint", "nodes", "group", "subscription_interval", "sampling_interval", "namespace", "namespace_uri",
    "identifier_type", "identifier", "monitoring_params", "queue_size", "discard_oldest", "data_change_filter",
    "trigger", "deadband_type", "deadband_value",
))  # fmt: skip
_OTHERWISE = {
    "browse": "name such nodes by --select",
    "events": "use --events",
}


def looks_telegraf(text: str) -> bool:
    """Whether text has a table of one of the two inputs."""
    return re.search(r"^\s*\[\[\s*inputs\s*\.\s*(opcua|opcua_listener)\s*\]\]", text, re.MULTILINE) is not None


def of_telegraf(text: str, file: str) -> NodeList:
    """The nodes of a Telegraf configuration, by server.

    Args:
        file: what to call it.

    Raises:
        UsageError: no TOML, or an entry that says nothing usable.
    """
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{file} is no TOML: {str(error)[:200]}", "see Telegraf's documentation") from None
    told = Told(file)
    agent = _table(data.get("agent", {}), f"{file}: agent")
    every_ms = _duration(agent.get("interval"), f"{file}: agent: interval") or _DEFAULT_EVERY_MS
    inputs = _table(data.get("inputs", {}), f"{file}: inputs")
    found: dict[str, dict[str, Listed]] = defaultdict(dict)
    publishing: dict[str, list[float]] = defaultdict(list)
    for kind in (_SUBSCRIBED, _POLLED):
        for at, raw in enumerate(_tables(inputs.get(kind), f"{file}: inputs.{kind}"), 1):
            where = f"{file}: inputs.{kind} {at}"
            url = _text(raw.get("endpoint"), f"{where}: endpoint")
            _tell(raw, told)
            for listed in _listed(raw, kind, every_ms, told, where):
                first = found[url].setdefault(listed.text, listed)
                if first.monitoring != listed.monitoring:
                    told.left_out["listed before with other settings"].append(listed.text)
            interval = _duration(raw.get("subscription_interval"), f"{where}: subscription_interval")
            publishing[url] += [interval] if kind == _SUBSCRIBED and interval else []
    if not found:
        raise UsageError(f"{file} names no node of an OPC UA server", "list some under nodes of inputs.opcua_listener")
    endpoints = {
        url: EndpointNodes(tuple(nodes.values()), publishing_ms=min(publishing[url], default=None))
        for url, nodes in found.items()
    }
    return NodeList(endpoints=endpoints, notes=tuple(told.notes()))


def _listed(raw: Mapping[str, Any], kind: str, every_ms: float, told: Told, where: str) -> Iterator[Listed]:
    poll_ms = (_duration(raw.get("interval"), f"{where}: interval") or every_ms) if kind == _POLLED else None
    below = replace(AS_ALL, poll_ms=poll_ms)
    for at, node in enumerate(_tables(raw.get("nodes"), f"{where}: nodes"), 1):
        yield _node(node, _NO_GROUP, below, told, f"{where}, node {at}")
    for number, group in enumerate(_tables(raw.get("group"), f"{where}: group"), 1):
        place = f"{where}, group {number}"
        _tell(group, told)
        for at, node in enumerate(_tables(group.get("nodes"), f"{place}: nodes"), 1):
            yield _node(node, group, below, told, f"{place}, node {at}")


_NO_GROUP: Mapping[str, Any] = {}


def _node(node: Mapping[str, Any], group: Mapping[str, Any], below: Monitoring, told: Told, where: str) -> Listed:
    _tell(node, told)
    uri = node.get("namespace_uri") or (None if node.get("namespace") else group.get("namespace_uri"))
    index = node.get("namespace") or (None if uri else group.get("namespace"))
    kind = _text(node.get("identifier_type") or group.get("identifier_type"), f"{where}: identifier_type")
    rest = f"{kind}={_text(node.get('identifier'), f'{where}: identifier')}"
    if uri:
        text = f"nsu={escape_uri(_text(uri, f'{where}: namespace_uri'))};{rest}"
    elif str(index) == "0":
        text = rest
    elif index is not None and str(index).isdecimal():
        text = f"ns={index};{rest}"
    else:
        raise UsageError(f"{where} has no namespace", 'write namespace_uri = "urn:…", or namespace = "2"')
    try:
        check(text)
    except UsageError as error:
        raise UsageError(f"{where}: {error.message}", error.hint) from None
    given = _monitoring(_table(node.get("monitoring_params", {}), f"{where}: monitoring_params"), told, where)
    sampling_ms = given.sampling_ms or _duration(group.get("sampling_interval"), f"{where}: sampling_interval")
    return Listed(text, replace(given, sampling_ms=sampling_ms).over(below), where=where)


def _monitoring(given: Mapping[str, Any], told: Told, where: str) -> Monitoring:
    _tell(given, told)
    queue, oldest = given.get("queue_size"), given.get("discard_oldest")
    filtered = _table(given.get("data_change_filter", {}), f"{where}: data_change_filter")
    _tell(filtered, told)
    trigger = filtered.get("trigger")
    try:
        return Monitoring(
            sampling_ms=_duration(given.get("sampling_interval"), f"{where}: sampling_interval"),
            queue_size=None if not queue else words.parse_queue(str(queue)[:20]),
            discard=None if oldest is None else Discard.OLDEST if oldest else Discard.NEWEST,
            trigger=None if trigger is None else words.parse_trigger(str(trigger)[:100]),
            deadband=_deadband(filtered),
        )
    except UsageError as error:
        raise UsageError(f"{where}: {error.message}", error.hint) from None


def _deadband(filtered: Mapping[str, Any]) -> words.Deadband | None:
    kind, value = str(filtered.get("deadband_type", "None")).lower(), filtered.get("deadband_value")
    if kind == "none" or value is None:
        return None
    if kind not in ("absolute", "percent"):
        raise UsageError(f"deadband_type {kind[:100]!r} is none", "write None, Absolute or Percent")
    return words.parse_deadband(str(value)[:100], is_percent=kind == "percent")


def _duration(value: Any, where: str) -> float | None:
    """Milliseconds of a Go duration, or of a number of seconds; None where there is none, or it is 0."""
    if value is None or value == "":
        return None
    if isinstance(value, int | float) and not isinstance(value, bool):
        found = value * 1000.0
    else:
        text = str(value)[:100]
        parts = _PART.findall(text)
        if "".join(number + unit for number, unit in parts) != text and text != "0":
            raise UsageError(f"{where}: {text!r} is no duration", 'write "250ms", "5s" or "10m"')
        found = sum(float(number) * _UNITS_MS[unit] for number, unit in parts)
    if not 0 <= found <= MOST_MS:
        raise UsageError(f"{where}: {str(value)[:100]!r} is not between 0 and a day", 'write "250ms", "5s" or "10m"')
    return found or None


def _tell(given: Mapping[str, Any], told: Told) -> None:
    for name in given:
        if name in _SECURITY:
            told.has_security = True
        elif name in _OTHERWISE:
            told.otherwise[name, _OTHERWISE[name]] += 1
        elif name in _OF_TELEGRAF:
            told.aside[name] += 1
        elif name not in _TAKEN:
            told.unknown[name] += 1


def _table(raw: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(raw, dict):
        raise UsageError(f"{where} is no table", "see Telegraf's documentation of inputs.opcua")
    return raw


def _tables(raw: Any, where: str) -> list[Mapping[str, Any]]:
    if raw is None:
        return []
    if not isinstance(raw, list):
        raise UsageError(f"{where} is no list", "see Telegraf's documentation of inputs.opcua")
    return [_table(one, where) for one in raw]


def _text(raw: Any, where: str) -> str:
    if not isinstance(raw, str) or not raw:
        raise UsageError(f"{where} is missing", "see Telegraf's documentation of inputs.opcua")
    return raw
