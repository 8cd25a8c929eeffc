"""How long to wait before a server is tried again. Pure: chance and outcome are handed in.

Short at first, because most losses are; longer each time, because a server that is down is not helped by knocking; and
never the same for two clients, because all of a plant's clients lose its server in the same moment.
"""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_S = 0.5
MOST_S = 2.0
LONG_S = 4.0
"""The step, at first, soon, and after `SOON` attempts: data should flow again within ten seconds after a server is
back, and that takes one connection and the items too."""

SOON = 30
"""A minute, roughly."""

REFUSED_S = 30.0
"""Between attempts at a server that answered no: credentials and certificates are not mended in seconds, and accounts
are locked by those who hammer."""

STARTING = 5
"""Attempts at a server that took us before and now refuses, before that counts as an answer."""

STEADY_S = 10.0
"""A connection that lasted so long was a good one: the next loss starts from `FIRST_S` again."""


OPENING_S = 4.0
PATIENT = 4
"""A link that swallows everything must not hold an attempt for a whole time-out while it is mended meanwhile: after a
loss attempts are cut short, but every `PATIENT`th, for servers that need the whole time."""


SLOWER = 2
"""Attempts after which a time-out is doubled, and again, as long as it is short of `PATIENCE_S`."""

PATIENCE_S = 10.0


class Backoff:
    """Counts attempts at one server and says how long to wait for the next.

    Attributes:
        attempts: failed ones since the last steady connection.
    """

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self.attempts = 0
        self._chance = chance

    def failed(self, *, refused: bool = False) -> float:
        """Book a failed attempt or a lost connection; the seconds to wait, between half and all of the step."""
        most = MOST_S if self.attempts < SOON else LONG_S
        step = REFUSED_S if refused else min(FIRST_S * 2 ** min(self.attempts, SOON), most)
        self.attempts += 1
        return step * (0.5 + self._chance() / 2)

    def limits(self, timeout_s: float, *, is_back: bool) -> tuple[float, float]:
        """Time limits in the next connection: of requests, and of opening it.

        A short time-out grows while attempts fail: else a server, or a computer, that is slower for a while than
        somebody thought would never be had back. Of opening, after a loss, every `PATIENT`th has all of it.
        """
        doubled = timeout_s * float(1 << min(self.attempts // SLOWER, 10))
        patience_s = max(timeout_s, min(doubled, PATIENCE_S))
        is_whole = not is_back or self.attempts % PATIENT == 0
        return patience_s, patience_s if is_whole else min(OPENING_S, patience_s)

    def lasted(self, seconds: float) -> None:
        """Book how long a connection stood."""
        if seconds >= STEADY_S:
            self.attempts = 0
