"""A place in an object store, `az://container/path` or `s3://bucket/path`: a name, and what can be done at it.

It speaks the part of pathlib's language that a lake needs, so whoever is given a `Location` asks both alike; the type
tells which of them it is. Names are never paths on a disk, and never carry a credential. There are no folders in a
store: one "is there" while something lies below it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple

from omptool.errors import UsageError

SCHEMES = ("az", "s3")

_URL = re.compile(r"(?P<scheme>az|s3)://(?P<bucket>[A-Za-z0-9$._-]+)(?:/(?P<key>.*))?", re.DOTALL)
_START = re.compile(r"(az|s3):/+", re.IGNORECASE)
_EXAMPLE = {"az": "az://CONTAINER/PATH", "s3": "s3://BUCKET/PATH"}


class Facts(NamedTuple):
    """What a listing says of an object; the names are those of `os.stat_result`."""

    st_size: int
    st_mtime: float


@dataclass(frozen=True, order=True, slots=True)
class Remote:
    """A name in an object store.

    Attributes:
        scheme: "az" or "s3".
        bucket: the container or bucket.
        key: without slashes at its ends; empty for the bucket as a whole.
    """

    scheme: str
    bucket: str
    key: str = ""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}".rstrip("/")

    def __truediv__(self, name: str) -> Remote:
        return Remote(self.scheme, self.bucket, f"{self.key}/{name.strip('/')}".strip("/"))

    @property
    def parts(self) -> tuple[str, ...]:
        return (f"{self.scheme}:", self.bucket, *filter(None, self.key.split("/")))

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    @property
    def stem(self) -> str:
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> Remote:
        return Remote(self.scheme, self.bucket, self.key.rpartition("/")[0])

    def absolute(self) -> Remote:
        return self

    def relative_to(self, root: Remote) -> PurePosixPath:
        return PurePosixPath(self.key).relative_to(root.key)

    def is_dir(self) -> bool:
        """Whether something lies below this name."""
        from omptool.store import objects

        return objects.has_any(self)

    def is_file(self) -> bool:
        from omptool.store import objects

        return objects.facts(self) is not None

    def is_symlink(self) -> bool:
        return False

    def exists(self) -> bool:
        return self.is_file() or self.is_dir()

    def stat(self) -> Facts:
        """Size and time of the object.

        Raises:
            FileNotFoundError: there is none.
        """
        from omptool.store import objects

        found = objects.facts(self)
        if found is None:
            raise FileNotFoundError(str(self))
        return found

    def iterdir(self) -> Iterator[Remote]:
        """The names directly below this one."""
        from omptool.store import objects

        return iter(objects.children(self))

    def read_bytes(self) -> bytes:
        from omptool.store import objects

        return objects.read(self)

    def read_text(self, encoding: str = "utf-8") -> str:
        return self.read_bytes().decode(encoding)

    def open(self, mode: str = "rb") -> io.BytesIO:
        """The whole object, for small ones; large ones have readers of their own."""
        assert mode == "rb", "objects are put whole, not written to"
        return io.BytesIO(self.read_bytes())

    def unlink(self, missing_ok: bool = True) -> None:
        """Delete the object; stores do not tell whether there was one."""
        from omptool.store import objects

        assert missing_ok
        objects.delete([self])


def is_remote(text: str) -> bool:
    """Whether a text means an object store; also one that has it wrong, which `parse` then says."""
    return _START.match(text) is not None


def spelled(path: str) -> str:
    """A name in a store as it was typed, of which somebody made a path: that joins slashes."""
    return _START.sub(lambda match: f"{match[1]}://", path.replace("\\", "/"), count=1)


def is_pattern(text: str) -> bool:
    """Whether a text means several objects: it has `*` or `[`. A `?` is part of neither a name nor a pattern."""
    return is_remote(text) and "?" not in text and any(character in text for character in "*[")


def parse(text: str) -> Remote:
    """`az://container/path` or `s3://bucket/path` as a place.

    Raises:
        UsageError: no such name; what could be a credential in it is not repeated.
    """
    match = _URL.fullmatch(text)
    scheme = text[:2].lower()
    if "?" in text or "@" in text.partition("://")[2].partition("/")[0]:
        raise UsageError(
            f"a name in a store carries no credentials: {text.partition('?')[0].rpartition('@')[2]}",
            f"write {_EXAMPLE[scheme]}, and let the environment have the key or the token",
        )
    if match is None:
        raise UsageError(f"{text} is no name in a store", f"write it as {_EXAMPLE[scheme]}")
    key = (match["key"] or "").strip("/")
    odd = next((part for part in key.split("/") if part in (".", "..") or (key and not part)), None)
    if odd is not None or any(ord(character) < 32 or character in "\\*?[]" for character in key):
        raise UsageError(
            f"{text!r} is no name in a store", "no empty or dotted parts, and no wildcards: * ? [ ] mean themselves"
        )
    return Remote(match["scheme"], match["bucket"], key)
