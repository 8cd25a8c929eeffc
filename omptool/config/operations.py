"""Keys about what runs for long: segments, retention, lock, log and metrics of `[capture]`, memory of `[sql]`. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from omptool.config.events import EVENT_SETTINGS
from omptool.config.schema import CAPTURE_SETTINGS, GENERAL_SETTINGS, Setting, as_path, seconds, text
from omptool.config.stores import STORE_SETTINGS
from omptool.errors import UsageError
from omptool.model.sizes import parse_size

LEAST_BYTES, LEAST_S = 64_000, 1.0
"""Smaller segments would hold little more than what each of them repeats."""

LEAST_MEMORY = 64_000_000
"""With less, the engine has no room to spill from."""

LOG_FORMATS = ("text", "json")


class Address(NamedTuple):
    """Where metrics are served."""

    host: str
    port: int


def _size(least: int = 1) -> Callable[[object], int]:
    def parse(value: object) -> int:
        try:
            size = parse_size(text(value))
        except (UsageError, ValueError):
            raise ValueError('a size such as "64MB" or "10GB"') from None
        if size < least:
            raise ValueError(f"a size of at least {least // 1000} kB")
        return size

    return parse


def _at_least(least: float) -> Callable[[object], float]:
    def parse(value: object) -> float:
        found = seconds(value)
        if found < least:
            raise ValueError(f"a duration of at least {least:g}s")
        return found

    return parse


def _log_format(value: object) -> str:
    if value not in LOG_FORMATS:
        raise ValueError(f"one of {', '.join(LOG_FORMATS)}")
    return str(value)


def _address(value: object) -> Address:
    """`PORT`, `HOST:PORT` or `[v6]:PORT`; without a host the loopback."""
    written = str(value) if type(value) is int else text(value)
    host, _, port = written.rpartition(":")
    bare = host.strip("[]")
    if not port.isascii() or not port.isdigit() or int(port) > 65535 or (":" in written and not bare):
        raise ValueError("an address such as 127.0.0.1:9464, or a port alone")
    return Address(bare or "127.0.0.1", int(port))


OPERATING_SETTINGS = (
    Setting("capture.rotate_size", _size(LEAST_BYTES), None, "When a segment file ends, by size. Default: 64MiB."),
    Setting("capture.rotate_every", _at_least(LEAST_S), None, "When a segment file ends, by time. Default: 15m."),
    Setting("capture.keep_for", seconds, None, "Delete segments that were closed longer ago. Default: keep all."),
    Setting("capture.keep_size", _size(), None, "Delete the oldest segments while the capture is larger."),
    Setting("capture.keep_free", _size(), None, "Delete the oldest segments while less is free on the disk."),
    Setting("capture.lock", as_path, None, "File to hold as a lock while recording, as --lock.", is_path=True),
    Setting("capture.log_file", as_path, None, "File to write what happens to, as --log-file.", is_path=True),
    Setting("capture.log_format", _log_format, "text", "How a line of the log is written: text or json."),
    Setting("capture.metrics", _address, None, "[HOST:]PORT to serve metrics for Prometheus at, as --metrics."),
)
"""In the order of the reference."""

ASKING_SETTINGS = (
    Setting(
        "sql.memory", _size(LEAST_MEMORY), None,
        "What the SQL engine may hold before it spills rows to the disk: 2GiB. Default: half of the machine's.",
    ),
)  # fmt: skip

SETTINGS = (
    *CAPTURE_SETTINGS, *EVENT_SETTINGS, *OPERATING_SETTINGS, *STORE_SETTINGS, *ASKING_SETTINGS, *GENERAL_SETTINGS,
)  # fmt: skip
"""Every key of a table without a name of its own."""
