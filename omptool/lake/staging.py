"""Files on their way into a lake: written aside, moved and committed; what a killed run left is put right.

Data files get their final names only after a list of these names is on the disk. So the next run can tell a file that
was moved but never committed (it removes it) from one that is part of the lake. Callers hold the lake's lock.
"""

from __future__ import annotations

import contextlib
import json
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from omptool.errors import LakeError
from omptool.lake import layout, parquet
from omptool.lake.table import DataFile, Table
from omptool.model import bounded_json
from omptool.store import local

_MOVES = "moves.json"


@contextlib.contextmanager
def exclusive(lake: Path) -> Iterator[None]:
    """Be the only omptool that writes to a lake that is there.

    Raises:
        Busy: another one does.
        DiskFull, OutputFailed: what the operating system refuses while the block runs.
    """
    with local.writing(lake), local.lock(lake / layout.LOCK, str(lake)):
        yield


class Staging:
    """The staging folder of one run, whose name its files carry; `run` must never have been used in this lake."""

    def __init__(self, lake: Path, run: str | None = None) -> None:
        self._lake = lake
        self._run = run or secrets.token_hex(8)
        self.folder = lake / layout.STAGING / self._run
        self._count = 0
        self.compat = Table(lake, "telemetry").properties().get(layout.COMPAT_KEY) == "true"
        """Whether files are written for old readers."""
        self._files: dict[str, list[tuple[Path, DataFile]]] = {}

    def __enter__(self) -> Staging:
        clean(self._lake)
        local.make_folder(self.folder)
        return self

    def __exit__(self, *_: object) -> None:
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
        local.write_atomic(self.folder / _MOVES, json.dumps(moves).encode())

    def move(self, view: str) -> Sequence[DataFile]:
        """Give the files of a table their final names; the commit must follow."""
        files = self._files.get(view, [])
        folders = set()
        for aside, file in files:
            target = local.inside(layout.table_path(self._lake, view), file.path)
            if target is None:
                raise LakeError(f"{layout.table_path(self._lake, view)}: a folder in it is a link to somewhere else")
            local.make_folder(target.parent)
            aside.replace(target)
            folders.add(target.parent)
        for folder in folders:
            local.sync_folder(folder)
        return [file for _, file in files]


def clean(lake: Path) -> None:
    """Remove what earlier runs left aside, and the files they moved but did not commit."""
    root = lake / layout.STAGING
    if root.is_symlink():
        raise LakeError(f"{root} is a link to somewhere else", "remove it; a lake keeps what it works on in itself")
    if not root.is_dir():
        return
    for folder in root.iterdir():
        if folder.is_symlink():
            continue
        moves = folder / _MOVES
        if moves.is_file() and not moves.is_symlink():
            with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError):  # then nothing was announced
                _remove_uncommitted(lake, folder.name, bounded_json.loads(moves.read_bytes()))
        shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(root, ignore_errors=True)


def _remove_uncommitted(lake: Path, run: str, moves: Mapping[str, Mapping[str, object]]) -> None:
    """Remove what a run moved and did not commit; of names that it cannot have given, nothing."""
    for view, entry in moves.items():
        version, files = entry["version"], entry["files"]
        if not layout.is_table(view) or not isinstance(version, int) or not isinstance(files, list):
            continue
        table = layout.table_path(lake, view)
        paths = [path for name in files if isinstance(name, str) and (path := local.inside(table, name)) is not None]
        present = [path for path in paths if path.name.startswith(f"part-{run}-") and path.is_file()]
        if present and (log := _log_since(table, version)) is not None:
            for path in present:
                if path.name not in log:
                    path.unlink()


def _log_since(table: Path, version: int) -> str | None:
    """The text of all commits after `version`; None when some are gone, then nothing can be said."""
    commits = {
        int(path.stem): path for path in (table / "_delta_log").glob("*.json") if re.fullmatch("[0-9]{1,20}", path.stem)
    }
    newest = max(commits, default=version)
    try:
        return "".join(commits[number].read_text("utf-8") for number in range(version + 1, newest + 1))
    except KeyError:
        return None
