"""What a capture says of a server's clock and of ours, as its writer read them last.

Whoever goes on with it can tell from that whether the server's clock was set in between. Pure but for reading the
capture; says nothing where it is not sure.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from omptool.capture.encode import trusted_times
from omptool.capture.format import UNSENT
from omptool.capture.steps import Reading

if TYPE_CHECKING:
    from omptool.capture.entries import JournalEntry
    from omptool.capture.evidence import Entry
    from omptool.capture.reader import Capture

_SAME_NS = 1_000_000


def last_reading(
    capture: Capture, bound: JournalEntry | None, accounts: Mapping[int, Entry], last_values: pa.RecordBatch
) -> Reading | None:
    """Of the subscription that `bound` began, by its last rows and its newest account."""
    publishing_ms = bound.detail.get("publishing_ms") if bound is not None else None
    if bound is None or bound.sub is None or not isinstance(publishing_ms, int | float):
        return None
    is_live = (last_values.column("flags").to_numpy() & UNSENT) == 0
    rows = last_values.filter(pa.array((last_values.column("sub").to_numpy() == bound.sub) & is_live))
    if not rows.num_rows:
        return None
    received = rows.column("receive_time").cast(pa.int64()).to_numpy()
    newest = int(np.argmax(received))
    wall_ns = int(received[newest])
    own_ahead_ns = wall_ns - int(rows.column("receive_mono").to_numpy()[newest])
    until, account = capture.until.get(bound.sub, 0), accounts.get(bound.sub)
    if account is not None and account.until is not None and account.until > until:
        until, wall_ns = account.until, account.time
    # a window begins one interval before the message, or with the stamp of its newest row, and then nobody knows it
    if not until or (np.abs(trusted_times(rows) - until) < _SAME_NS).any():
        return None
    return Reading(until + round(publishing_ms * 1e6), wall_ns, own_ahead_ns)
