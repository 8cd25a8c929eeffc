"""What a person sees of a recording: one calm block on stderr while it runs, and the last word.

Only renders `Progress` and `RecordingResult`; decides nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from omptool.cli import diagnostics, terminal
from omptool.cli.diagnostics import typed
from omptool.cli.output import Rows
from omptool.model.vocabulary import GapReason

if TYPE_CHECKING:
    from omptool.capture.recording import Limits, Progress, RecordingResult
    from omptool.config import ServerConfig

_REDRAW_S = 0.25
_RATE_OVER_S = 5.0
"""Rates are averages over this long: a person reads trends, not single publishes."""

_TELLING_ROWS = 1000
"""Below this, bytes per row would speak of the file's frame."""

_CAUSES = {
    GapReason.CONNECTION_LOST: "connection lost",
    GapReason.SEQUENCE_LOST: "messages lost on the way",
    GapReason.QUEUE_OVERFLOW: "a queue of the server ran over",
    GapReason.ITEM_FAILED: "not monitored",
}


class Screen:
    """Shows `facts` for as long as the block lasts."""

    def __init__(self, mode: str, server: ServerConfig, output: Path, limits: Limits, facts: Progress) -> None:
        self._progress = diagnostics.Progress(str(mode))
        self._server = server
        self._output = output
        self._limits = limits
        self._facts = facts
        self._samples: deque[tuple[float, int, int]] = deque()

    async def __aenter__(self) -> Screen:
        self._task = asyncio.create_task(self._redraw())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        if self._progress.is_json and kind is None:
            self._progress.update([], self._as_json(), force=True)
        self._progress.clear()

    async def _redraw(self) -> None:
        while self._progress.draws or self._progress.is_json:
            self._progress.update(self._lines() if self._progress.draws else [], self._as_json(), force=True)
            await asyncio.sleep(_REDRAW_S)

    def _rates(self) -> tuple[float, float]:
        """Rows and bytes per second."""
        now, facts = time.monotonic(), self._facts
        self._samples.append((now, facts.rows, facts.bytes))
        while now - self._samples[0][0] > _RATE_OVER_S:
            self._samples.popleft()
        then, rows, size = self._samples[0]
        seconds = max(now - then, _REDRAW_S)
        return (facts.rows - rows) / seconds, (facts.bytes - size) / seconds

    def _lines(self) -> list[str]:
        facts, name = self._facts, label(self._server)
        rows_per_s, bytes_per_s = self._rates()
        if facts.phase != "capturing":
            found = f"  {facts.nodes:,} nodes" if facts.nodes else ""
            return [f"{facts.phase} {name}{found}"]
        head = f"capturing {name} → {self._output}"
        clock = self._clock()
        room = max(min(terminal.columns(80), 100) - 2 - terminal.width(head), len(clock) + 2)
        link = "● connected" if facts.is_connected else f"◐ silent for {facts.silence():.0f} s"
        state = "complete" if not facts.gaps else f"{facts.gaps:,} windows may lack values"
        return [
            head + clock.rjust(room),
            f"{link}  {facts.nodes:,} items  {rows_per_s:,.0f}/s  lag {facts.lag_s:.2f} s  {state}",
            f"disk {size(bytes_per_s)}/s · {self._room_left(bytes_per_s)}{facts.rows:,} rows · {size(facts.bytes)}",
        ]

    def _clock(self) -> str:
        elapsed = clock(time.monotonic() - self._facts.started)
        if self._limits.seconds is not None:
            return f"{elapsed} of {clock(self._limits.seconds)}"
        if self._limits.count is not None:
            return f"{elapsed}  {self._facts.rows / self._limits.count:.0%} of {self._limits.count:,} rows"
        return elapsed

    def _room_left(self, bytes_per_s: float) -> str:
        try:
            free = shutil.disk_usage(self._output).free
        except OSError:
            return ""
        lasts = f" for {_long(free / bytes_per_s)}" if bytes_per_s > 0 else ""
        return f"{size(free)} free{lasts} · "

    def _as_json(self) -> dict[str, object]:
        facts = self._facts
        rows_per_s, _ = self._rates()
        return {
            "phase": facts.phase,
            "seconds": round(time.monotonic() - facts.started, 3),
            "nodes": facts.nodes,
            "rows": facts.rows,
            "rows_per_s": round(rows_per_s, 1),
            "lag_s": round(facts.lag_s, 3),
            "bytes": facts.bytes,
            "gaps": facts.gaps,
        }


def last_word(result: RecordingResult | None, server: ServerConfig, output: Path) -> None:
    """Say on stderr what was recorded, whether it is complete, and what comes next."""
    if result is None:
        diagnostics.note("stopped before anything was captured")
        return
    per_row = f" ({result.bytes / result.rows:.1f} B/row)" if result.rows >= _TELLING_ROWS else ""
    diagnostics.note(
        f"{result.rows:,} rows of {result.nodes:,} nodes in {clock(result.seconds)}, {size(result.bytes)}{per_row}"
    )
    diagnostics.note(f"{label(server)} " + " · ".join(_verdicts(result)))
    for failed in result.failed[:5]:
        diagnostics.note(f"  {failed.path}   {failed.status_name}")
    if len(result.failed) > 5:
        diagnostics.note(f"  and {len(result.failed) - 5:,} more; all of them:  omptool verify {typed(output)}")
    diagnostics.note(f"next: omptool verify {typed(output)}   omptool convert {typed(output)} -o lake")


def summary(result: RecordingResult | None) -> Rows:
    """The one JSON line for programs (C7)."""
    columns = ("rows", "nodes", "servers", "gaps", "seconds")
    if result is None:
        return Rows(columns, [(0, 0, 0, 0, 0.0)])
    return Rows(columns, [(result.rows, result.nodes, 1, sum(result.gaps.values()), round(result.seconds, 3))])


def _verdicts(result: RecordingResult) -> list[str]:
    failed = len(result.failed)
    windows = {reason: number for reason, number in result.gaps.items() if reason != GapReason.ITEM_FAILED}
    words = []
    for reason, number in windows.items():
        cause = _CAUSES.get(GapReason(reason), str(reason).replace("_", " "))
        if reason == GapReason.CONNECTION_LOST:
            cause += f": {result.cause}"
        words.append(f"{number:,} window{'s' if number > 1 else ''} may lack values ({cause})")
    if failed:
        words.append(f"{failed:,} of {failed + result.nodes:,} nodes not monitored")
    if not windows and result.sampled < result.nodes:
        words.insert(0, "complete" if not result.sampled else f"{result.nodes - result.sampled:,} nodes complete")
    if result.sampled:
        words.append(f"{result.sampled:,} nodes sampled: {_sampled_how(result)}")
    return words


def _sampled_how(result: RecordingResult) -> str:
    """What a person has to know about values that were never offered."""
    least, most = result.sampled_ms
    if not most:
        return "the server queues one value of each, and overwrites it"
    every = f"{most:g} ms" if least == most else f"{least:g} to {most:g} ms"
    return f"the server looks at them every {every}, changes in between are not seen"


def label(server: ServerConfig) -> str:
    """How a person calls the server: its name, else host and port."""
    return server.name or server.url.removeprefix("opc.tcp://").partition("/")[0]


def clock(seconds: float) -> str:
    """`00:12:41`; days count as hours."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest:02d}"


def size(count: float) -> str:
    """`103 MB`, decimal as disks are sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _long(seconds: float) -> str:
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:.0f} seconds"
