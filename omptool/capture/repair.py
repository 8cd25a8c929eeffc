"""Rewrites one segment so that every reader can read it: intact intervals are copied byte for byte, damage becomes a
commit record that says how many rows lay there. The original is kept beside it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from omptool.capture import commits
from omptool.capture.commits import Commit
from omptool.capture.damage import Damage, Segment
from omptool.capture.format import (
    FORMAT,
    KEY_CAPTURE,
    KEY_FIRST_ROW,
    KEY_FORMAT,
    KEY_KIND,
    KEY_NODES,
    KEY_SEGMENT,
    SCHEMAS,
)
from omptool.capture.index import File, SegmentIndex
from omptool.capture.segment import Encoder, SegmentFile, sync_folder, write_error
from omptool.errors import Damaged

_FLUSH_BYTES = 64 << 20


def rewrite(segment: Segment, damage: Sequence[Damage], capture_id: str, nodes: Sequence[dict[str, object]]) -> Path:
    """Replace a damaged or missing segment; returns where its old bytes are kept.

    Args:
        segment: with its index; a missing file has an empty one.
        damage: of this file, with row counts.
        nodes: node tables to name when the header is lost.

    Raises:
        DiskFull, OutputFailed: the segment is as it was.
        Damaged: it changed meanwhile.
    """
    path = segment.index.path
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    steps: list[Commit | Damage] = [*segment.index.good, *damage]
    steps.sort(key=_place)
    schema = segment.schema
    if segment.index.head is None:
        schema = SCHEMAS[segment.kind].with_metadata(_metadata(segment, steps, capture_id, nodes))
    new = SegmentFile(partial, Encoder(schema), capture_id, sequence=1, first_row=1, name=path.name)
    try:
        _copy(segment.index, steps, new)
    except BaseException:
        new.abandon()
        partial.unlink(missing_ok=True)
        raise
    new.finish()
    kept = free_name(path, "damaged")
    try:
        if os.path.lexists(path):
            _keep(path, kept)
        partial.replace(path)
    except OSError as error:
        raise write_error(path, error) from None
    sync_folder(path.parent)
    return kept


def free_name(path: Path, suffix: str) -> Path:
    """`NAME.SUFFIX`, or `NAME.SUFFIX-2` … when that is taken."""
    candidate, number = path.with_name(f"{path.name}.{suffix}"), 2
    while os.path.lexists(candidate):
        candidate, number = path.with_name(f"{path.name}.{suffix}-{number}"), number + 1
    return candidate


def _place(step: Commit | Damage) -> tuple[int, int]:
    """Order in the file; a hole comes before the commit that found it."""
    return (step.offset, 1) if isinstance(step, Commit) else (step.start, 0)


def _copy(index: SegmentIndex, steps: Sequence[Commit | Damage], new: SegmentFile) -> None:
    old = File(index.path) if index.size else None
    try:
        for at, step in enumerate(steps):
            if isinstance(step, Commit):
                _copy_interval(old, index, step, new)
            else:
                _patch(step, steps[at + 1 :], new)
            if new.pending_bytes > _FLUSH_BYTES:
                new.flush()
        new.flush()
    finally:
        if old is not None:
            old.close()


def _copy_interval(old: File | None, index: SegmentIndex, commit: Commit, new: SegmentFile) -> None:
    data = bytes(old.read(commit.offset, commit.length)) if old is not None else b""
    if commits.crc(data) != commit.crc32:
        raise Damaged(f"{index.path.name} changed while it was repaired", "run the command again")
    if commit.offset == 0 and index.head is not None:
        data = data[len(index.head) :]  # the new file has its own header already
    new.add_encoded(data, commit.rows, (commit.t_min, commit.t_max))
    new.next_sequence = commit.sequence
    new.seal(commit.time, first_row=commit.first_row, lost=commit.lost)


def _patch(damage: Damage, following: Sequence[Commit | Damage], new: SegmentFile) -> None:
    """A commit record in the place of damage."""
    until = next((step for step in following if isinstance(step, Commit)), None)
    if until is not None:
        new.next_sequence = max(until.sequence - 1, 1)
    before = new.last.time if new.last is not None else 0
    new.add_encoded(b"", 0, (damage.t_min, damage.t_max))
    first = damage.first_row if damage.first_row is not None else new.next_row
    new.seal(
        until.time if until is not None else before, first_row=first, lost=-1 if damage.rows is None else damage.rows
    )


def _metadata(
    segment: Segment, steps: Sequence[Commit | Damage], capture_id: str, nodes: Sequence[dict[str, object]]
) -> dict[bytes, bytes]:
    first = next((step.first_row for step in steps if step.first_row is not None), 1)
    return {
        KEY_FORMAT: str(FORMAT).encode(),
        KEY_CAPTURE: capture_id.encode(),
        KEY_KIND: segment.kind.encode(),
        KEY_SEGMENT: str(segment.number).encode(),
        KEY_FIRST_ROW: str(first).encode(),
        KEY_NODES: json.dumps(list(nodes)).encode(),
    }


def _keep(path: Path, kept: Path) -> None:
    """Keep the old bytes under another name while the old name stays in place."""
    with contextlib.suppress(OSError):
        os.link(path, kept)
        return
    with path.open("rb") as old, kept.open("xb") as copy:  # x: never into what a link points to
        shutil.copyfileobj(old, copy)
