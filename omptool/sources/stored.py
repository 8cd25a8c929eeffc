"""What lies at a name in an object store, and a copy of it on this computer for readers that need a file.

Captures are many small files that are read by position again and again, and files of other tools are read from their
first to their last byte: both are fetched once, into a folder that is gone when the process ends.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from omptool.errors import NotACapture, NotFound
from omptool.store import objects, remote
from omptool.store.location import Location
from omptool.store.remote import Remote


def find(text: str) -> Path | list[Remote]:
    """The capture at a name, fetched; else the objects that the name or pattern means.

    Raises:
        NotFound: nothing is there.
        NotACapture: something lies below the name that is no capture.
        UsageError: no name in a store.
    """
    if remote.is_pattern(text):
        return _matching(text)
    where = remote.parse(text)
    if where.is_file():
        return [where]
    names = {child.name for child in where.iterdir()}
    if not names:
        raise NotFound(f"there is nothing at {text}", f"what lies beside it:  {_listing(where.parent)}")
    if any(name.endswith(".arrows") or name == "capture.json" for name in names):
        return _capture(where)
    nested = sorted(name for name in names if name.endswith(".omcap") or (where / name / "telemetry").is_dir())
    if nested:
        hint = f"it contains {nested[0]}: try {where / nested[0]}"
    elif any(name.endswith(".parquet") for name in names):
        hint = f"for the Parquet files in it: '{where}/*.parquet'"
    else:
        hint = "a capture ends in .omcap; convert makes lakes"
    raise NotACapture(f"{text} is neither a capture nor a lake", hint)


def fetch(names: Sequence[Remote]) -> list[Path]:
    """Copies of objects, under their own names."""
    if not names:
        return []
    folder = _folder()
    found = []
    for number, where in enumerate(names):
        target = folder / str(number) / where.name
        target.parent.mkdir()
        objects.download(where, target)
        found.append(target)
    return found


def on_disk(files: Sequence[Location]) -> list[Path]:
    """The files, those of a store as copies."""
    copies = iter(fetch([file for file in files if isinstance(file, Remote)]))
    return [next(copies) if isinstance(file, Remote) else file for file in files]


def _matching(text: str) -> list[Remote]:
    from omptool.store.ranges import FILES

    scheme = text.partition("://")[0]
    remote.parse(text.partition("*")[0].partition("[")[0])  # says what is wrong with the rest of it
    found = [remote.parse(f"{scheme}://{name}") for name in FILES[scheme]().glob(text)]
    if not found:
        raise NotFound(
            f"no object is called like {text}", "check the name; * stands for a part, ** for any number of them"
        )
    return sorted(where for where in found if where.is_file())


def _capture(where: Remote) -> Path:
    target = _folder() / where.name
    for found, _ in objects.below(where):
        path = target.joinpath(*found.relative_to(where).parts)
        path.parent.mkdir(parents=True, exist_ok=True)
        objects.download(found, path)
    return target


def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="omptool-store-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _listing(where: Remote) -> str:
    """The command that lists a place with the tools of its maker."""
    if where.scheme == "s3":
        return f"aws s3 ls {where}/"
    prefix = f" --prefix {where.key}/" if where.key else ""
    return f"az storage blob list --container-name {where.bucket}{prefix} --output table"
