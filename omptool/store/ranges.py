"""Files of a store for libraries that read by position: pyarrow and DuckDB, through the interface of `fsspec`.

Read only. Ranges are fetched by our own door to the store, so all readers get in the same way; the buffer of fsspec
joins what lies close together. What goes wrong is kept for whoever asked, because the engine hides it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from omptool.errors import OmptoolError
from omptool.store import objects
from omptool.store.remote import Remote

_T = TypeVar("_T")

_AHEAD = 512 << 10
"""Bytes that are read beyond what was asked for: columns of a row group lie side by side."""


class _File(AbstractBufferedFile):  # type: ignore[misc]  # fsspec is untyped
    """An object, read in ranges."""

    def _fetch_range(self, start: int, end: int) -> bytes:
        found: bytes = self.fs.fetch(self.path, start, end)
        return found


class StoreFiles(AbstractFileSystem):  # type: ignore[misc]  # fsspec is untyped
    """The objects of one kind of store; names come with its scheme, or without."""

    protocol: str
    cachable = False  # fsspec would hand out the instance of another engine
    root_marker = ""

    def __init__(self, on_failure: Callable[[OmptoolError], object] = lambda _: None) -> None:
        super().__init__(skip_instance_cache=True)
        self._on_failure = on_failure
        self._known: dict[str, dict[str, Any]] = {}

    def _place(self, path: str) -> Remote:
        scheme, _, name = path.rpartition("://")
        bucket, _, key = name.partition("/")
        return Remote(scheme or self.protocol, bucket, key.strip("/"))

    def fetch(self, path: str, start: int, end: int) -> bytes:
        """The bytes [start, end) of an object."""
        return self._asked(lambda: objects.read_range(self._place(path), start, end))

    def _asked(self, work: Callable[[], _T]) -> _T:
        try:
            return work()
        except OmptoolError as error:
            self._on_failure(error)
            raise

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Size and time; files of a lake never change, and others are read at one moment."""
        name = self._strip_protocol(path)
        if name not in self._known:
            where = self._place(path)
            facts = self._asked(lambda: objects.facts(where))
            if facts is None and not self._asked(lambda: objects.has_any(where)):
                raise FileNotFoundError(path)
            kind = {"type": "directory", "size": 0} if facts is None else {"type": "file", "size": facts.st_size}
            self._known[name] = {"name": name, "modified": 0.0 if facts is None else facts.st_mtime} | kind
        return self._known[name]

    def modified(self, path: str) -> datetime:
        return datetime.fromtimestamp(self.info(path)["modified"], UTC)

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """The names directly below one."""
        found = [f"{name.bucket}/{name.key}" for name in self._asked(lambda: objects.children(self._place(path)))]
        return [self.info(name) for name in found] if detail else found

    def _open(self, path: str, mode: str = "rb", block_size: int | None = None, **_: Any) -> _File:
        if mode != "rb":
            raise PermissionError(f"{path}: objects are only read")
        return _File(
            self, path, mode, block_size=block_size or _AHEAD, cache_type="readahead", size=self.info(path)["size"]
        )


class _AzureFiles(StoreFiles):
    protocol = "az"


class _S3Files(StoreFiles):
    protocol = "s3"


FILES: Mapping[str, type[StoreFiles]] = {"az": _AzureFiles, "s3": _S3Files}
"""By scheme."""


def open_ranges(where: Remote) -> Any:
    """The object as a file that reads ranges.

    Raises:
        FileNotFoundError: there is none.
    """
    return FILES[where.scheme]().open(str(where), "rb")
