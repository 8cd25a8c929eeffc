"""What a server allows in one request (OperationLimits, Part 5, 6.3.11)."""

from __future__ import annotations

from dataclasses import dataclass, fields

SAFE_CHUNK = 1000
"""Used where a server states no limit: many refuse or time out above it (measured against three stacks)."""


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """Operations per request; 0 means that the server states none."""

    max_nodes_per_read: int = 0
    max_nodes_per_browse: int = 0
    max_monitored_items_per_call: int = 0
    max_nodes_per_history_read_data: int = 0
    max_nodes_per_translate_browse_paths: int = 0
    max_browse_continuation_points: int = 0

    def chunk(self, stated: int) -> int:
        """How many operations to put into one request, given the stated limit."""
        return min(stated, SAFE_CHUNK) if stated > 0 else SAFE_CHUNK

    def within(self, other: ServerLimits) -> ServerLimits:
        """The smaller of both, limit by limit; what only one knows is that."""
        both = {one.name: (getattr(self, one.name), getattr(other, one.name)) for one in fields(self)}
        return ServerLimits(**{name: min(filter(None, pair), default=0) for name, pair in both.items()})
