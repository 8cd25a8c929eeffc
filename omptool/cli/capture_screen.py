"""What a person sees of a recording while it runs: one calm block on stderr. Renders `Progress`, decides nothing."""

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
from omptool.cli.capture_words import clock, lasting, short, size, without_address

if TYPE_CHECKING:
    from omptool.capture.recording.terms import Limits, Progress, ServerProgress

_REDRAW_S = 0.25
_TELL_S = 1.0
"""Between two lines for programs."""

_RATE_OVER_S = 5.0
"""Rates are averages over this long: a person reads trends, not single publishes."""

_MOST_LINES = 12
"""Servers shown one by one, those in trouble first."""


class Screen:
    """Shows `facts` for as long as the block lasts."""

    def __init__(self, mode: str, output: Path, limits: Limits, facts: Progress) -> None:
        self._progress = diagnostics.Progress(str(mode))
        self._output = output
        self._limits = limits
        self._facts = facts
        self._samples: deque[tuple[float, int, dict[str, int]]] = deque()

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
            await asyncio.sleep(_TELL_S if self._progress.is_json else _REDRAW_S)

    def _rates(self) -> tuple[dict[str, float], float]:
        """Rows per second of each server, and bytes per second of all."""
        now, facts = time.monotonic(), self._facts
        self._samples.append((now, facts.bytes, {server.label: server.rows for server in facts.servers}))
        while now - self._samples[0][0] > _RATE_OVER_S:
            self._samples.popleft()
        then, written, rows = self._samples[0]
        seconds = max(now - then, _REDRAW_S)
        rates = {server.label: (server.rows - rows.get(server.label, 0)) / seconds for server in facts.servers}
        return rates, (facts.bytes - written) / seconds

    def _lines(self) -> list[str]:
        facts = self._facts
        rates, bytes_per_s = self._rates()
        several = len(facts.servers) > 1
        name = f"{len(facts.servers)} servers" if several else "".join(short(one.label) for one in facts.servers)
        if not facts.is_capturing:
            found = f"  {facts.nodes:,} nodes" if facts.nodes else ""
            away = [
                f"{short(one.label)}  ○ {without_address(one.cause)}" for one in facts.servers if several and one.cause
            ]
            return [f"{facts.phase} {name}{found}", *away[:_MOST_LINES]]
        head = f"capturing {name} → {self._output}"
        clock = self._clock()
        room = max(min(terminal.columns(80), 100) - 2 - terminal.width(head), len(clock) + 2)
        return [
            head + clock.rjust(room),
            *self._servers(rates, several),
            f"disk {size(bytes_per_s)}/s · {self._room_left(bytes_per_s)}{facts.rows:,} rows · {size(facts.bytes)}",
        ]

    def _servers(self, rates: dict[str, float], several: bool) -> list[str]:
        """One line each; when there are too many, those in trouble first."""
        servers = self._facts.servers
        if not several:
            return [_link(server, rates[server.label]) for server in servers]
        shown = servers
        if len(servers) > _MOST_LINES:
            shown = sorted(servers, key=lambda one: one.is_connected)[:_MOST_LINES]
        width = max(terminal.width(short(server.label)) for server in shown)
        lines = [
            short(server.label) + " " * (width - terminal.width(short(server.label)) + 2)
            + _link(server, rates[server.label])
            for server in shown
        ]  # fmt: skip
        left = len(servers) - len(shown)
        return [*lines, f"and {left:,} more servers"] if left else lines

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
        lasts = f" for {lasting(free / bytes_per_s)}" if bytes_per_s > 0 else ""
        return f"{size(free)} free{lasts} · "

    def _as_json(self) -> dict[str, object]:
        facts = self._facts
        rates, _ = self._rates()
        return {
            "phase": facts.phase,
            "seconds": round(time.monotonic() - facts.started, 3),
            "nodes": facts.nodes,
            "rows": facts.rows,
            "rows_per_s": round(sum(rates.values()), 1),
            "lag_s": round(facts.lag_s, 3),
            "bytes": facts.bytes,
            "gaps": facts.gaps,
            "servers": [
                {
                    "server": one.label,
                    "phase": one.phase,
                    "connected": one.is_connected,
                    "items": one.nodes,
                    "rows": one.rows,
                    "rows_per_s": round(rates[one.label], 1),
                    "lag_s": round(one.lag_s, 3),
                    "gaps": one.gaps,
                    "cause": one.cause,
                }
                for one in facts.servers
            ],
        }


def _link(server: ServerProgress, rows_per_s: float) -> str:
    """How one server is."""
    state = "complete" if not server.gaps else f"{server.gaps:,} window{'s' if server.gaps > 1 else ''} may lack values"
    if server.phase == "capturing":
        link = "● connected" if server.is_connected else f"◐ silent for {server.silence():.0f} s"
        return f"{link}  {server.nodes:,} items  {rows_per_s:,.0f}/s  lag {server.lag_s:.2f} s  {state}"
    if server.lost_ns is None:
        return f"◌ {server.phase}"
    since = time.strftime("%H:%M:%S", time.localtime(server.lost_ns / 1e9))
    again = f"attempt {server.attempts() + 1} in {server.retry_in():.1f} s" if server.retry_in() else "trying again"
    return f"◐ away since {since}, {again}  {without_address(server.cause)}"
