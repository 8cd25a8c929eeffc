"""Notices that a server is silent for longer than it promised: one timer, set again only when it has run out.

When we ourselves stood still (a suspended process, a laptop asleep), or asked for nothing, the silence was ours.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from omptool.opcua.subscribing.stalls import STALLED_S


class Watch:
    """Judges by when the server was heard last.

    Args:
        limit_s: longest silence.
        is_asked: whether anything was asked of the server, so that an answer is due.
        on_silence: called once, with the seconds.

    Attributes:
        heard: monotonic seconds.
    """

    def __init__(
        self,
        limit_s: float,
        *,
        is_asked: Callable[[], bool],
        on_silence: Callable[[float], None],
    ) -> None:
        self.heard = time.monotonic()
        self._limit_s = limit_s
        self._is_asked = is_asked
        self._on_silence = on_silence
        self._timer: asyncio.TimerHandle | None = None

    @property
    def silent_s(self) -> float:
        return time.monotonic() - self.heard

    def begin(self) -> None:
        """Start to watch."""
        self._sleep()

    def end(self) -> None:
        """Nobody minds any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _sleep(self) -> None:
        due = self.heard + self._limit_s
        self._timer = asyncio.get_running_loop().call_later(due - time.monotonic(), self._look, due)

    def _look(self, due: float) -> None:
        now = time.monotonic()
        if now - due > STALLED_S:
            self.heard = now
        if not self._is_asked():
            self.heard = now
        if now - self.heard >= self._limit_s:
            self._on_silence(now - self.heard)
        else:
            self._sleep()
