"""capture.json: a summary beside the segments for people and quick looks. It proves nothing and can be rebuilt.

Readers use two things of it: the capture id when a segment's own header is damaged, and the names of files that ought
to be there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omptool.capture.batches import read_small_file
from omptool.capture.format import CACHE_FILE, FORMAT, NODES_NAME, SCHEMAS, SEGMENT_NAME, TYPES_NAME
from omptool.capture.retired import BEGINNING, Start, read_start
from omptool.capture.segment import write_file
from omptool.errors import OutputFailed
from omptool.model import bounded_json


@dataclass(frozen=True, slots=True)
class CachedSegment:
    """A closed segment: acknowledged bytes, and the `seq` that follows its last row."""

    file: str
    bytes: int
    end_row: int


@dataclass(frozen=True, slots=True)
class Cached:
    """What capture.json says."""

    capture_id: str
    format: int
    segments: dict[str, CachedSegment]
    starts: dict[str, Start]


def write(
    folder: Path,
    capture_id: str,
    *,
    state: str,
    segments: Sequence[dict[str, Any]],
    nodes: Sequence[dict[str, Any]],
    starts: Mapping[str, Start],
) -> None:
    """Replace capture.json; `starts`: by kind, where the segments begin that retention has kept.

    Raises:
        DiskFull, OutputFailed: the old one stays.
    """
    data = {
        "omp.format": FORMAT,
        "capture": capture_id,
        "state": state,
        "segments": list(segments),
        "nodes": list(nodes),
    }
    retired = {kind: start.facts() for kind, start in starts.items() if start != BEGINNING}
    data |= {"retired": retired} if retired else {}
    write_file(folder / CACHE_FILE, json.dumps(data, indent=1).encode() + b"\n")


def read(folder: Path) -> Cached | None:
    """What capture.json says; None when it is missing or not one."""
    text = read_small_file(folder / CACHE_FILE)
    try:
        data = bounded_json.loads(text or b"")
        entries = [CachedSegment(str(e["file"]), _count(e["bytes"]), _count(e["end_row"])) for e in data["segments"]]
        segments = {entry.file: entry for entry in entries if SEGMENT_NAME.fullmatch(entry.file)}
        retired = data.get("retired")
        starts = {kind: read_start(retired.get(kind)) for kind in SCHEMAS} if isinstance(retired, dict) else {}
        return Cached(str(data["capture"]), _count(data["omp.format"]), segments, starts)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"{value!r} is no count")
    return value


def is_capture(folder: Path) -> bool:
    """Whether a folder looks like a capture: segments, or a capture.json that is one."""
    return any(SEGMENT_NAME.fullmatch(entry.name) for entry in folder.iterdir()) or read(folder) is not None


def clear(folder: Path) -> None:
    """Delete the files of a capture, and nothing else, so that a new one can start.

    Raises:
        OutputFailed: one of them cannot be deleted.
    """
    for entry in sorted(folder.iterdir()):
        name = entry.name.removesuffix(".torn").removesuffix(".damaged").removesuffix(".partial")
        ours = name == CACHE_FILE or any(p.fullmatch(name) for p in (SEGMENT_NAME, NODES_NAME, TYPES_NAME))
        if ours and (entry.is_file() or entry.is_symlink()):
            try:
                entry.unlink()
            except OSError as error:
                raise OutputFailed(f"{entry}: {error.strerror}") from None
