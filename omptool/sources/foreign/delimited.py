"""CSV and TSV of other tools: any of the usual delimiters, decimal commas, line ends inside quotes, torn rows.

Blocks of lines are cut where no quote is open and parsed by pyarrow. A quote that is never closed costs its own line
and not the rest of the file; a row with too few or too many cells, or with bytes that are no UTF-8, costs itself.
"""

from __future__ import annotations

import csv as python_csv
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyarrow import csv

from omptool.sources.foreign import contract, lines, tables
from omptool.sources.foreign.context import Context
from omptool.sources.foreign.points import Points
from omptool.sources.foreign.tables import Layout

DELIMITERS = (",", ";", "\t", "|")
_MOST_QUOTED = 1 << 20
"""Bytes that a quoted cell may have, line ends included."""

_NO_UTF8 = "bytes that are no UTF-8: save the file as UTF-8, one from Windows with iconv -f WINDOWS-1252 -t UTF-8"
_NEVER_CLOSED = "a quote that is never closed"


class Header:
    """What the first line of a delimited file says."""

    def __init__(self, path: Path, delimiter: str | None = None) -> None:
        head = lines.head(path)
        first = head.partition(b"\n")[0]
        text = first.decode("utf-8", "replace").strip("\r")
        self.delimiter = delimiter or max(DELIMITERS, key=text.count)
        self.names: list[str] = [name.strip() for name in next(python_csv.reader([text], delimiter=self.delimiter), [])]
        self.comma = self.delimiter != ","


def read(path: Path, how: Layout, header: Header, context: Context) -> Iterator[Points]:
    """The rows of the file behind its header."""
    names = _distinct(header.names)
    for name in (given for given, name in zip(header.names, names, strict=True) if given != name):
        context.note(f"column named {name[:60]} a second time, which was not looked at")
    quotes = Quotes(header.delimiter)
    for first, block in _balanced(path, quotes, context):
        if first == 1:
            cut = block.find(b"\n") + 1
            first, block = 2, block[cut:] if cut else b""
        if block.strip(b"\r\n"):
            yield from _parse(_Records(block, first, quotes), names, how, header, context)


def _distinct(names: list[str]) -> list[str]:
    """Column names as pyarrow takes them: each once; a second one of a name is not looked at."""
    seen: set[str] = set()
    found = []
    for number, name in enumerate(names):
        found.append(f"\0{number}" if name in seen else name)
        seen.add(name)
    return found


class Quotes:
    """Where cells in quotes begin and end: a quote opens at the beginning of a cell only, and doubled it is none."""

    def __init__(self, delimiter: str) -> None:
        edge = re.escape(delimiter.encode())
        cell = rb"(?<![^\r\n" + edge + rb'])"(?:[^"]++|"")*+'
        self._closed = re.compile(cell + b'"')
        self._torn = re.compile(cell + rb'"[^\r\n' + edge + rb"]")
        self._edge = re.compile(rb"(?<![^\r\n" + edge + rb'])"')
        self._tokens = re.compile(cell + rb'"?|\n')

    def open_line(self, data: bytes) -> int | None:
        """Where the line begins in which a quote opens that is not closed; None when all are."""
        if b'"' not in data or self._edge.search(self._closed.sub(b"", data)) is None:
            return None
        last = 0
        for match in self._tokens.finditer(data):
            last = match.start()
        return data.rfind(b"\n", 0, last) + 1

    def is_torn(self, data: bytes) -> bool:
        """Whether text follows a closing quote: then it did not close the cell in which it stands."""
        return b'"' in data and self._torn.search(data) is not None

    def records(self, block: bytes, first: int) -> Iterator[tuple[int, bytes]]:
        """First line and bytes of every record that is not empty; line ends inside quotes belong to it."""
        line, start = first, 0
        for match in self._tokens.finditer(block):
            if match[0] == b"\n":
                yield from _record(line, block[start : match.start()])
                line += block.count(b"\n", start, match.end())
                start = match.end()
        yield from _record(line, block[start:])


def _record(line: int, text: bytes) -> Iterator[tuple[int, bytes]]:
    if text := text.rstrip(b"\r"):
        yield line, text


def _balanced(path: Path, quotes: Quotes, context: Context) -> Iterator[tuple[int, bytes]]:
    """Blocks in which every quote is closed; a line whose quote never is, is set aside."""

    def oversized(line: int, text: bytes) -> None:
        context.rejects.add(f"a line of more than {lines.MOST_LINE:,} bytes", text, line=line)

    waiting, start = b"", 1
    for first, block in lines.blocks(path, oversized, context.on_bytes):
        if waiting and first != start + waiting.count(b"\n"):  # a line between them was set aside
            yield from _closed(waiting, start, quotes, context, is_last=True)[0]
            waiting = b""
        parts, start, waiting = _closed(waiting + block, start if waiting else first, quotes, context)
        yield from parts
    if waiting:
        yield from _closed(waiting, start, quotes, context, is_last=True)[0]


def _closed(
    data: bytes, line: int, quotes: Quotes, context: Context, *, is_last: bool = False
) -> tuple[list[tuple[int, bytes]], int, bytes]:
    """What can be parsed of `data`, and what has to wait with the number of its first line."""
    parts: list[tuple[int, bytes]] = []
    while (begin := quotes.open_line(data)) is not None:
        if begin:
            parts.append((line, data[:begin]))
            line, data = line + data.count(b"\n", 0, begin), data[begin:]
        if not is_last and len(data) < _MOST_QUOTED:
            return parts, line, data
        end = data.find(b"\n") + 1 or len(data)
        context.rejects.add(_NEVER_CLOSED, data[:end].rstrip(b"\r\n"), line=line)
        line, data = line + 1, data[end:]
    if data:
        parts.append((line, data))
    return parts, line, b""


def _parse(found: _Records, names: list[str], how: Layout, header: Header, context: Context) -> Iterator[Points]:
    texts, swallowed = _table(found, names, header.delimiter, context)
    if len(texts[names[0]]):
        if how.is_contract:
            yield from contract.points(texts, context, found.at)
        else:
            yield from tables.points(texts, how, context, found.at, comma=header.comma)
    if swallowed:
        again = _Records(b"", 0, found.quotes, swallowed)
        yield from _parse(again, names, how, header, context)


class _Records:
    """The rows of a block and where they stand; the block is cut into records only when somebody asks."""

    def __init__(self, block: bytes, first: int, quotes: Quotes, found: list[tuple[int, bytes]] | None = None) -> None:
        self._block, self._first, self.quotes = block, first, quotes
        self._found = found

    def all(self) -> list[tuple[int, bytes]]:
        """First line and text of every record."""
        if self._found is None:
            self._found = list(self.quotes.records(self._block, self._first))
        return self._found

    def at(self, row: int) -> tuple[dict[str, int], bytes]:
        """Line and text of a row."""
        line, text = self.all()[row]
        return {"line": line}, text

    def text(self, context: Context) -> tuple[bytes, list[tuple[int, bytes]]]:
        """All records that are UTF-8, and lines to be tried alone; the others are set aside."""
        if self._found is None and _is_utf8(self._block) and not self.quotes.is_torn(self._block):
            return self._block, []
        for line, text in self.all():
            if not _is_utf8(text):
                context.rejects.add(_NO_UTF8, text, line=line)
        self._found = [(line, text) for line, text in self.all() if _is_utf8(text)]
        torn = [row for row, (_, text) in enumerate(self._found) if b"\n" in text and self.quotes.is_torn(text)]
        swallowed = self.drop(torn, "", context) if torn else []
        return b"".join(text + b"\n" for _, text in self._found), swallowed

    def drop(self, rows: list[int], reason: str, context: Context) -> list[tuple[int, bytes]]:
        """Set records aside that are no rows; the lines of one that a stray quote made of several are given back."""
        before = self.all()
        gone = set(rows)
        self._found = [record for row, record in enumerate(before) if row not in gone]
        given_back = []
        for line, text in (before[row] for row in rows):
            if b"\n" not in text:
                context.rejects.add(reason, text, line=line)
                continue
            for number, part in enumerate(text.split(b"\n"), line):
                if self.quotes.open_line(part) is not None:
                    context.rejects.add(_NEVER_CLOSED, part, line=number)
                elif part.strip(b"\r"):
                    given_back.append((number, part.rstrip(b"\r")))
        return given_back


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _table(
    found: _Records, names: list[str], delimiter: str, context: Context
) -> tuple[dict[str, pa.Array], list[tuple[int, bytes]]]:
    """The records as columns of text, without those that have another number of cells; and lines to be tried alone."""
    bad: list[int] = []

    def invalid(row: csv.InvalidRow) -> str:
        bad.append(row.number - 1)
        return "skip"

    block, swallowed = found.text(context)
    if not block.strip(b"\r\n"):
        return dict.fromkeys(names, pa.array([], pa.string())), swallowed
    table = csv.read_csv(
        pa.BufferReader(block),
        csv.ReadOptions(column_names=names, use_threads=False, block_size=max(len(block) + 1, 1 << 16)),
        csv.ParseOptions(delimiter=delimiter, newlines_in_values=b'"' in block, invalid_row_handler=invalid),
        csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=True, null_values=[""],
            quoted_strings_can_be_null=False,
        ),
    )  # fmt: skip
    if bad:
        swallowed += found.drop(bad, f"the row does not have {len(names)} cells", context)
    return {name: _joined(column) for name, column in zip(names, table.columns, strict=True)}, swallowed


def _joined(column: pa.ChunkedArray) -> pa.Array:
    whole = column.combine_chunks()
    return whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole
