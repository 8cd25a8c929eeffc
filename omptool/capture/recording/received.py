"""What the subscription hands on, in the shapes that the store takes: the seam between receiving and writing. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from omptool.capture.recording.outage import Hole
from omptool.capture.rows import Block
from omptool.model.times import ticks_to_unix_ns
from omptool.model.vocabulary import Origin
from omptool.protocol.publish import DataChange, Events

if TYPE_CHECKING:
    from omptool.opcua.subscribing.subscription_batch import Received, SequenceGap


def blocks(notifications: Sequence[Received], kind: type[DataChange | Events] = DataChange) -> Iterator[Block]:
    """Data changes, or notifications of another kind, each with when and how it came."""
    for received in notifications:
        if isinstance(received.notification, kind):
            yield Block(
                received.notification.count,
                received.notification.items,
                received.receive_ns,
                received.receive_mono,
                received.sequence,
                unix_ns(received.publish_ticks),
                received.origin is Origin.REPUBLISHED,
            )


def hole(gap: SequenceGap) -> Hole:
    """What never arrived, by PublishTimes."""
    detail = {"first": gap.first, "last": gap.last, "answer": gap.answer}
    return Hole(unix_ns(gap.before_ticks), unix_ns(gap.after_ticks), gap.missing, detail)


def unix_ns(ticks: int) -> int | None:
    """Ticks since 1601 as Unix nanoseconds; None for no time."""
    return ticks_to_unix_ns(ticks) if ticks > 0 else None
