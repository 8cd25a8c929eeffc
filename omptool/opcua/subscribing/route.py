"""The addresses of one server: which is tried now, and which is next when that one is away.

A server of a redundant pair has several addresses, or the pair has one each; one session at a time. Pure.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omptool.config import ServerConfig

AT_ONCE_S = 0.1
"""Before the next address of a round is tried; whoever was at the whole round waits as long as a single one would."""


class Route:
    """Tries addresses in turn.

    Attributes:
        taken: the address that stood last; empty before the first.
    """

    def __init__(self, server: ServerConfig) -> None:
        self._servers = tuple(replace(server, url=url) for url in server.addresses)
        self._at = 0
        self._tried = 0
        self.taken = ""

    @property
    def server(self) -> ServerConfig:
        """The server at the address whose turn it is."""
        return self._servers[self._at]

    def failed(self, pause_s: float) -> float:
        """The address is away: take the next one; the seconds to wait, out of those that a single one would wait."""
        self._at = (self._at + 1) % len(self._servers)
        self._tried += 1
        if self._tried % len(self._servers):
            return min(pause_s, AT_ONCE_S)
        return pause_s

    @property
    def has_more(self) -> bool:
        """Whether the failed address was not the last of its round: another is tried at once."""
        return self._tried % len(self._servers) != 0

    def stands(self) -> str:
        """The address is connected; what it took the place of, empty when that is the one of before."""
        before, self.taken, self._tried = self.taken, self.server.url, 0
        return before if before != self.taken else ""
