"""What lies around a case: captures, lakes and files, made once per session and copied to where the case runs."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from omptool.lake.convert import convert
from omptool.sources.capture import CaptureSource
from tests.errors.case import Case
from tests.sources.captures import capture


def _capture(path: Path) -> None:
    capture(path, 12)


def _lake(path: Path) -> None:
    recording = capture(path.with_name("of-lake.omcap"), 12)
    convert([CaptureSource(recording, plant=None, label="shift.omcap")], path)


def _text(content: str | bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content.encode() if isinstance(content, str) else content)

    return write


MATERIALS: dict[str, Callable[[Path], None]] = {
    "shift.omcap": _capture,
    "lake": _lake,
    "orders.csv": _text("order,machine,pieces\n4711,Press1,800\n"),
}


def wanted(case: Case) -> set[str]:
    """Names of the materials that the case mentions."""
    words = set(re.split(r"[\s'\"=@]+", case.typed)) | set(case.given)
    return words & MATERIALS.keys()


class Store:
    """The materials, each made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def lay_out(self, case: Case, folder: Path) -> None:
        """Put into `folder` what the case names."""
        for name in sorted(wanted(case)):
            made = self._folder / name
            if not made.exists():
                MATERIALS[name](made)
            if made.is_dir():
                shutil.copytree(made, folder / name, symlinks=True)
            else:
                shutil.copy(made, folder / name)
        for name, content in case.files.items():
            path = folder / name
            if name.endswith("/"):
                path.mkdir(parents=True)
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
