"""What a server granted: a subscription, with its revised figures and the result for every item. Plain data."""

from __future__ import annotations

from dataclasses import dataclass

from omptool.opcua.subscribing.items import MonitoredItem


@dataclass(frozen=True, slots=True)
class Subscription:
    """A subscription as the server granted it; all figures are revised ones."""

    sub: int
    publishing_ms: float
    keep_alive_count: int
    lifetime_count: int
    items: tuple[MonitoredItem, ...] = ()

    @property
    def keep_alive_s(self) -> float:
        """A message, if only a keep-alive, is due at least this often."""
        return self.publishing_ms * self.keep_alive_count / 1000

    @property
    def lifetime_s(self) -> float:
        """How long the server keeps it, and its queues, while nobody asks."""
        return self.publishing_ms * self.lifetime_count / 1000

    @property
    def created_ns(self) -> tuple[int, int] | None:
        """The server's clock when the first and when the last item existed; None when it does not say."""
        moments = [item.created_ns for item in self.items if item.created_ns is not None]
        return (min(moments), max(moments)) if moments else None
