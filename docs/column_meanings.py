"""What each column of the views means; the reference page joins this with the types in the program."""

from __future__ import annotations

_PLACE = {
    "site": "Where the node stands: by plant.toml, the server's settings or the server itself; else `unassigned`.",
    "area": "Area within the site.",
    "line": "Production line.",
    "machine": "Machine; the server's name where nobody says one.",
}
_ORIGIN = "How the row came: `live`, `initial`, `republished`, `history`, `polled`, `heartbeat`, `imported`."
_CAPTURE = "Id of the capture the row is from."
_SEQ = "Running number within the capture, dense from 1; with `capture` the identity of the row."
_SERVER = "ApplicationUri of the server; where it states none, its name in omptool.toml, else its address."
_NODE = "`nsu=<uri>;s=<id>`, or `i=`, `g=`, `b=`; namespace 0 without `nsu=`; `%` and `;` in the URI percent-encoded."

TELEMETRY = {
    "time": "When the value was so: source time, else server time, else time of receipt.",
    "time_ns": "Nanoseconds below the microsecond of `time`, 0 to 900. Order by time, time_ns, seq.",
    "time_basis": "Which of the three `time` is: `source`, `server`, `receive`.",
    "server_time": "The server's own stamp.",
    "server_time_ns": "Nanoseconds below the microsecond of `server_time`.",
    "receive_time": "When omptool received it; null for imports.",
    **_PLACE,
    "tag": "Path below the machine; the whole path where no node is the machine.",
    "path": "BrowseNames from Objects, joined by `/`; `/` and `&` in a name are `&/` and `&&`. For people, not unique.",
    "server": _SERVER,
    "node_id": _NODE,
    "type": "Built-in, enumeration or structure type, `[]` per dimension: `Double`, `Int32[]`, `Null`.",
    "value": "Numbers, enumerations, Booleans as 0 and 1. NaN and infinities are values.",
    "value_exact": "Integers beyond ±2^53, which `value` cannot hold exactly.",
    "value_text": "String, Guid, NodeId, LocalizedText, DateTime (RFC 3339), name of an enum value, structure as JSON.",
    "value_list": "Numeric arrays, row by row; other arrays are JSON in `value_text`.",
    "raw": "The exact bytes of the Variant, where the columns above do not rebuild it.",
    "status": "The whole 32-bit StatusCode; 0 is Good.",
    "quality": "`Good`, `Uncertain` or `Bad`. A Bad row keeps the value it carries.",
    "overflow": "The server's queue was too short: values before this one are missing.",
    "unit": "EngineeringUnits as text.",
    "origin": _ORIGIN,
    "capture": _CAPTURE,
    "seq": _SEQ,
}

NODES = {
    "server": _SERVER,
    "node_id": _NODE,
    "valid_from": "The description holds from here on; a changed node has a further row.",
    **_PLACE,
    "tag": TELEMETRY["tag"],
    "path": TELEMETRY["path"],
    "browse_name": "BrowseName, `nsu=<uri>;Name`.",
    "display_name": "DisplayName.",
    "description": "Description.",
    "node_class": "`Object`, `Variable`, `Method`, …",
    "data_type": "Name of the DataType.",
    "data_type_id": "NodeId of the DataType.",
    "type_definition": "NodeId of the type definition.",
    "value_rank": "ValueRank: -1 scalar, 1 one dimension, …",
    "array_dimensions": "ArrayDimensions; 0 is open.",
    "access_level": "AccessLevel bits: 1 readable, 2 writable, 4 history.",
    "unit": TELEMETRY["unit"],
    "unit_id": "EngineeringUnits as UNECE code number.",
    "eu_low": "Lower end of EURange.",
    "eu_high": "Upper end of EURange.",
    "enum_names": "Names of the values of an enumeration, JSON `{integer: name}`.",
    "role": "What the value means for analyses, where known.",
    "stepped": "Whether a value holds until the next one (true) or is a point on a line.",
    "sampling_ms": "SamplingInterval that the server granted, milliseconds.",
    "publishing_ms": "PublishingInterval that the server granted, milliseconds.",
    "queue_size": "QueueSize that the server granted.",
    "parents": "NodeIds of all parents.",
}

EVENTS = {
    "time": "Time of the event.",
    "time_ns": TELEMETRY["time_ns"],
    "receive_time": "When omptool received it.",
    "server": _SERVER,
    "node_id": "SourceNode of the event.",
    **_PLACE,
    "event_id": "EventId.",
    "event_type": "EventType.",
    "source_name": "SourceName.",
    "message": "Message.",
    "severity": "Severity, 1 to 1000.",
    "condition_id": "NodeId of the condition.",
    "condition_name": "ConditionName.",
    "active": "ActiveState.",
    "acked": "AckedState.",
    "confirmed": "ConfirmedState.",
    "suppressed": "SuppressedState.",
    "retain": "Retain.",
    "fields": "All further fields, JSON.",
    "origin": _ORIGIN,
    "capture": _CAPTURE,
    "seq": _SEQ,
}

GAPS = {
    "server": _SERVER,
    "node_id": "Null: every node of the subscription.",
    "sub": "The server's SubscriptionId.",
    "start_time": "Values may be missing from here on,",
    "end_time": "up to, not including, here. Null: until unknown.",
    "reason": "`connection_lost`, `server_restart`, `sequence_lost`, `queue_overflow`, `stale`, `item_failed`, "
    "`client_stopped`, `client_slow`, `disk_full`, `clock_step`, `corrupt_segment`, `retention`.",
    "missing": "Least number of missing notifications; null: unknown.",
    "state": "`open` (cause unknown), `explained` (cause observed), `backfilled` (history returned the whole window).",
    "detail": "Evidence, JSON.",
    "capture": _CAPTURE,
}

JOURNAL = {
    "time": "When it happened.",
    "server": _SERVER,
    "sub": "The server's SubscriptionId.",
    "kind": "`start`, `connect`, `lost`, `subscribe`, `revised`, `item_failed`, `overflow`, `clock_step`, "
    "`type_change`, `marker`, `stop`, …; all of them in [the capture format](capture-format.md#journal-and-gaps).",
    "detail": "Evidence, JSON.",
    "capture": _CAPTURE,
    "seq": "Running number of the entry.",
}

VIEWS = {"telemetry": TELEMETRY, "nodes": NODES, "events": EVENTS, "gaps": GAPS, "journal": JOURNAL}
