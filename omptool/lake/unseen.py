"""When nobody can say what a node's value was: the windows of `gaps`, and the time after a capture had ended.

A row is held by what its own capture witnessed: the windows of another capture say nothing against it. Pure but for
`read`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from omptool.lake import order
from omptool.lake.compact import read
from omptool.lake.table import Table
from omptool.model.vocabulary import GapState

FOREVER = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class Window:
    """Microseconds since 1970 in which values of a capture may be missing; server or node_id None: of all of them."""

    capture: str
    server: str | None
    node_id: str | None
    start: int
    end: int


class Unseen:
    """The windows by node."""

    def __init__(self, windows: Iterable[Window]) -> None:
        self._by: dict[tuple[str, str | None, str | None], list[tuple[int, int]]] = {}
        for window in windows:
            key = window.capture, window.server, window.node_id
            self._by.setdefault(key, []).append((window.start, window.end))
        self._merged: dict[tuple[str, str, str], tuple[order.Ints, order.Ints]] = {}

    def known(self, node: tuple[str, str, str], steps: order.Ints, proofs: order.Ints) -> Any:
        """Whether a value holds at each step.

        Args:
            node: capture, server and node_id.
            proofs: up to when each value was witnessed: its own time, or when a server sent it.
        """
        starts, ends = self._windows(node)
        if not len(starts):
            return True
        begun = np.searchsorted(starts, steps, "right") - 1  # the last window that began
        inside = (begun >= 0) & (steps < ends[begun])
        over = np.searchsorted(ends, steps, "right") - 1  # the last one that ended
        forgotten = (over >= 0) & (proofs < ends[over])
        return ~(inside | forgotten)

    def _windows(self, node: tuple[str, str, str]) -> tuple[order.Ints, order.Ints]:
        if node not in self._merged:
            capture, server, node_id = node
            keys = ((capture, None, None), (capture, server, None), (capture, server, node_id))
            found = sorted(window for key in keys for window in self._by.get(key, ()))
            merged: list[tuple[int, int]] = []
            for start, end in found:
                if merged and start <= merged[-1][1]:
                    merged[-1] = merged[-1][0], max(merged[-1][1], end)
                elif end > start:
                    merged.append((start, end))
            self._merged[node] = (
                np.array([start for start, _ in merged], np.int64),
                np.array([end for _, end in merged], np.int64),
            )
        return self._merged[node]


def read_windows(gaps: Table, journal: Table) -> set[Window]:
    """All windows that a lake knows."""
    found = set()
    for row in _rows(gaps, ("server", "node_id", "start_time", "end_time", "state", "capture")):
        if row["state"] != GapState.BACKFILLED and row["start_time"] is not None:
            end = FOREVER if row["end_time"] is None else row["end_time"]
            found.add(Window(row["capture"], row["server"], row["node_id"], row["start_time"], end))
    ends: dict[str, list[tuple[int, str, int]]] = {}
    for row in _rows(journal, ("capture", "seq", "kind", "time")):
        if row["kind"] in ("stop", "resume"):
            ends.setdefault(row["capture"], []).append((row["seq"], row["kind"], row["time"]))
    for capture, entries in ends.items():
        stopped = None
        for _, kind, at in sorted(entries):
            if kind == "resume" and stopped is not None:
                found.add(Window(capture, None, None, stopped, at))
            stopped = at if kind == "stop" else None
        if stopped is not None:
            found.add(Window(capture, None, None, stopped, FOREVER))
    return found


def ended(windows: Iterable[Window], last: Mapping[str, int]) -> Iterator[Window]:
    """The windows, those behind the end of a capture not before its last value: a server's clock may be ahead of ours.

    Args:
        last: by capture, the time of its last value.
    """
    for window in windows:
        is_end = window.server is None and window.end == FOREVER
        yield replace(window, start=max(window.start, last.get(window.capture, 0) + 1)) if is_end else window


def _rows(table: Table, columns: tuple[str, ...]) -> Iterable[Mapping[str, Any]]:
    """Rows with times as microseconds; what stands in folder names is added."""
    for entry in table.entries():
        names = [name for name in columns if name not in entry.values]
        for part in read(entry.path, table.view, names):
            for index, name in enumerate(names):
                if name.endswith("time"):
                    part = part.set_column(index, name, part[name].cast("int64"))
            for row in part.to_pylist():
                yield row | dict(entry.values)
