"""What `watch` shows: on a terminal a line per node that is drawn in place, in a pipe a row of JSON per change."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import pyarrow as pa

from omptool.cli import diagnostics, noderows, terminal
from omptool.cli.capture_words import short
from omptool.cli.output import emit
from omptool.cli.shortvalue import short_value
from omptool.model.path import Glob

_REDRAW_S = 0.25
_COURSE = 16
"""Values of a node that make its little chart."""

_BARS = "▁▂▃▄▅▆▇█"
_FRAME = 3
"""Lines around those of the nodes: the head, the foot, and where the prompt comes back."""

_SHOWN = ("path", "node_id", "type", "value", "value_exact", "value_text", "value_list", "unit", "status", "time")
_SAME = (
    "time", "time_ns", "type", "value", "value_exact", "value_text", "value_list", "raw", "status",
)  # fmt: skip
"""What makes a value another one."""


def selected(batch: pa.RecordBatch, globs: Sequence[str]) -> pa.RecordBatch:
    """The rows whose path matches one of the globs; all where there is none."""
    if not globs:
        return batch
    matchers = [Glob(glob) for glob in globs]
    paths = batch.column("path").to_pylist()
    return batch.filter(pa.array([any(one.matches(path) for one in matchers) for path in paths], pa.bool_()))


@dataclass(slots=True)
class Line:
    """One node, as last seen."""

    name: str
    value: str
    status: int
    time_s: float
    course: deque[float] = field(default_factory=lambda: deque(maxlen=_COURSE))


class Board:
    """Takes rows of `telemetry` and shows them, as long as the block lasts.

    Attributes:
        state: says in a few words what is going on.
    """

    def __init__(self, title: str, count: int | None) -> None:
        self.state: Callable[[], str] = lambda: "connecting"
        self.rows = 0
        self._title = short(title)
        self._count = count
        self._is_drawn = terminal.stdout_is_terminal() and terminal.stderr_is_terminal()
        self._progress = diagnostics.Progress("auto" if self._is_drawn else "none")
        self._lines: dict[tuple[str, str], Line] = {}
        self._before: dict[str, tuple[Any, ...]] = {}
        self._recent: deque[tuple[float, int]] = deque()

    def __enter__(self) -> Board:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """What was drawn stays: it is what the person has just looked at."""
        if self._is_drawn and kind is None:
            self._progress.update(self._block(), force=True)
            self._progress.leave()
        elif self._is_drawn:
            self._progress.clear()

    @property
    def is_full(self) -> bool:
        """Whether as many rows came as were asked for."""
        return self._count is not None and self.rows >= self._count

    def changed(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        """Of values that were read, those that are others than at the look before."""
        ids = rows.column("node_id").to_pylist()
        facts = list(zip(*(rows.column(name).to_pylist() for name in _SAME), strict=True))
        keep = [self._before.get(node) != _hashable(now) for node, now in zip(ids, facts, strict=True)]
        self._before |= {node: _hashable(now) for node, now in zip(ids, facts, strict=True)}
        return rows.filter(pa.array(keep, pa.bool_()))

    def take(self, rows: pa.RecordBatch) -> None:
        """Show these, as many as are still asked for."""
        if self._count is not None:
            rows = rows.slice(0, self._count - self.rows)
        if not rows.num_rows:
            return
        self.rows += rows.num_rows
        self._recent.append((time.monotonic(), rows.num_rows))
        if self._is_drawn:
            self._note(rows)
        else:
            emit(noderows.with_status_name(rows), format="jsonl")

    def say_away(self, cause: str) -> None:
        """In a pipe nobody sees the state."""
        if not self._is_drawn:
            diagnostics.note(f"{self._title} is away, and tried again: {cause}")

    async def draw(self) -> None:
        """Draw again and again; until it is cancelled."""
        while self._is_drawn:
            self._progress.update(self._block(), force=True)
            await asyncio.sleep(_REDRAW_S)

    def _note(self, rows: pa.RecordBatch) -> None:
        columns = (rows.column(name).to_pylist() for name in (*_SHOWN, "server"))
        for path, node, kind, value, exact, text, listed, unit, status, moment, server in zip(*columns, strict=True):
            line = self._lines.setdefault((server, node), Line(path or node, "", 0, 0.0))
            line.value = short_value(kind, value, exact, text, listed, unit)
            line.status, line.time_s = status, moment.timestamp()
            if value is not None and value == value:
                line.course.append(value)

    def _block(self) -> list[str]:
        size = shutil.get_terminal_size()
        room = max(size.lines - _FRAME, 1)
        lines = sorted(self._lines.values(), key=lambda line: line.name)
        left = len(lines) - room
        shown = lines[: room - 1] if left > 0 else lines
        foot = [f"and {len(lines) - len(shown):,} more nodes; --select shows the ones you want"] if left > 0 else []
        return [f"{self._title}   {self.state()}   {self._rate():,.0f} changes/s", *_table(shown, size.columns), *foot]

    def _rate(self) -> float:
        now = time.monotonic()
        while self._recent and now - self._recent[0][0] > 5.0:
            self._recent.popleft()
        return sum(rows for _, rows in self._recent) / 5.0


def _table(lines: Sequence[Line], cells: int) -> list[str]:
    """Path, value, status, age, course; where it is narrow the course goes first, then the beginning of the path."""
    from omptool.model import status

    now = time.time()
    rows = [
        (line.name, line.value, status.name(line.status), age(now - line.time_s), course(line.course)) for line in lines
    ]
    widths = [max((terminal.width(terminal.escape(row[at])) for row in rows), default=0) for at in range(5)]
    if sum(widths) + 8 > cells:
        widths[4] = 0
    widths[0] = max(min(widths[0], cells - sum(widths[1:]) - 9), 12)
    found = []
    for name, value, state, old, chart in rows:
        cell = terminal.clip(terminal.escape(name), widths[0], keep_end=True)
        parts = [
            cell + " " * (widths[0] - terminal.width(cell)),
            " " * (widths[1] - terminal.width(terminal.escape(value))) + value,
            state.ljust(widths[2]),
            old.rjust(widths[3]),
            *([chart] if widths[4] else []),
        ]
        found.append("  ".join(parts).rstrip())
    return found


def age(seconds: float) -> str:
    """How long ago, in the largest unit that says something; ahead of our clock is now."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.1f} s"
    for unit, length, most in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < most:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86400:,.0f} d"


def course(values: Sequence[float]) -> str:
    """The last values as bars between their least and their greatest; one that does not move lies in the middle."""
    finite = [value for value in values if abs(value) < float("inf")]
    if not finite:
        return ""
    low, high = min(finite), max(finite)
    if low == high:
        return _BARS[3] * len(finite)
    top = len(_BARS) - 1
    return "".join(_BARS[round((value / 2 - low / 2) / (high / 2 - low / 2) * top)] for value in finite)


def _hashable(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(repr(each) if isinstance(each, float | list) else each for each in row)
