"""What each column of a command's own rows means; a test holds the names and their order to what the commands print."""

from __future__ import annotations

from docs.column_meanings import NODES, TELEMETRY

DISCOVER = {
    "kind": "`endpoint` of this server, `server` registered with it, `network` announced around it.",
    "url": "As the server announces it; it need not be reachable from here.",
    "security_policy": "SecurityPolicy without the URI in front; endpoints stand from weak to strong.",
    "security_mode": "MessageSecurityMode: `None`, `Sign`, `SignAndEncrypt`.",
    "user_tokens": "`Anonymous`, `UserName`, `Certificate`, `IssuedToken`.",
    "security_level": "The server's own ranking of its endpoints; higher is safer.",
    "application_name": "ApplicationName.",
    "application_uri": "ApplicationUri.",
    "application_type": "`Server`, `Client`, `ClientAndServer`, `DiscoveryServer`.",
    "product_uri": "ProductUri.",
    "certificate_subject": "Subject of the server's certificate.",
    "certificate_sha1": "Its thumbprint, upper-case hexadecimal.",
    "certificate_expires": "When it ends.",
    "capabilities": "Of a `network` server: what it says it can (DA, HD, LDS, …).",
}

PKI = {
    "store": "`own`, `trusted`; `server` or `file` where a certificate is looked at that is in neither.",
    "subject": "Whose it is.",
    "application_uri": "ApplicationUri of its application.",
    "hosts": "Names and addresses that it is for.",
    "valid_from": "First moment of its validity.",
    "valid_to": "Last moment of its validity.",
    "state": "`valid`, `expires soon` (within 30 days), `expired`, `not yet valid`.",
    "key": "Kind and bits of its public key.",
    "sha1": "Thumbprint, upper-case hexadecimal, as OPC UA tools show it.",
    "sha256": "The same of SHA-256.",
    "issuer": "Who signed it; the subject itself where nobody else did.",
    "file": "Where it lies; empty when a server showed it.",
}

_BROWSE = (
    "path", "node_id", "node_class", "data_type", "unit", "eu_low", "eu_high", "description", "browse_name",
    "display_name", "data_type_id", "type_definition", "value_rank", "array_dimensions", "access_level", "unit_id",
    "enum_names", "parents", "is_property", "server", "site", "area", "line", "machine", "tag",
)  # fmt: skip
BROWSE = {name: NODES.get(name, "Whether it is a Property of its parent.") for name in _BROWSE}

DOCTOR = {
    "step": "`name`, `tcp`, `hello`, `endpoints`, `certificate`, `session`, `namespaces`, `read`, "
    "`browse`, `subscribe`, `history`; then `limit` per OperationLimit and ServerCapability, and `rate` per speed that "
    "was measured.",
    "state": "`ok`, `note` (goes on, but somebody should know), `failed` (the way ends here).",
    "detail": "What was found, or what went wrong.",
    "hint": "What to do about it.",
    "milliseconds": "How long the step took; null for limits and rates.",
}

DIFF = {
    "change": "`added`, `removed`, `moved`, `renumbered` (a new NodeId, same path), `retyped`, `re-united`, `changed`.",
    "path": "As it is now; as it was, where it was removed.",
    "node_id": "The same of the NodeId.",
    "node_class": "Object, Variable, Method, …",
    "field": "Which column of `browse` differs; empty where the node was added or removed.",
    "before": "The field as it was; null: it had no value.",
    "after": "The field as it is.",
}

_VALUES = (
    "time", "time_ns", "time_basis", "server_time", "server_time_ns", "type", "value", "value_exact", "value_text",
    "value_list", "raw", "status", "quality", "overflow",
)  # fmt: skip
VALUES = {name: TELEMETRY[name] for name in _VALUES}

STATUS_NAME = {"status_name": "Name of the StatusCode, such as `BadSensorFailure`; behind `status`."}

CAPTURE = {
    "rows": "Value changes in the capture.",
    "nodes": "Monitored nodes.",
    "servers": "Captured servers.",
    "gaps": "Windows in which values may be missing, refused nodes included; 0 is complete.",
    "seconds": "From the creation of the monitored items to the end.",
}

PLAN = {
    "path": NODES["path"],
    "node_id": NODES["node_id"],
    "data_type": NODES["data_type"],
    "unit": NODES["unit"],
    "sampling_ms": "SamplingInterval that would be asked for, milliseconds.",
    "queue_size": "QueueSize that would be asked for.",
    "server": "Its server, as rows will name it.",
    "discard": "What the server would drop when the queue runs over: `oldest`, `newest`.",
    "deadband": "How far a number must move to be reported, `%` of its EURange; null = any change.",
    "trigger": "What would be reported: changes of `status`, `status-value`, `status-value-timestamp`.",
    "poll_ms": "How often the value would be read instead, milliseconds; null = it is subscribed to.",
    "heartbeat_ms": "After how long a silence the last value would be repeated, milliseconds; null = never.",
}

INFO = {
    "source": "The capture, as typed.",
    "kind": "`capture`.",
    "capture": "Its id.",
    "state": "`finished`, `being written`, or `not finished` (the writer ended without a `stop`).",
    "servers": "Names of the servers in it.",
    "items": "Monitored items.",
    "rows": "Value changes up to the last commit.",
    "event_rows": "OPC UA events up to the last commit.",
    "first_time": "Earliest time of a row that is not an initial value.",
    "last_time": "Latest time of such a row.",
    "segments": "Segment files.",
    "bytes": "Their size.",
    "gaps": "Windows in which values may be missing.",
    "damage": "Damaged places.",
    "torn_bytes": "Bytes behind the last commit; never acknowledged, so nothing is lost with them.",
}

INFO_LAKE = {
    "source": "The lake, as typed.",
    "kind": "`lake`.",
    "view": "One row per table.",
    "version": "Newest version of the table.",
    "rows": "Rows in it.",
    "files": "Data files of it.",
    "bytes": "Their size.",
    "committed_at": "When it was committed.",
    "bytes_per_row": "Bytes for each row.",
    "first_time": "Time of the earliest row, to the millisecond; of telemetry and events.",
    "last_time": "Time of the latest row likewise.",
    "nodes": "With telemetry: nodes whose values were recorded.",
    "gaps": "With telemetry: windows that may lack values.",
}

VERIFY = {
    "server": "Server of the items this row is about.",
    "items": "How many items have the same verdict for the same reason.",
    "rows": "Their rows.",
    "first_time": "Earliest time of these rows, without initial values.",
    "last_time": "Latest time.",
    "verdict": "`complete`, `sampled`, `windows` or `damaged`.",
    "path": "Path of the item, where the row is about one.",
    "start_time": "Values may be missing from here on; one row per window,",
    "end_time": "up to, not including, here. Null: until unknown.",
    "reason": "As in `gaps`; of damage what is wrong.",
    "state": "As in `gaps`.",
    "missing": "Least number of missing notifications or rows; null: unknown.",
    "detail": "Evidence: JSON as in `gaps`, why an item is sampled, or where damage lies.",
}

VERIFY_LAKE = {
    "kind": "`table`; `file`, a damaged one of the table above; `capture`, whose rows are in the lake.",
    "name": "Of the table, the file, or the capture's id.",
    "files": "Data files of the newest version.",
    "rows": "Rows in them; of a damaged file the rows it concerns.",
    "bytes": "Their size.",
    "removed": "Rows of the capture that compaction removed as duplicates.",
    "verdict": "`sound` or `damaged`; of a capture `whole` or `damaged`.",
    "detail": "What is wrong, or how it was checked.",
}

RECOVER = {
    "file": "What was repaired.",
    "action": "`cut` (torn tail), `removed` (no commit at all), `rewritten` (damage taken out), `unrepairable`.",
    "bytes": "Torn or damaged bytes.",
    "rows_lost": "Acknowledged rows that are gone; null: unknown.",
    "kept": "File that has the removed bytes.",
    "reason": "What was wrong.",
}

CONVERT = {
    "rows": "Telemetry rows added; 0 is up to date.",
    "files": "Data files added, over all tables.",
    "bytes": "Their size.",
    "seconds": "How long it took.",
    "clock_suspect": "Added rows stamped before 2000 or more than an hour after receipt; filed by the date of receipt.",
    "late": "Added live rows received more than an hour after their time.",
    "out_of_order": "Added rows whose time lies before that of a row of the same node that came earlier.",
    "duplicates": "Added rows equal to another one of the same run in all but how they came.",
}

DEMO = {
    "url": "Where the plant listens; the line comes when connections are accepted.",
    "seed": "Which plant.",
    "speed": "Plant seconds per second.",
    "from": "Plant time at the start; null: now.",
    "machines": "Names of the machines.",
}

CLOUD_SERVE = {
    "url": "Where the server listens; the line comes when connections are accepted.",
    "lake": "The lake, as typed.",
    "token_file": "Where the token lies.",
}

SAMPLES_LIST = {
    "name": "What `samples copy` calls it; also of its folder and its capture.",
    "about": "What it is.",
    "tags": "Variables that were recorded.",
    "rows": "Values of them.",
    "start": "The shift that it is about begins here,",
    "end": "and ends here.",
    "bytes": "Size of everything in it.",
}

SAMPLES_COPY = {
    "name": "Which sample.",
    "folder": "Where the copy lies.",
    "files": "Files in it.",
    "bytes": "Their size.",
}

MODEL_CHECK = {
    "site": "Where the machine stands.",
    "area": "Its area, where known.",
    "line": "Its line, where known.",
    "machine": "Its name.",
    "analysis": "Name of the analysis.",
    "ready": "Whether every required role has one tag, and states have a meaning.",
    "missing": "Roles without a tag or with several; `meanings` where no state has one. Empty when ready.",
    "to_name": "`value` where no tag is found for it by its name: any may be meant, and `--map value=TAG` says which.",
}

CONFIG_SHOW = {
    "setting": "Key in omptool.toml.",
    "value": "As it was written; null: not set.",
    "origin": "The flag, the variable, file and line, or `default`.",
}

ROWS = {
    "discover": DISCOVER,
    "browse": BROWSE,
    "diff": DIFF,
    "doctor": DOCTOR,
    "values": VALUES,
    "status_name": STATUS_NAME,
    "capture": CAPTURE,
    "plan": PLAN,
    "info": INFO,
    "info lake": INFO_LAKE,
    "verify": VERIFY,
    "verify lake": VERIFY_LAKE,
    "recover": RECOVER,
    "convert": CONVERT,
    "cloud serve": CLOUD_SERVE,
    "demo": DEMO,
    "samples list": SAMPLES_LIST,
    "samples copy": SAMPLES_COPY,
    "model check": MODEL_CHECK,
    "pki": PKI,
    "config show": CONFIG_SHOW,
}
