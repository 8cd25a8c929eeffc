"""Objects of a store: list, read, put, put if absent, delete. The one door to `obstore`.

Every request waits in a thread of its own, so that Ctrl-C reaches the caller at once; requests are repeated while a
store is busy, and given up when it is not there at all.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any, TypeVar

from omptool.errors import OutputExists
from omptool.store import access, failures
from omptool.store.access import Access
from omptool.store.remote import Facts, Remote

_T = TypeVar("_T")

RETRY_S = 60
"""How long a request is repeated while the store is busy."""

_REQUEST_S = 30
_UPLOAD_S = 600
"""A part of an upload over a slow link: 20 MiB in flight at 300 kbit/s."""
_PARTS_AT_ONCE = 4
_PART = 5 << 20
_PIECE = 4 << 20
_AT_ONCE = 500
"""Names per request to delete."""

_POLL_S = 0.2
"""How often a waiting thread looks for Ctrl-C."""
_AT_A_TIME = 8
_threads: list[ThreadPool] = []
_stores: dict[tuple[str, str, bool], tuple[Any, Access]] = {}


def waited(where: Remote, work: Callable[[], _T]) -> _T:
    """Do `work` in a thread that nobody waits for at the end of the process; its errors as ours."""
    if not _threads:
        _threads.append(ThreadPool(_AT_A_TIME))
        atexit.register(_threads[0].terminate)
    result = _threads[0].apply_async(work)
    while True:
        with failures.explained(where), contextlib.suppress(multiprocessing.TimeoutError):
            return result.get(_POLL_S)


def opened(where: Remote, *, slow: bool = False) -> tuple[Any, Access]:
    """The store that `where` is in, and how it is reached; looked at once, so that what is wrong is said at once.

    Args:
        slow: for uploads, which may take long.

    Raises:
        UsageError, ServerRefused, NotFound, Unreachable: as `access` and `failures` say.
    """
    key = (where.scheme, where.bucket, slow)
    if key not in _stores:
        access.check_extra(where)
        found = opened(where)[1] if slow else access.find(where)
        if not slow:
            waited(where, lambda: _look(where, found))
        _stores[key] = _store(where, found, _UPLOAD_S if slow else _REQUEST_S, 10), found
    return _stores[key]


def forget() -> None:
    """Open every store anew: credentials or `[stores]` may be others."""
    _stores.clear()


def _store(where: Remote, found: Access, timeout_s: int, retries: int) -> Any:
    from obstore.store import AzureStore, S3Store

    kind: Any = AzureStore if where.scheme == "az" else S3Store
    more = {} if found.keys is None else {"credential_provider": found.keys}
    return kind(
        where.bucket,
        config=dict(found.options),
        client_options={
            "allow_http": found.is_plain,
            "timeout": timedelta(seconds=timeout_s),
            "connect_timeout": timedelta(seconds=10),
        },
        retry_config={"max_retries": retries, "retry_timeout": timedelta(seconds=RETRY_S)},
        **more,
    )


def _look(where: Remote, found: Access) -> None:
    """Ask for one name, hardly repeated: nobody likes to wait a minute to hear that a name is wrong."""
    import obstore

    try:
        next(iter(obstore.list(_store(where, found, _REQUEST_S, 1), where.key or None, chunk_size=1)), None)
    except Exception as error:
        if failures.status(error) < 429:  # else it is busy: whoever asks for something repeats it with patience
            raise


def _or_none(work: Callable[[], _T]) -> Callable[[], _T | None]:
    """`work`, with None for an object that is not there."""

    def tried() -> _T | None:
        try:
            return work()
        except FileNotFoundError as error:
            if failures.is_no_bucket(error):
                raise
            return None

    return tried


def facts(where: Remote) -> Facts | None:
    """Size and time of an object; None where there is none."""
    import obstore

    store, _ = opened(where)
    if not where.key:
        return None
    found = waited(where, _or_none(lambda: obstore.head(store, where.key)))
    return None if found is None else Facts(found["size"], found["last_modified"].timestamp())


def read(where: Remote) -> bytes:
    """The whole object.

    Raises:
        FileNotFoundError: there is none.
    """
    found = read_tagged(where)
    if found is None:
        raise FileNotFoundError(str(where))
    return found[0]


def read_tagged(where: Remote) -> tuple[bytes, str] | None:
    """The whole object, and the mark of this state of it; None where there is none."""
    import obstore

    store, _ = opened(where)

    def get() -> tuple[bytes, str]:
        found = obstore.get(store, where.key)
        return bytes(found.bytes()), found.meta["e_tag"] or ""

    return waited(where, _or_none(get))


def read_range(where: Remote, start: int, end: int) -> bytes:
    """The bytes [start, end) of an object; for threads that may wait."""
    import obstore

    store, _ = opened(where)
    with failures.explained(where):
        return bytes(obstore.get_range(store, where.key, start=start, end=end))


def pieces(where: Remote) -> Iterator[bytes]:
    """An object piece by piece.

    Raises:
        FileNotFoundError: there is none.
    """
    size = where.stat().st_size
    for start in range(0, size, _PIECE):
        yield waited(where, partial(read_range, where, start, min(start + _PIECE, size)))


def download(where: Remote, target: Path) -> None:
    """The object as a file."""
    with target.open("wb") as file:
        for piece in pieces(where):
            file.write(piece)


def write(where: Remote, data: bytes) -> None:
    """Put an object, in the place of what is there."""
    import obstore

    store, _ = opened(where)
    waited(where, lambda: obstore.put(store, where.key, data))


def write_if(where: Remote, data: bytes, tag: str | None) -> str | None:
    """Put an object if it still is in the state `tag`, None: if there is none.

    Returns:
        The mark of the new state; None when somebody else was faster.
    """
    import obstore
    from obstore.exceptions import AlreadyExistsError, PreconditionError

    store, _ = opened(where)

    def put() -> str | None:
        try:
            mode: Any = "create" if tag is None else {"e_tag": tag}
            return obstore.put(store, where.key, data, mode=mode, use_multipart=False)["e_tag"] or ""
        except (AlreadyExistsError, PreconditionError):
            return None

    return waited(where, put)


def upload(path: Path, where: Remote, *, is_new: bool = False) -> None:
    """Put a file; large ones in parts, and nobody sees the object before the last one.

    Args:
        is_new: only if there is no such object.

    Raises:
        OutputExists: there is one.
    """
    import obstore
    from obstore.exceptions import AlreadyExistsError

    store, _ = opened(where, slow=True)

    def put() -> bool:
        try:
            mode: Any = "create" if is_new else "overwrite"
            obstore.put(store, where.key, path, mode=mode, chunk_size=_PART, max_concurrency=_PARTS_AT_ONCE)
        except AlreadyExistsError:
            return False
        return True

    if not waited(where, put):
        raise OutputExists(f"{where} already exists", "add --force to replace it, or choose another name")


def delete(names: Sequence[Remote]) -> None:
    """Delete objects; those that are not there do not matter."""
    import obstore

    by_bucket: dict[tuple[str, str], list[Remote]] = {}
    for name in names:
        by_bucket.setdefault((name.scheme, name.bucket), []).append(name)
    for (_, _), those in by_bucket.items():
        store, _access = opened(those[0])
        for start in range(0, len(those), _AT_ONCE):
            keys = [name.key for name in those[start : start + _AT_ONCE]]
            waited(those[0], _or_none(partial(obstore.delete, store, keys)))


def has_any(where: Remote) -> bool:
    """Whether an object lies below a name."""
    import obstore

    store, _ = opened(where)
    return waited(where, lambda: bool(next(iter(obstore.list(store, where.key or None, chunk_size=1)), ())))


def children(where: Remote) -> list[Remote]:
    """The names directly below a name."""
    import obstore

    store, _ = opened(where)
    found = waited(where, lambda: obstore.list_with_delimiter(store, where.key or None))
    keys = [*found["common_prefixes"], *(entry["path"] for entry in found["objects"])]
    return sorted(Remote(where.scheme, where.bucket, key.strip("/")) for key in keys if key.strip("/") != where.key)


def below(where: Remote) -> list[tuple[Remote, Facts]]:
    """Every object below a name, with size and time."""
    import obstore

    store, _ = opened(where)
    found = waited(where, lambda: obstore.list(store, where.key or None).collect())
    return [
        (Remote(where.scheme, where.bucket, entry["path"]), Facts(entry["size"], entry["last_modified"].timestamp()))
        for entry in found
    ]
