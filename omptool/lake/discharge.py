"""A capture that a lake has taken in whole → deleted, and only then.

Whole means: it is not being written and not damaged, every telemetry row of it was compared with the lake, its events,
journal and windows are there as well, and nothing was added to it meanwhile. Its lock is held while that is looked at
for the last time and while its files go, so no writer comes between. Nothing but its own files is deleted.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from omptool.capture import cache, view
from omptool.capture.format import LOCK_FILE
from omptool.capture.lock import Lock
from omptool.capture.reader import Capture
from omptool.capture.retired import BEGINNING
from omptool.errors import Busy
from omptool.lake import account
from omptool.lake.convert import Recording
from omptool.lake.small import changed_gaps
from omptool.lake.table import Table
from omptool.store.location import Location

RUNNING = "it is still being written"


def discharge(path: Path, recording: Recording, lake: Location) -> str:
    """Delete the capture at `path` if the lake has all of it.

    Returns:
        Why it was kept; empty when it is gone.

    Raises:
        LakeError, CaptureError: one of them cannot be read.
        OutputFailed: a file cannot be deleted; some may be gone, the lake has their rows.
    """
    if path.is_symlink():
        return "it is a link"
    try:
        lock = Lock(path)
    except Busy:
        return RUNNING
    try:
        capture = Capture.open(path)
        if why := _kept(capture, recording, lake):
            return why
        cache.clear(path)
    finally:
        lock.release()
    (path / LOCK_FILE).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # somebody else's files are in it
        path.rmdir()
    return ""


def _kept(capture: Capture, recording: Recording, lake: Location) -> str:
    if capture.id != recording.id:
        return "another capture has taken its place"
    if capture.damage:
        return "it is damaged, and what is missing might still be recovered"
    telemetry = Table(lake, "telemetry")
    if telemetry.done(capture.id) != capture.last_row:
        return "rows were added to it meanwhile"
    if not account.compare(lake, recording).is_whole:
        return "the rows in the lake are not the same"
    is_cut = any(start != BEGINNING for start in capture.starts.values())  # by age or size: the lake has more than it
    for name, rows in (("events", capture.event_rows), ("journal", capture.journal().num_rows)):
        table = Table(lake, name)
        there = account.counts(table, table.entries()).get(capture.id, 0)
        if there < rows or (there > rows and not is_cut):
            return f"its {name} are not all in the lake"
    if changed_gaps(Table(lake, "gaps"), capture.id, view.gaps(capture), capture.last_row) is not None:
        return "its gaps are not those in the lake"
    return ""
