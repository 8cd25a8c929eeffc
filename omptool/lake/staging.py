"""Files on their way into a lake: written aside, moved and committed; what a killed run left is put right.

Data files get their final names only after a list of these names is on the disk. So the next run can tell a file that
was moved but never committed (it removes it) from one that is part of the lake. Callers hold the lake's lock.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from omptool.errors import LakeError
from omptool.lake import layout, log, parquet
from omptool.lake.table import DataFile, Table
from omptool.model import bounded_json
from omptool.store import lease, local, location
from omptool.store.location import Location
from omptool.store.remote import Remote

_MOVES = "moves.json"


@contextlib.contextmanager
def exclusive(lake: Location) -> Iterator[None]:
    """Be the only omptool that writes to a lake; its folder is made where there is none.

    Raises:
        Busy: another one does.
        DiskFull, OutputFailed: what the operating system refuses while the block runs.
    """
    if isinstance(lake, Remote):
        with lease.hold(lake / layout.LOCK, lake):
            yield
        return
    with local.writing(lake):
        local.make_folder(lake)
        with local.lock(lake / layout.LOCK, str(lake)):
            yield


class Staging:
    """The staging folder of one run, whose name its files carry; `run` must never have been used in this lake."""

    def __init__(self, lake: Location, run: str | None = None) -> None:
        self._lake = lake
        self._run = run or secrets.token_hex(8)
        self._marks = lake / layout.STAGING / self._run
        """Where the names that files are about to get are written."""
        self._aside = contextlib.ExitStack()
        self.folder = self._marks if isinstance(self._marks, Path) else Path()
        """On this computer: files that are being made, and runs of rows."""
        self._count = 0
        self.compat = Table(lake, "telemetry").properties().get(layout.COMPAT_KEY) == "true"
        """Whether files are written for old readers."""
        self._files: dict[str, list[tuple[Path, DataFile]]] = {}

    def __enter__(self) -> Staging:
        clean(self._lake)
        if isinstance(self._lake, Remote):
            self.folder = self._aside.enter_context(location.working_folder())
        local.make_folder(self.folder)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._aside.close()
        if kind is None or isinstance(self._lake, Path):  # in a store an upload may still be under way
            clean(self._lake)

    def write(
        self,
        view: str,
        values: Mapping[str, str],
        tables: Iterable[pa.Table],
        facts: Callable[[], Mapping[str, str]] = dict,
        schema: pa.Schema | None = None,
    ) -> DataFile:
        """Write one data file of a table's partition; it is synced when this returns, and not yet part of the lake.

        Its name ends in the checksum of its bytes, so that it can be verified wherever it is copied to.
        """
        self._count += 1
        aside = self.folder / f"{self._count:05d}.parquet"
        columns = layout.file_schema(view) if schema is None else schema
        written = parquet.write(aside, tables, columns, facts, compat=self.compat)
        local.sync_file(aside)
        name = layout.file_name(self._run, self._count, local.checksum(aside))
        path = "/".join(filter(None, (layout.folder(values), name)))
        file = DataFile(path, written.size, written.rows, dict(values), written.stats)
        self._files.setdefault(view, []).append((aside, file))
        return file

    def announce(self, tables: Mapping[str, Table]) -> None:
        """Put the names that files are about to get on the disk."""
        moves = {
            view: {"version": tables[view].version, "files": [file.path for _, file in files]}
            for view, files in self._files.items()
        }
        location.write(self._marks / _MOVES, json.dumps(moves).encode())

    def move(self, view: str) -> Sequence[DataFile]:
        """Give the files of a table their final names; the commit must follow."""
        files = self._files.get(view, [])
        folders: set[Location] = set()
        for aside, file in files:
            target = location.inside(layout.table_path(self._lake, view), file.path)
            if target is None:
                raise LakeError(f"{layout.table_path(self._lake, view)}: a folder in it is a link to somewhere else")
            location.put(aside, target)
            folders.add(target.parent)
        location.settle(folders)
        return [file for _, file in files]


def clean(lake: Location) -> None:
    """Remove what earlier runs left aside, and the files they moved but did not commit."""
    root = lake / layout.STAGING
    if root.is_symlink():
        raise LakeError(f"{root} is a link to somewhere else", "remove it; a lake keeps what it works on in itself")
    if not root.is_dir():
        return
    folders: Iterable[Location] = root.iterdir()
    for folder in folders:
        if folder.is_symlink():
            continue
        moves: Location = folder / _MOVES
        if moves.is_file() and not moves.is_symlink():
            with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):  # then nothing was announced
                _remove_uncommitted(lake, folder.name, bounded_json.loads(moves.read_bytes()))
        location.remove_tree(folder)
    location.remove_tree(root)


def _remove_uncommitted(lake: Location, run: str, moves: Mapping[str, Mapping[str, object]]) -> None:
    """Remove what a run moved and did not commit; of names that it cannot have given, nothing."""
    for view, entry in moves.items():
        version, files = entry["version"], entry["files"]
        if not layout.is_table(view) or not isinstance(version, int) or not isinstance(files, list):
            continue
        table = layout.table_path(lake, view)
        names = (name for name in files if isinstance(name, str))
        paths = [path for name in names if (path := location.inside(table, name)) is not None]
        present = [path for path in paths if path.name.startswith(f"part-{run}-") and path.is_file()]
        if present and (text := _log_since(table, version)) is not None:
            for path in present:
                if path.name not in text:
                    path.unlink()


def _log_since(table: Location, version: int) -> str | None:
    """The text of all commits after `version`; None when some are gone, then nothing can be said."""
    commits = log.commits(table)
    newest = max(commits, default=version)
    try:
        return "".join(commits[number].read_text("utf-8") for number in range(version + 1, newest + 1))
    except KeyError:
        return None
