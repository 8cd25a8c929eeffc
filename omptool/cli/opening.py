"""Open the capture that a command was given; what is something else is said, with the command that reads it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from omptool.cli.diagnostics import typed
from omptool.cli.output import SUFFIXES
from omptool.errors import NotACapture, NotFound, UsageError
from omptool.store.location import location
from omptool.store.remote import Remote

if TYPE_CHECKING:
    from omptool.capture.reader import Capture
    from omptool.store.location import Location


def open_capture(path: Location) -> Capture:
    """The capture at `path`; one in a store is fetched first.

    Raises:
        NotACapture: a lake or a file of rows, with what to type instead; or something else.
        CaptureError, NotFound: see `Capture.open`.
    """
    path = here(path)
    refuse_others(path)
    from omptool.capture.reader import Capture

    return Capture.open(path)


def on_this_computer(path: Path, what: str) -> None:
    """Refuse a name in a store where only a disk will do; `what` it is for, as the beginning of a sentence."""
    if isinstance(where := location(path), Remote):
        raise UsageError(
            f"{what} on this computer, not in a store: {where}",
            "name a folder here; lakes, and files of rows, may lie in a store:  omptool convert x.omcap -o s3://BUCKET/LAKE",
        )


def here(path: Location) -> Path:
    """The capture as a folder on this computer; one in a store is fetched."""
    where = location(path) if isinstance(path, Path) else path
    if isinstance(where, Path):
        return where
    from omptool.sources import stored

    found = stored.find(str(where))
    if not isinstance(found, Path):
        raise NotACapture(
            f"{where} is a file, not a capture", f'query reads it:  omptool query "show tables" --on {typed(where)}'
        )
    return found


def refuse_others(path: Path) -> None:
    """Raise NotACapture for what another command reads."""
    from omptool.lake.layout import is_lake

    if not os.path.lexists(path):
        from omptool.sources.resolve import nearest

        raise NotFound(f"there is no {path}", nearest(path) or "a capture is the folder that `omptool capture -o` made")
    if is_lake(path):
        look = f"what it holds:        omptool info {typed(path)}"
        gaps = f'what may be missing:  omptool query "from gaps" --on {typed(path)}'
        rows = f'its rows:             omptool query "from telemetry limit 20" --on {typed(path)}'
        raise NotACapture(f"{path} is a lake, not a capture", "\n".join([look, gaps, rows]))
    if SUFFIXES.get(path.suffix.lower(), "table") != "table" and path.is_file():
        raise NotACapture(
            f"{path} is a file, not a capture", f'query reads it:  omptool query "show tables" --on {typed(path)}'
        )
