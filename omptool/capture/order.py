"""Messages that come behind later ones: Republish brings what was skipped when newer values are long here.

The last value of a node is that of the highest number, not the one that came last; and what lay before a value that was
sent again is what was known before its number was skipped. Pure; remembers that for a few skipped numbers.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from omptool.capture.format import Flag
from omptool.protocol.ledger import LAST, distance, step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from omptool.capture.rows import Block

Times = npt.NDArray[np.int64]

_MOST_HOLES = 16
"""Skipped stretches whose beginning is remembered: they are asked for again at once."""


class Order:
    """The numbers of one subscription, as far as its rows need them.

    Attributes:
        newest: the highest number so far; 0 before the first.
    """

    def __init__(self, newest: int = 0) -> None:
        self.newest = newest
        self._holes: deque[tuple[int, Times]] = deque(maxlen=_MOST_HOLES)

    def follow(self, blocks: Sequence[Block], last_before: Callable[[int], Times], late: npt.NDArray[np.bool_]) -> None:
        """Messages came.

        Args:
            last_before: the last value of each node as known before the block of this place.
            late: by place, is set for those that come behind later ones.
        """
        for place, block in enumerate(blocks):
            ahead = distance(self.newest or LAST, block.sequence)
            if block.is_republished and self.newest and ahead > LAST // 2:
                late[place] = True
                continue
            if ahead > 1:
                self.skipped(step(self.newest or LAST), last_before(place))
            self.newest = block.sequence

    def skipped(self, first: int, last_ns: Times) -> None:
        """Messages from this number on did not come; before them, these were the last values of each node."""
        self._holes.append((first, last_ns))

    def before(self, number: int) -> Times | None:
        """The last values before a message that comes late; None when that is not known any more.

        To be kept up to date by whoever stores the message: others of the same stretch follow it.
        """
        holes = [(distance(first, number), at) for at, (first, _) in enumerate(self._holes)]
        steps, at = min(holes, default=(LAST, 0))
        return self._holes[at][1] if steps < LAST // 2 else None

    def closed(self) -> None:
        """Nothing is missing any more."""
        self._holes.clear()


def is_steady(sequences: npt.NDArray[np.int64], before: npt.NDArray[np.int64]) -> bool:
    """Whether each message has the number after the one before it, or the same: no stretch was skipped."""
    return bool((((sequences - before) % LAST) <= 1).all())


def overtaken(batch: pa.RecordBatch, known_sub: Times, known_sequence: Times) -> npt.NDArray[np.bool_]:
    """Which rows of `SEGMENT` were sent again behind a later one of their node.

    Args:
        known_sub, known_sequence: of the row of its node that is known, for each row; -1 = none.
    """
    subs, numbers = batch.column("sub").to_numpy(), batch.column("sequence").to_numpy()
    is_again = (batch.column("flags").to_numpy() & int(Flag.REPUBLISHED)) != 0
    behind = (known_sequence - numbers.astype(np.int64)) % LAST
    result: npt.NDArray[np.bool_] = is_again & (known_sub == subs) & (behind > 0) & (behind < LAST // 2)
    return result
