"""The words of the capture format: columns, metadata keys, flags, names and limits (`omp.format` 1).

Nothing here opens a file. A changed meaning raises `FORMAT`; a new column, journal kind or metadata key does not.
The whole format is described in docs/reference/capture-format.md.
"""

from __future__ import annotations

import re
from enum import IntFlag
from typing import Final

import pyarrow as pa

from omptool.model.contracts import columns

FORMAT: Final = 1

FREE_HANDLES: Final = 1000
"""Handles kept for nodes to come where new ones are looked for; as many as there are nodes, where those are more."""

NS = pa.timestamp("ns", tz="UTC")


SEGMENT: pa.Schema = columns(
    ("node", pa.uint32(), ""),
    ("source_time", NS, "null"),
    ("server_time", NS, "null"),
    ("receive_time", NS, ""),
    ("receive_mono", pa.int64(), ""),
    ("sequence", pa.uint32(), ""),
    ("sub", pa.uint32(), ""),
    ("status", pa.uint32(), ""),
    ("vtype", pa.uint8(), ""),
    ("v_f64", pa.float64(), "null"),
    ("v_i64", pa.int64(), "null"),
    ("v_bool", pa.bool_(), "null"),
    ("v_str", pa.string(), "null"),
    ("raw", pa.binary(), "null"),
    ("raw_time", pa.binary(), "null"),
    ("flags", pa.uint8(), ""),
)
"""One row per data change, as the server sent it.

`raw_time` is null unless a stamp does not fit nanoseconds since 1970 or carries picoseconds; then it is `RAW_TIME`.
"""

EVENT_SEGMENT: pa.Schema = columns(
    ("node", pa.uint32(), ""),
    ("event_time", NS, "null"),
    ("receive_time", NS, ""),
    ("receive_mono", pa.int64(), ""),
    ("sequence", pa.uint32(), ""),
    ("sub", pa.uint32(), ""),
    ("event_id", pa.binary(), "null"),
    ("event_type", pa.string(), "null"),
    ("source_node", pa.string(), "null"),
    ("source_name", pa.string(), "null"),
    ("message", pa.string(), "null"),
    ("severity", pa.uint16(), "null"),
    ("condition_id", pa.string(), "null"),
    ("condition_name", pa.string(), "null"),
    ("active", pa.bool_(), "null"),
    ("acked", pa.bool_(), "null"),
    ("confirmed", pa.bool_(), "null"),
    ("suppressed", pa.bool_(), "null"),
    ("retain", pa.bool_(), "null"),
    ("fields", pa.string(), "null"),
    ("raw", pa.binary(), "null"),
    ("flags", pa.uint8(), ""),
)
"""One row per event or alarm notification; `node` is the notifier, `source_node` the event's SourceNode as C1 text."""

RAW_TIME: Final = "<qHqH"
"""struct of `raw_time`: source ticks and picoseconds, server ticks and picoseconds; ticks of 100 ns since 1601."""

NO_TICKS: Final = -(2**63)
"""A stamp that is absent, in `raw_time`; no DateTime on the wire can have this value as a time."""

ARRAY: Final = 0x80
"""Added to `vtype` when the value is an array."""


class Flag(IntFlag):
    """Bits of the column `flags`. Without INITIAL, REPUBLISHED, HISTORY, POLLED, HEARTBEAT a row came live."""

    INITIAL = 1
    REPUBLISHED = 2
    HISTORY = 4
    POLLED = 8
    CARRIED = 16
    """The last known value, repeated at the start of a segment: has no `seq`, is in no count and no view."""
    HEARTBEAT = 32
    """The last known value, repeated while the connection stood and nothing came."""


UNSENT: Final = int(Flag.HISTORY | Flag.POLLED | Flag.HEARTBEAT)
"""Rows that came with no message of the subscription."""

OLD: Final = int(Flag.INITIAL | Flag.POLLED)
"""Rows whose stamp may be as old as the machine: they say what holds, not what just happened."""


TELEMETRY_KIND: Final = "telemetry"
EVENTS_KIND: Final = "events"
SCHEMAS: Final[dict[str, pa.Schema]] = {TELEMETRY_KIND: SEGMENT, EVENTS_KIND: EVENT_SEGMENT}
PREFIXES: Final[dict[str, str]] = {TELEMETRY_KIND: "seg", EVENTS_KIND: "evt"}

CACHE_FILE: Final = "capture.json"
LOCK_FILE: Final = "LOCK"
SEGMENT_NAME: Final = re.compile(r"(seg|evt)-(\d{8,10})\.arrows")
NODES_NAME: Final = re.compile(r"nodes-([0-9a-f]{32})\.arrows")
TYPES_NAME: Final = re.compile(r"types-([0-9a-f]{32})\.json")

# keys of the schema metadata
KEY_FORMAT: Final = b"omp.format"
KEY_CAPTURE: Final = b"omp.capture"
KEY_KIND: Final = b"omp.kind"
KEY_SEGMENT: Final = b"omp.segment"
KEY_FIRST_ROW: Final = b"omp.first_row"
KEY_NODES: Final = b"omp.nodes"
KEY_SESSION: Final = b"omp.session"
KEY_RETIRED: Final = b"omp.retired"
KEY_SERVER: Final = b"omp.server"
KEY_TYPES: Final = b"omp.types"

# keys of the custom metadata of one record batch
KEY_COMMIT: Final = b"omp.commit"
KEY_JOURNAL: Final = b"omp.journal"
KEY_GAP: Final = b"omp.gap"
KEY_CARRIED: Final = b"omp.carried"
KEY_UNTIL: Final = b"omp.until"

MAX_METADATA: Final = 4 << 20
"""Bytes of one message header; a larger one is damage, whatever it says."""

MAX_DECODED: Final = 256 << 20
"""Bytes that one record batch may take after decompression; the writer splits long before (`SPLIT_BYTES`)."""

SPLIT_BYTES: Final = 64 << 20
MAX_ROWS: Final = 4 << 20
"""Rows of one record batch; the smallest row takes 40 bytes, so `SPLIT_BYTES` ends a batch long before."""

MAX_JSON: Final = 16 << 20
"""Bytes of capture.json and of a types file."""

MAX_NODE_TABLE: Final = 1 << 30
"""Bytes of a node table: some twenty million nodes at the 50 bytes each that a compressed one takes."""

MAX_RATIO: Final = 200
"""How many times its size a node table may take decompressed, beyond 16 MiB; real ones take twenty times."""

MAX_TABLES: Final = 10_000
"""How often a capture may name node tables; each naming is a new description of a server."""

MAX_DESCRIBED: Final = 20_000_000
"""Nodes to look at, over all namings, when rows are read; a description that changes nothing is not named again."""

MAX_ENTRY: Final = 256 << 10
"""Bytes of one journal entry or gap; a longer detail is cut when written."""

MAX_HANDLE: Final = 10_000_000
"""Handles are dense from 1; a table that claims a higher one is damage, not a reason to allocate."""

BLOCK: Final = 4096
"""A torn tail larger than this is kept in a `.torn` file when `recover` cuts it off."""

ROTATE_BYTES: Final = 64 << 20
ROTATE_SECONDS: Final = 15 * 60.0


def segment_file(kind: str, number: int) -> str:
    """File name of a segment; numbers count from 1."""
    return f"{PREFIXES[kind]}-{number:08d}.arrows"
