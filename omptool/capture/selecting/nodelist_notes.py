"""What lists of nodes that were written for other tools say and a capture cannot do: collected, then told in sentences.

Pure. A setting that is silently dropped would be believed in.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from omptool.model.listing import listed

_NAMED = 5
"""Nodes or keys named in one note."""


class Told:
    """Collects what the notes about a file will say.

    Attributes:
        otherwise: (key, what a capture does instead), with how often it stands there.
        aside: keys that mean nothing for a capture; `unknown` those that nobody here knows.
        left_out: why → nodes.
    """

    def __init__(self, file: str) -> None:
        self._file = file
        self.aside: Counter[str] = Counter()
        self.otherwise: Counter[tuple[str, str]] = Counter()
        self.unknown: Counter[str] = Counter()
        self.left_out: dict[str, list[str]] = defaultdict(list)
        self.has_security = False

    def notes(self) -> Iterator[str]:
        """A sentence each."""
        file = self._file
        for why, nodes in self.left_out.items():
            yield f"{file}: {_count(len(nodes), 'node')} left out, {why}: {listed(nodes, _NAMED)}"
        for (name, instead), count in self.otherwise.items():
            yield f"{file}: {name} (in {_count(count, 'place')}) cannot be had: {instead}"
        if self.has_security:
            yield f"{file}: security and users are not taken from it; they belong into [servers.NAME] of omptool.toml"
        if self.aside:
            yield f"{file}: of no meaning for a capture, about messages and sending: {listed(self.aside, _NAMED)}"
        if self.unknown:
            yield f"{file}: unknown keys, not used: {listed(self.unknown, _NAMED)}"


def _count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number:,} {what}s"
