"""InfluxDB line protocol: `measurement,tag=… field=value,… time`.

Times are counts since 1970 of a precision that the file does not tell; it is seen by their size. The grammar is that of
InfluxData's reference of line protocol (v2), escapes and line ends inside quoted strings included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from omptool.sources.foreign import lines, metrics, stamps
from omptool.sources.foreign.context import Context
from omptool.sources.foreign.points import Points
from omptool.sources.foreign.rows import Rows

_NAME = r"(?:\\[\s\S]|[^\\,\s])(?:\\[\s\S]|[^\\,\n ])*"
_KEY = r"(?:\\[\s\S]|[^\\,= \n])+"
_STRING = r'"(?:\\[\s\S]|[^"\\])*"'
_FIELD = rf"{_KEY}=(?:{_STRING}|[^,\s\"]+)"
_LINE = re.compile(
    rf"(?P<measurement>{_NAME})(?P<tags>(?:,{_KEY}={_KEY})*) +"
    rf"(?P<fields>{_FIELD}(?:,{_FIELD})*)(?: +(?P<time>-?\d{{1,20}}))?\s*"
)
_TAG = re.compile(rf",({_KEY})=({_KEY})")
_ONE_FIELD = re.compile(rf"({_KEY})=({_STRING}|[^,\s\"]+)")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_WHOLE = re.compile(r"([+-]?\d{1,20})([iu])")
_BOOLEANS = {"t": True, "T": True, "true": True, "True": True, "TRUE": True,
             "f": False, "F": False, "false": False, "False": False, "FALSE": False}  # fmt: skip


class Value(NamedTuple):
    """A field's value and its type in our words; both None where it is none."""

    item: Any
    kind: str | None


def read(path: Path, context: Context) -> Iterator[Points]:
    """The fields of all lines of a file."""
    rows = Rows(context)

    def oversized(line: int, text: bytes) -> None:
        context.rejects.add(f"a line of more than {lines.MOST_LINE:,} bytes", text, line=line)

    for number, text in _records(path, oversized, context):
        stripped = text.strip()
        if stripped and not stripped.startswith(b"#"):
            _line(stripped, number, rows, context)
            yield from rows.full()
    yield from rows.points()


def is_line(text: str) -> bool:
    """Whether a text is a line of line protocol with a time."""
    match = _LINE.fullmatch(text.strip())
    return match is not None and match["time"] is not None and bool(_fields(match["fields"]))


def _records(path: Path, oversized: lines.Oversized, context: Context) -> Iterator[tuple[int, bytes]]:
    """Lines with their numbers; one that a quoted string leaves open is joined with those behind it."""
    pieces: list[bytes] = []
    start = size = 0
    for first, block in lines.blocks(path, oversized, context.on_bytes):
        for number, text in enumerate(block.removesuffix(b"\n").split(b"\n"), first):
            if pieces:
                pieces.append(text)
                size += len(text) + 1
                # a piece with an even number of quotes leaves the string open: no need to look at those before it
                if _closes(text) or size > lines.MOST_LINE:
                    yield start, b"\n".join(pieces)
                    pieces = []
            elif _is_open(text):
                pieces, start, size = [text], number, len(text)
            else:
                yield number, text
    yield from enumerate(pieces, start)


_QUOTES = re.compile(rb'\\[\s\S]|"')


def _is_open(text: bytes) -> bool:
    """Whether a string of a field goes on in the next line; a comment never does."""
    if b'"' not in text or text.lstrip().startswith(b"#") or b'="' not in text:
        return False
    quotes: list[bytes] = _QUOTES.findall(text[text.index(b'="') :])
    return quotes.count(b'"') % 2 == 1


def _closes(text: bytes) -> bool:
    """Whether an open string ends in this line, and none begins in it that goes on."""
    return b'"' in text and _QUOTES.findall(text).count(b'"') % 2 == 1


def _line(text: bytes, number: int, rows: Rows, context: Context) -> None:
    place = {"line": number}
    reason = "no line of line protocol"
    try:
        match = _LINE.fullmatch(text.decode())
    except UnicodeDecodeError:
        match, reason = None, "bytes that are no UTF-8"
    if match is None and b"\n" in text:  # lines that a stray quote has joined
        for at, part in enumerate(text.split(b"\n"), number):
            if part.strip():
                _line(part.strip(), at, rows, context)
        return
    if match is None:
        context.rejects.add(reason, text, **place)
        return
    tags = _tags(match["tags"])
    time = None if match["time"] is None else stamps.count(int(match["time"]))
    fields = {key: _value(written) for key, written in _fields(match["fields"])}
    for key, value in fields.items():
        if value.kind is None:
            context.rejects.add(f"the field {key} has no value of line protocol", text, **place)
    taken = {key: (value.item, value.kind) for key, value in fields.items() if value.kind is not None}
    metrics.add(rows, _unescaped(match["measurement"]), tags, taken, time, place, text)


@lru_cache(maxsize=16_384)
def _tags(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((_unescaped(key), _unescaped(value)) for key, value in _TAG.findall(text))


def _fields(text: str) -> list[tuple[str, str]]:
    return [(_unescaped(key), value) for key, value in _ONE_FIELD.findall(text)]


def _value(text: str) -> Value:
    if text.startswith('"'):
        return Value(re.sub(r'\\(["\\])', r"\1", text[1:-1]), "String")
    if match := _WHOLE.fullmatch(text):
        return Value(int(match[1]), "Int64" if match[2] == "i" else "UInt64")
    if text in _BOOLEANS:
        return Value(_BOOLEANS[text], "Boolean")
    return Value(float(text), "Double") if _NUMBER.fullmatch(text) else Value(None, None)


def _unescaped(text: str) -> str:
    return re.sub(r"\\([,= ])", r"\1", text) if "\\" in text else text
