"""Which handles the nodes of one server have in the capture: one range, in the order in which they are monitored.

Where new nodes are looked for while it records, handles behind them are kept free, because the rows of a subscription
are of one range of handles, and other servers have theirs behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from omptool.capture.format import FREE_HANDLES
from omptool.capture.recording.choosing import Found, in_order
from omptool.model.nodes import Node

if TYPE_CHECKING:
    from omptool.capture.recording.recorder import Recording
    from omptool.capture.resume import Left


class Numbering:
    """Of one server.

    Args:
        is_growing: whether handles are kept free.

    Attributes:
        handles: those of the nodes, and the free ones behind them.
    """

    def __init__(self, *, is_growing: bool) -> None:
        self.handles = range(0)
        self._is_growing = is_growing
        self._numbered: tuple[str, ...] = ()

    @property
    def base(self) -> int:
        """A node's handle in the capture is its ClientHandle plus this."""
        return self.handles.start - 1

    @property
    def free(self) -> int:
        """Nodes that may still come."""
        return len(self.handles) - len(self._numbered)

    def take_up(self, left: Left) -> None:
        """Nodes have handles from an earlier run."""
        self.handles = left.room
        self._numbered = tuple(left.handles) if self.handles else ()

    def in_order(self, found: Found) -> Found:
        """See `choosing.in_order`."""
        return in_order(found, self._numbered)

    def number(self, recording: Recording, chosen: Sequence[Node], *, is_new: bool) -> None:
        """Handles for these nodes; those that had one keep it where possible, but not on a server that is new."""
        wanted = tuple(node.node_id for node in chosen)
        has_room = len(wanted) + self._is_growing <= len(self.handles)
        if not is_new and self._numbered == wanted and (has_room or not self._is_growing):
            return
        grows = not is_new and bool(self._numbered) and wanted[: len(self._numbered)] == self._numbered
        if not (grows and has_room):
            free = max(FREE_HANDLES, len(wanted)) if self._is_growing else 0
            self.handles = recording.take_handles(len(wanted) + free, self.handles, grows=grows)
        self._numbered = wanted

    def grown(self, chosen: Sequence[Node]) -> None:
        """The last of these nodes are new, and take free handles."""
        self._numbered = tuple(node.node_id for node in chosen)

    def of(self, chosen: Sequence[Node]) -> dict[str, int]:
        """By NodeId the handle of each."""
        return {node.node_id: handle for node, handle in zip(chosen, self.handles, strict=False)}
