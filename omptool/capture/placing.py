"""What a writer needs before its first row: a place that is free, an id, and where the numbering of segments stands."""

from __future__ import annotations

import json
import os
import socket
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from omptool import __version__
from omptool.capture import cache
from omptool.capture.format import (
    FORMAT,
    KEY_CAPTURE,
    KEY_FIRST_ROW,
    KEY_FORMAT,
    KEY_KIND,
    KEY_NODES,
    KEY_RETIRED,
    KEY_SEGMENT,
    KEY_SESSION,
    LOCK_FILE,
    segment_file,
)
from omptool.capture.retired import BEGINNING, Start
from omptool.capture.segment import SegmentFile, sync_folder
from omptool.errors import OutputExists, OutputFailed


@dataclass(slots=True)
class SegmentLine:
    """The segments of one kind: the open one, and where their numbering stands.

    Attributes:
        number: of the newest segment, 0 before the first; `sequence` of the next commit, `next_row` of the next row.
        opened_mono: when the open one was begun.
        start: where the segments begin that retention has kept; `gone_bytes` of this writer's it has not.
        earlier: segments of earlier runs, as capture.json names them; `done` those that this writer closed.
    """

    name: str
    number: int = 0
    sequence: int = 1
    next_row: int = 1
    file: SegmentFile | None = None
    opened_mono: int = 0
    start: Start = BEGINNING
    gone_bytes: int = 0
    earlier: list[dict[str, Any]] = field(default_factory=list)
    done: list[dict[str, Any]] = field(default_factory=list)

    @property
    def closed(self) -> list[dict[str, Any]]:
        return [*self.earlier, *self.done]

    @property
    def written_bytes(self) -> int:
        """Acknowledged bytes of segments that this writer began."""
        done: int = sum(entry["bytes"] for entry in self.done)
        return done + self.gone_bytes + (self.file.good if self.file is not None else 0)

    @property
    def held_bytes(self) -> int:
        """Acknowledged bytes of segments that are there, whoever began them."""
        earlier: int = sum(entry["bytes"] for entry in self.earlier)
        return earlier + self.written_bytes - self.gone_bytes

    def close(self) -> None:
        """The open segment is finished."""
        file, self.file = self.file, None
        if file is not None:
            entry = {"file": file.path.name, "kind": self.name, "bytes": file.good, "end_row": file.good_row}
            self.done.append(entry)

    def retire(self, start: Start) -> None:
        """Forget closed segments before `start`."""
        self.start, first = start, segment_file(self.name, start.number)
        self.gone_bytes += sum(entry["bytes"] for entry in self.done if entry["file"] < first)
        for entries in (self.earlier, self.done):
            entries[:] = [entry for entry in entries if entry["file"] >= first]

    def metadata(
        self, capture_id: str, node_tables: Sequence[Mapping[str, Any]], session: Mapping[str, Any]
    ) -> dict[bytes, bytes]:
        """What the schema of the newest segment says, besides its columns."""
        retired = {} if self.start == BEGINNING else {KEY_RETIRED: json.dumps(self.start.facts()).encode()}
        return retired | {
            KEY_FORMAT: str(FORMAT).encode(),
            KEY_CAPTURE: capture_id.encode(),
            KEY_KIND: self.name.encode(),
            KEY_SEGMENT: str(self.number).encode(),
            KEY_FIRST_ROW: str(self.next_row).encode(),
            KEY_NODES: json.dumps(node_tables).encode(),
            KEY_SESSION: json.dumps(session, default=str).encode(),
        }


def session_facts(started_ns: int) -> dict[str, Any]:
    """What every session record says."""
    return {"omptool": __version__, "host": socket.gethostname(), "pid": os.getpid(), "started": started_ns}


def make_folder(path: Path) -> None:
    """The folder of a capture, durably there.

    Raises:
        OutputFailed: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputFailed(
            f"cannot make {path}: {(error.strerror or str(error)).lower()}", "record to a folder that you may write to"
        ) from None
    sync_folder(path.parent)


def new_id(time_ns: int) -> str:
    """A capture id that no other capture has."""
    return f"{datetime.fromtimestamp(time_ns // 1_000_000_000, UTC):%Y%m%dT%H%M%SZ}-{uuid.uuid4().hex[:12]}"


def check_free(path: Path, force: bool, *, can_resume: bool = False) -> None:
    """Refuse to write over anything but, with `force`, a capture; `can_resume`: the hint may say so.

    Raises:
        OutputExists: something is there.
    """
    if is_free(path):
        return
    if not path.is_dir():
        raise OutputExists(f"{path} exists and is not a folder", "choose another name")
    if not cache.is_capture(path):
        raise OutputExists(f"{path} exists and holds something else", "choose another name")
    if not force:
        others = "add --resume to go on with it, or --force" if can_resume else "or add --force"
        raise OutputExists(f"{path} exists", f"choose another name, {others} to replace it")


def is_free(path: Path) -> bool:
    """Whether nothing is there: no file, or a folder with at most the lock of somebody who died before it began."""
    if not path.is_dir():
        return not path.exists() and not path.is_symlink()
    return all(entry.name == LOCK_FILE for entry in path.iterdir())
