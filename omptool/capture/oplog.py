"""What a recording tells its log: every journal entry and every window, as records of the standard library's `logging`.

Silent unless somebody listens (`--log-file`, or a handler of whoever uses the library). The facts ride on the record as
`event`, `server` and `detail`; how a line looks is the handler's business. A record says no more than the journal does,
and that has no secrets in it. Opens nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

LOG = logging.getLogger("omptool.capture")
LOG.addHandler(logging.NullHandler())

_UNTOLD = frozenset({"ledger", "retired"})
"""Bookkeeping for `verify`: every half a minute, and nothing that happened."""

_WARNINGS = frozenset(
    {
        "lost", "unreachable", "not_resumed", "item_failed", "slow_disk", "client_slow", "overflow", "undecodable",
        "clock_step", "browse_failed", "retention_short", "failover",
    }
)  # fmt: skip

_LONGEST = 500
"""Characters of one text in a detail."""


def entry(kind: str, server: str | None, detail: Mapping[str, Any] | None) -> None:
    """Something that the journal says."""
    level = logging.WARNING if kind in _WARNINGS else logging.INFO
    if kind not in _UNTOLD and LOG.isEnabledFor(level):
        told = {name: _told(value) for name, value in (detail or {}).items()}
        LOG.log(level, "%s", kind, extra={"event": kind, "server": server, "detail": told})


def window(
    reason: str, server: str, start_ns: int, end_ns: int | None, missing: int | None, detail: Mapping[str, Any] | None
) -> None:
    """Values may be missing in [start, end); told when it opens, and again when its end is known."""
    if not LOG.isEnabledFor(logging.WARNING):
        return
    from omptool.model.times import format_time

    told: dict[str, Any] = {"reason": reason, "start": format_time(start_ns // 1000)}
    told["end"] = None if end_ns is None else format_time(end_ns // 1000)
    told |= {name: _told(value) for name, value in {"missing": missing, **(detail or {})}.items() if value is not None}
    LOG.warning("gap", extra={"event": "gap", "server": server, "detail": told})


def _told(value: Any) -> Any:
    """Lists by their length, long texts by their beginning: a log is read by people, the journal has the rest."""
    if isinstance(value, list | tuple):
        return len(value)
    if isinstance(value, Mapping):
        return {str(name): _told(each) for name, each in list(value.items())[:20]}
    if isinstance(value, str) and len(value) > _LONGEST:
        return value[:_LONGEST] + "…"
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)[:_LONGEST]
