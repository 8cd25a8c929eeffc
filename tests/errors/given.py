"""What lies around a case: captures, lakes and files, made once per session and copied to where the case runs."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from omptool.lake.convert import convert
from omptool.sources.capture import CaptureSource
from tests.errors import secured
from tests.errors.case import Case
from tests.opcua.certificates import certificate_of
from tests.sources.captures import Recording, capture

TOKEN = "a-token-of-no-value-0123456789-0123456789-01"


def _plain(path: Path) -> None:
    capture(path, 12)


def _noisy(path: Path) -> None:
    capture(path, 20_000, noisy=True)


def _gaps(path: Path) -> None:
    capture(path, 12, gaps=1)


def _damaged(path: Path) -> None:
    """Two flushes, and a flipped byte in the rows of the first."""
    recording = Recording(path)
    recording.grow(600, noisy=True)
    first = max(segment.stat().st_size for segment in path.glob("*.arrows"))
    recording.grow(600, noisy=True)
    recording.close()
    (segment,) = path.glob("seg-*.arrows")
    data = bytearray(segment.read_bytes())
    data[first - 1500] ^= 0xFF
    segment.write_bytes(data)


def _broken(path: Path) -> None:
    """No header that can be read, and nothing beside it that tells what it was."""
    path.mkdir()
    (path / "seg-000001.arrows").write_bytes(b"\x00" * 100)


def _newer(path: Path) -> None:
    capture(path, 12)
    cached = json.loads((path / "capture.json").read_text())
    (path / "capture.json").write_text(json.dumps(cached | {"omp.format": 99}))


def _unreadable(path: Path) -> None:
    capture(path, 12)
    path.chmod(0)


def _lake(path: Path) -> None:
    recording = path.with_name("of-lake.omcap")
    if not recording.exists():
        capture(recording, 12)
    convert([CaptureSource(recording, plant=None, label="of-lake.omcap")], path)


def _damaged_lake(path: Path) -> None:
    _lake(path)
    for entry in (path / "telemetry" / "_delta_log").glob("*.json"):
        entry.write_text("{")


def _newer_lake(path: Path) -> None:
    """Every number that could be the lake's format says 99."""
    _lake(path)
    for entry in path.rglob("_delta_log/*.json"):
        entry.write_text(entry.read_text().replace('"omptool.format":"1"', '"omptool.format":"99"'))


def _text(content: str, mode: int = 0o644) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_text(content)
        path.chmod(mode)

    return write


def _locked(path: Path) -> None:
    path.mkdir(mode=0o500)


def _certificate(path: Path) -> None:
    path.write_bytes(certificate_of("press7").der)


MATERIALS: dict[str, Callable[[Path], object]] = {
    "shift.omcap": _plain,
    "of-lake.omcap": _plain,
    "noisy.omcap": _noisy,
    "gaps.omcap": _gaps,
    "damaged.omcap": _damaged,
    "broken.omcap": _broken,
    "newer.omcap": _newer,
    "locked.omcap": _unreadable,
    "lake": _lake,
    "damaged-lake": _damaged_lake,
    "newer-lake": _newer_lake,
    "orders.csv": _text("order,machine,pieces\n4711,Press1,800\n"),
    "locked.csv": _text("a\n1\n", 0),
    "locked": _locked,
    "cloud.token": _text(TOKEN + "\n", 0o600),
    "empty.token": _text("", 0o600),
    "press7.der": _certificate,
    "historian.password": _text(secured.PASSWORD + "\n", 0o600),
    "wrong.password": _text("guessed\n", 0o600),
    "loose.password": _text(secured.PASSWORD + "\n"),
    **secured.MATERIALS,
}
"""Makers by name. A case that has one of these words in its command line finds it in its folder."""


def wanted(case: Case, typed: str) -> set[str]:
    """Names of the materials that the case mentions."""
    words = set(re.split(r"[\s'\"=/]+", typed)) | set(case.given)
    return (words & MATERIALS.keys()) - {name.rstrip("/") for name in case.files}


class Store:
    """The materials, each made when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, name: str) -> Path:
        """Where the original lies; nobody writes to it."""
        made = self._folder / name
        if not made.exists():
            MATERIALS[name](made)
        return made

    def lay_out(self, case: Case, typed: str, folder: Path) -> None:
        """Put into `folder` what the case names."""
        for name in sorted(wanted(case, typed)):
            made = self.path(name)
            (shutil.copytree if made.is_dir() else shutil.copy)(made, folder / name)
        for name, content in case.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if name.endswith("/"):
                path.mkdir()
            else:
                path.write_bytes(content.encode() if isinstance(content, str) else content)
