"""The views `journal` and `gaps` of a capture: what happened to it, and where values may be missing (C3).

Pure: works on what the reader found. Server subscription ids stand where the file has local handles.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from omptool.capture import evidence
from omptool.capture.entries import GapEntry
from omptool.model.contracts import GAPS, JOURNAL
from omptool.model.vocabulary import GapReason, GapState
from omptool.protocol.ledger import distance

if TYPE_CHECKING:
    from omptool.capture.commits import Commit
    from omptool.capture.damage import Damage
    from omptool.capture.reader import Capture


def journal(capture: Capture) -> pa.Table:
    """One row per entry, in the order in which it was written."""
    subs = _subscription_ids(capture)
    rows = [
        {
            "time": entry.time // 1000,
            "server": entry.server,
            "sub": subs.get(entry.sub) if entry.sub is not None else None,
            "kind": entry.kind,
            "detail": _json(entry.detail),
            "capture": capture.id,
            "seq": entry.seq,
        }
        for entry in capture.journal_entries
    ]
    return pa.Table.from_pylist(rows, schema=JOURNAL)


def gaps(capture: Capture) -> pa.Table:
    """One row per window: recorded ones, what nobody came to ask for again, damage, the missing `stop`."""
    rows = [*_recorded(capture), *_unfetched(capture), *_damaged(capture), *_patched(capture), *_unfinished(capture)]
    return pa.Table.from_pylist(rows, schema=GAPS)


def _recorded(capture: Capture) -> Iterator[dict[str, Any]]:
    subs = _subscription_ids(capture)
    node_ids = {
        node.handle: node.node.node_id for _, table in capture.tables.tables for node in table.nodes if node.handle
    }
    for gap in capture.gap_entries:
        yield _row(
            capture, gap, subs.get(gap.sub) if gap.sub is not None else None, _node_id(node_ids, gap, capture.id)
        )


def _node_id(node_ids: dict[int, str], gap: GapEntry, capture_id: str) -> str | None:
    return None if gap.node is None else node_ids.get(gap.node, unknown_node(capture_id, gap.node))


def _row(capture: Capture, gap: GapEntry, sub: int | None, node_id: str | None) -> dict[str, Any]:
    return {
        "server": gap.server,
        "node_id": node_id,
        "sub": sub,
        "start_time": gap.start_ns // 1000,
        "end_time": None if gap.end_ns is None else -(-gap.end_ns // 1000),
        "reason": gap.reason,
        "missing": gap.missing,
        "state": gap.state,
        "detail": _json(gap.detail),
        "capture": capture.id,
    }


def _unfetched(capture: Capture) -> Iterator[dict[str, Any]]:
    """Messages that were missing when the writer died: nobody asked the server for them again, or wrote a window."""
    subscribed = evidence.promised(capture)
    for sub, entry in evidence.newest(capture).items():
        for first, last, start_ns, end_ns in entry.missing if sub in subscribed else ():
            detail = {"first": first, "last": last, "cause": "the capture ended before the server sent them again"}
            missing = distance(first, last) + 1
            gap = GapEntry(
                subscribed[sub].server or "", None, sub, start_ns or subscribed[sub].time, end_ns,
                GapReason.SEQUENCE_LOST, missing, GapState.EXPLAINED, detail,
            )  # fmt: skip
            yield _row(capture, gap, _subscription_ids(capture).get(sub), None)


def _damaged(capture: Capture) -> Iterator[dict[str, Any]]:
    for damage in capture.damage:
        if damage.rows == 0 or damage.kind == "nodes":
            continue
        for server in _servers(capture):
            yield {
                "server": server,
                "start_time": _start_us(capture, damage),
                "end_time": None if damage.t_max is None else damage.t_max // 1000 + 1,
                "reason": GapReason.CORRUPT_SEGMENT,
                "missing": damage.rows,
                "state": GapState.EXPLAINED,
                "detail": _json({"cause": damage.reason, "file": damage.file}),
                "capture": capture.id,
            }


def _patched(capture: Capture) -> Iterator[dict[str, Any]]:
    """Damage that `recover` took out; its commit records say what it was."""
    for file, commit in capture.patches:
        if commit.lost == 0:
            continue
        for server in _servers(capture):
            yield {
                "server": server,
                "start_time": _start_us(capture, commit),
                "end_time": None if commit.t_max is None else commit.t_max // 1000 + 1,
                "reason": GapReason.CORRUPT_SEGMENT,
                "missing": None if commit.lost == -1 else commit.lost,
                "state": GapState.EXPLAINED,
                "detail": _json({"cause": "taken out by recover", "file": file}),
                "capture": capture.id,
            }


def _start_us(capture: Capture, lost: Damage | Commit) -> int:
    """When the lost rows may begin: their own first time, else the beginning of the capture."""
    known = lost.t_min
    if known is None:
        starts = (capture.first_time, *(entry.time for entry in capture.journal_entries[:1]))
        known = min((time for time in starts if time is not None), default=0)
    return known // 1000


def _unfinished(capture: Capture) -> Iterator[dict[str, Any]]:
    """A capture without `stop` ended, or is, somewhere behind its last commit."""
    if capture.finished:
        return
    detail = {"cause": "still being written" if capture.is_being_written else "the writer ended without a stop"}
    recorded, until = last_recorded(capture) or 0, counted_until(capture)
    subscribed = [entry for entry in capture.journal_entries if entry.kind == "subscribe"]
    latest = {entry.server: entry.sub for entry in subscribed if entry.sub is not None}
    left = {gap.server for gap in capture.gap_entries if gap.reason == GapReason.CLIENT_STOPPED and gap.end_ns is None}
    for server in _servers(capture):
        if server in left:  # stopped before, and not recorded again since
            continue
        yield {
            "server": server,
            "start_time": until.get(latest.get(server, -1), recorded) // 1000,
            "reason": GapReason.CLIENT_STOPPED,
            "state": GapState.EXPLAINED,
            "detail": _json(detail | {"torn_bytes": capture.torn_bytes}),
            "capture": capture.id,
        }


def counted_until(capture: Capture) -> dict[int, int]:
    """By `sub` handle the moment before which everything it sent is in the capture, by its last batch or account."""
    accounts = {sub: entry.until for sub, entry in evidence.newest(capture).items() if entry.until is not None}
    return {sub: max(capture.until.get(sub, 0), accounts.get(sub, 0)) for sub in capture.until.keys() | accounts.keys()}


def last_recorded(capture: Capture) -> int | None:
    """When the recording itself committed last, in Unix nanoseconds; a repair commits too, but records nothing."""
    found = None
    for entry in capture.journal_entries:
        known = entry.detail.get("last_commit")
        if entry.kind == "resume":
            found = None
        elif entry.kind == "recovered" and type(known) is int and found is None:
            found = known
    return capture.last_commit_time if found is None else found


def _servers(capture: Capture) -> list[str]:
    return [server.server for server in capture.servers] or [""]


def _subscription_ids(capture: Capture) -> dict[int, int]:
    """Local handle → SubscriptionId."""
    bound = {}
    for entry in capture.journal_entries:
        number = entry.detail.get("subscription_id")
        if entry.kind == "subscribe" and entry.sub is not None and type(number) is int and 0 <= number < 2**63:
            bound[entry.sub] = number
    return bound


def unknown_node(capture_id: str, handle: int) -> str:
    """A NodeId for a handle that no table explains, so that its rows still come back.

    Handles mean something within one capture only, so two captures never share such a node.
    """
    return f"nsu=urn:omptool:unknown-node:{capture_id};i={handle}"


def _json(detail: dict[str, Any]) -> str:
    return json.dumps(detail, ensure_ascii=False, default=str)
