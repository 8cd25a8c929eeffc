"""The samples that come with omptool: where they lie, what they are, and whole copies of them.

They are data of the package: in an installed one below `omptool/`, in a source tree beside it, and nowhere twice.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path

from omptool.errors import NotFound, OutputExists
from omptool.store import local

FOLDER = "sample_data"
ABOUT = "about.json"


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample.

    Attributes:
        name: also of its folder and its capture.
        about: what it is, for people.
        tags, rows: how many Variables were recorded, and values of them.
        start, end: the shift it is about; the recording begins a little earlier and ends a little later.
        path: its folder.
    """

    name: str
    about: str
    tags: int
    rows: int
    start: datetime
    end: datetime
    path: Path

    @property
    def files(self) -> list[Path]:
        return sorted(path for path in self.path.rglob("*") if path.is_file())

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(path.stat().st_size for path in self.files)


def folder() -> Path:
    """Where the samples lie.

    Raises:
        NotFound: this installation has none.
    """
    package = Path(str(resources.files("omptool")))
    for place in (package / FOLDER, package.parent / FOLDER):
        if place.is_dir():
            return place
    raise NotFound("this installation has no samples", "install omptool again: pip install --force-reinstall omptool")


def samples() -> list[Sample]:
    """All samples by name."""
    return [_sample(path.parent) for path in sorted(folder().glob(f"*/{ABOUT}"))]


def _sample(path: Path) -> Sample:
    told = json.loads((path / ABOUT).read_text("utf-8"))
    start, end = (datetime.fromisoformat(told[name]) for name in ("start", "end"))
    return Sample(path.name, told["title"], told["tags"], told["rows"], start, end, path)


def find(name: str) -> Sample:
    """The sample of this name.

    Raises:
        NotFound: there is none.
    """
    known = {sample.name: sample for sample in samples()}
    if name not in known:
        raise NotFound(f'no sample "{name}"', f"samples: {', '.join(known)}")
    return known[name]


def copy(wanted: Sequence[Sample], target: Path, *, force: bool = False) -> list[Path]:
    """Copy samples to `target/NAME`, each complete or not at all; returns their folders.

    Args:
        force: replace earlier copies. A folder that is none is never replaced.

    Raises:
        OutputExists: something is there and `force` does not apply; nothing was copied.
        DiskFull, OutputFailed: no space or no permission.
    """
    targets = check(wanted, target, force=force)
    with local.writing(target):
        local.make_folder(target)
        for sample, place in zip(wanted, targets, strict=True):
            _copy(sample.path, place)
    return targets


def check(wanted: Sequence[Sample], target: Path, *, force: bool = False) -> list[Path]:
    """Where `copy` would put them; writes nothing.

    Raises:
        OutputExists: as `copy`.
    """
    if (target / ABOUT).is_file():
        raise OutputExists(
            f"{target} is itself a copy of a sample", "choose the folder that it lies in, or another one"
        )
    targets = [target / sample.name for sample in wanted]
    for place in targets:
        _check_free(place, force)
    return targets


def _check_free(place: Path, force: bool) -> None:
    if not place.exists() and not place.is_symlink():
        return
    if not place.is_dir() or place.is_symlink() or not (place / ABOUT).is_file():
        raise OutputExists(f"{place} exists and is no copy of a sample", "choose another folder")
    if not force:
        raise OutputExists(
            f"{place} exists", "choose another folder, or add --force to replace it and all that is in it"
        )


def _copy(source: Path, place: Path) -> None:
    """Beside its place first, then renamed; an earlier copy goes only when the new one is complete."""
    fresh, old = local.temporary_beside(place), local.temporary_beside(place)
    try:
        _copy_files(source, fresh)
        if place.exists():
            place.rename(old)
        fresh.rename(place)
        local.sync_folder(place.parent)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        if old.exists() and not place.exists():
            old.rename(place)
        shutil.rmtree(old, ignore_errors=True)


def _copy_files(source: Path, target: Path) -> None:
    """The bytes alone, without modes: an installation may be read-only, and its copies are to be worked with."""
    target.mkdir()
    for path in sorted(source.rglob("*")):
        here = target / path.relative_to(source)
        if path.is_dir():
            here.mkdir()
        else:
            shutil.copyfile(path, here)
            local.sync_file(here)
