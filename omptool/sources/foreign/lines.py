"""The lines of a text file of unknown origin: in blocks, numbered, however long, torn or encoded they are.

Gzip, UTF-16 and byte order marks are seen by their first bytes. A line of more than `MOST_LINE` bytes is no line of any
recording: it is set aside without being held in memory.
"""

from __future__ import annotations

import codecs
import gzip
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from omptool.errors import Damaged

BLOCK = 4 << 20
"""Bytes read at a time."""

MOST_LINE = 1 << 20

_AGAIN = "get it again from where it came"

Oversized = Callable[[int, bytes], None]
"""Told the number and the beginning of a line that is too long."""


def open_text(path: Path) -> IO[bytes]:
    """The file as bytes, unpacked when it is gzip."""
    with path.open("rb") as probe:
        packed = probe.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")  # type: ignore[return-value]  # a GzipFile reads like one


def head(path: Path, size: int = 65536) -> bytes:
    """The beginning of the file as UTF-8, without a byte order mark; cut anywhere."""
    with open_text(path) as file:
        return next(_decoded(file, size, path), b"")


def blocks(
    path: Path, oversized: Oversized, on_bytes: Callable[[int], None] = lambda _: None
) -> Iterator[tuple[int, bytes]]:
    """Number of its first line (from 1), and bytes of whole lines; the last line may lack its end.

    Raises:
        Damaged: a compressed file that ends early or is torn.
    """
    line, rest, skipped = 1, b"", False
    with open_text(path) as file:
        for chunk in _decoded(file, BLOCK, path):
            on_bytes(len(chunk))
            data = rest + chunk
            cut = data.rfind(b"\n") + 1
            whole, rest = data[:cut], data[cut:]
            if skipped and whole:  # the end of a line that was too long
                whole = whole[whole.index(b"\n") + 1 :]
                line, skipped = line + 1, False
            if whole:
                yield from _without_oversized(line, whole, oversized)
                line += whole.count(b"\n")
            if len(rest) > MOST_LINE:
                if not skipped:
                    oversized(line, rest)
                rest, skipped = b"", True
    if rest and not skipped:
        yield line, rest


def _without_oversized(line: int, block: bytes, oversized: Oversized) -> Iterator[tuple[int, bytes]]:
    """The block without lines that are too long; nearly always as it is."""
    start = at = 0
    while at < len(block):
        # the last line end within reach; none means the line at `at` is too long
        end = block.rfind(b"\n", at, at + MOST_LINE + 1)
        if end >= 0:
            at = end + 1
            continue
        end = block.index(b"\n", at)
        if at > start:
            yield line, block[start:at]
            line += block.count(b"\n", start, at)
        oversized(line, block[at : at + MOST_LINE])
        line, start = line + 1, end + 1
        at = start
    if start < len(block):
        yield line, block[start:]


def _decoded(file: IO[bytes], size: int, path: Path) -> Iterator[bytes]:
    """Chunks in UTF-8, whatever the byte order mark says of the file."""
    first = _read(file, size, path)
    if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        decoder = codecs.getincrementaldecoder("utf-16")("replace")
        while first:
            yield decoder.decode(first).encode("utf-8", "replace")
            first = _read(file, size, path)
        yield decoder.decode(b"", True).encode("utf-8", "replace")
        return
    first = first.removeprefix(codecs.BOM_UTF8)
    while first:
        yield first
        first = _read(file, size, path)


def _read(file: IO[bytes], size: int, path: Path) -> bytes:
    try:
        return file.read(size)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Damaged(f"{path} is damaged: {str(error).splitlines()[0]}", _AGAIN) from error
