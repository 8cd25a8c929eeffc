"""The one place that turns what a user typed into a location, and knows how a disk and an object store differ.

A `Location` is a folder or file on this computer (`Path`), or a name in an object store (`Remote`): told apart by type,
never by its text. On a disk files are written aside, synced and renamed; in a store an object is there whole or not
at all once its upload has ended.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from omptool.store import local, remote
from omptool.store.remote import Remote

Location = Path | Remote


class Found(NamedTuple):
    """A file below a place: where, and what the listing says of it."""

    where: Location
    name: str
    size: int
    modified: float


def location(text: str | Path) -> Location:
    """What a user typed as a location.

    Raises:
        UsageError: meant as a name in a store, and none.
    """
    typed = str(text)
    return remote.parse(remote.spelled(typed)) if remote.is_remote(typed) else Path(text)


def is_folder(where: Location) -> bool:
    """Whether something can lie below this place."""
    # not Path.is_dir, which raises where one may not look: whoever opens it says that better
    return where.is_dir() if isinstance(where, Remote) else os.path.isdir(where)  # noqa: PTH112


def inside(root: Location, name: str) -> Location | None:
    """The file `name` below `root`, for names that somebody else wrote; None when it would lie elsewhere."""
    if isinstance(root, Path):
        return local.inside(root, name)
    return root / name if local.is_below(name) else None


def relative(where: Location, root: Location) -> str:
    """The name of a file below `root`, parts joined by `/`."""
    if isinstance(where, Remote) or isinstance(root, Remote):
        assert isinstance(where, Remote) and isinstance(root, Remote)
        return where.relative_to(root).as_posix()
    return where.relative_to(root.absolute()).as_posix()


def make_folder(where: Location) -> None:
    """A folder on a disk; in a store there are none to make."""
    if isinstance(where, Path):
        local.make_folder(where)


def put(aside: Path, target: Location) -> None:
    """Give a finished, synced file its place. On a disk its name is durable after `settle`, in a store at once."""
    if isinstance(target, Remote):
        from omptool.store import objects

        objects.upload(aside, target)
        aside.unlink()
        return
    local.make_folder(target.parent)
    aside.replace(target)


def settle(folders: Iterable[Location]) -> None:
    """Force the names in folders to the disk."""
    for folder in folders:
        if isinstance(folder, Path):
            local.sync_folder(folder)


def write(target: Location, data: bytes) -> None:
    """Replace the content of `target`: a reader sees the old or the new bytes, never a part."""
    if isinstance(target, Remote):
        from omptool.store import objects

        objects.write(target, data)
        return
    local.write_atomic(target, data)


def remove_tree(where: Location) -> None:
    """Remove everything below a place, as far as that is possible."""
    if isinstance(where, Path):
        shutil.rmtree(where, ignore_errors=True)
        return
    from omptool.store import objects

    objects.delete([found.where for found in walk(where) if isinstance(found.where, Remote)])


def remove(files: Iterable[Location]) -> None:
    """Remove files, and the folders that are empty then."""
    from omptool.store import objects

    names = list(files)
    objects.delete([name for name in names if isinstance(name, Remote)])
    for path in names:
        if isinstance(path, Path):
            path.unlink(missing_ok=True)
            with contextlib.suppress(OSError):  # others are in it
                path.parent.rmdir()


def walk(root: Location) -> Iterator[Found]:
    """The files below a place; links, and folders that begin with `_` or `.`, are left out on a disk and in a store."""
    if isinstance(root, Remote):
        from omptool.store import objects

        for found, facts in objects.below(root):
            name = found.key[len(root.key) :].strip("/")
            if not any(part.startswith(("_", ".")) for part in name.split("/")[:-1]):
                yield Found(found, name, facts.st_size, facts.st_mtime)
        return
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(("_", "."))]
        for name in files:
            path = Path(folder, name)
            if not path.is_symlink():
                entry = path.lstat()
                yield Found(path, path.relative_to(root).as_posix(), entry.st_size, entry.st_mtime)


def missing(root: Location, files: Iterable[Location]) -> int:
    """How many of these files below `root` are not there."""
    names = list(files)
    if isinstance(root, Path):
        return sum(not os.path.exists(path) for path in map(str, names))  # noqa: PTH110  a lake may have very many
    there = {found.where for found in walk(root)}
    return sum(name not in there for name in names)


def checksum(where: Location) -> int:
    """The CRC-32 of a file's bytes."""
    if isinstance(where, Path):
        return local.checksum(where)
    from omptool.store import objects

    found = 0
    for piece in objects.pieces(where):
        found = zlib.crc32(piece, found)
    return found


def on_disk(files: Iterable[Location], folder: Path) -> list[Path]:
    """The files, those of a store as copies in `folder`."""
    found = []
    for where in files:
        if isinstance(where, Remote):
            from omptool.store import objects

            copy = folder / where.name
            objects.download(where, copy)
            found.append(copy)
        else:
            found.append(where)
    return found


def readable(where: Location) -> Any:
    """What pyarrow opens: the path itself, or a file that reads ranges of the object."""
    if isinstance(where, Path):
        return where
    from omptool.store.ranges import open_ranges

    return open_ranges(where)


@contextlib.contextmanager
def working_folder() -> Iterator[Path]:
    """A folder on this computer for files on their way into a place in a store; gone when the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="omptool-store-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
