"""What a server allows in one request (OperationLimits, Part 5, 6.3.11)."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

SAFE_CHUNK = 1000
"""Used where a server states no limit: many refuse or time out above it (measured against three stacks)."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much a server takes at all (ServerCapabilities, Part 5, 6.3.2); 0 means that it does not say.

    Attributes:
        min_sampling_ms: the fastest it looks at a value.
    """

    max_monitored_items: int = 0
    max_monitored_items_per_subscription: int = 0
    max_queue_size: int = 0
    min_sampling_ms: float = 0.0

    @property
    def most_items(self) -> int:
        """Items that one subscription can have; 0 = not stated."""
        stated = [each for each in (self.max_monitored_items, self.max_monitored_items_per_subscription) if each]
        return min(stated, default=0)

    def within(self, other: Capacity) -> Capacity:
        """The smaller of both, number by number, and the slower sampling; what only one knows is that."""
        both = {one.name: (getattr(self, one.name), getattr(other, one.name)) for one in fields(self)}
        least = {name: min(filter(None, pair), default=0) for name, pair in both.items()}
        return replace(Capacity(**least), min_sampling_ms=max(self.min_sampling_ms, other.min_sampling_ms))


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

    def of_user(self, per_request: int | None) -> ServerLimits:
        """These, where the user says nothing; else his number for everything that one request may ask."""
        if per_request is None:
            return self
        said = {one.name: per_request for one in fields(self) if one.name not in _NOT_OF_A_REQUEST}
        return replace(self, **said)


_NOT_OF_A_REQUEST = frozenset({"max_browse_continuation_points"})
