"""JSON of other tools: an object or a list of them in every line, or one document with all.

`messages` gives the objects one by one with their place; what is no JSON goes to the rejects. `read` takes objects that
are rows themselves; messages of particular tools have readers of their own.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from omptool.errors import Damaged
from omptool.model import bounded_json
from omptool.sources.foreign import contract, lines, tables, values
from omptool.sources.foreign.context import Context
from omptool.sources.foreign.points import Points
from omptool.sources.foreign.tables import Layout

ROWS = 8192
"""Rows that become points together."""

MOST_DOCUMENT = 512 << 20
"""Bytes of a document that is not written line by line."""

_SAMPLE = 20
_TOGETHER = 512
"""Lines that are parsed together."""


def is_lines(head: bytes) -> bool:
    """Whether the first line is a JSON text by itself, and not a document that goes on."""
    first, end, rest = head.lstrip().partition(b"\n")
    if not end or not rest.strip():
        return not first.startswith(b"[")
    try:
        return isinstance(json.loads(first), (dict, list))
    except (ValueError, RecursionError):
        return False


def first_object(head: bytes) -> dict[str, Any] | None:
    """The first object at the beginning of a file; None when it does not begin with one."""
    text = head.decode("utf-8", "replace").lstrip().lstrip("[").lstrip()
    try:
        found = json.JSONDecoder().raw_decode(text)[0]
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def sample(head: bytes) -> list[dict[str, Any]]:
    """The first objects of a file, as far as the beginning reaches."""
    if (first := first_object(head)) is None:
        return []
    found = [first]
    if is_lines(head):
        for line in head.split(b"\n")[1:_SAMPLE]:
            try:
                item = json.loads(line)
            except (ValueError, RecursionError):
                continue
            found += [entry for entry in (item if isinstance(item, list) else [item]) if isinstance(entry, dict)]
    return found


Place = Mapping[str, int]
Message = tuple[dict[str, Any], Place, bytes | None]
"""An object, where it stands, and its text (None: to be written anew when it is wrong)."""


def messages(path: Path, context: Context) -> Iterator[Message]:
    """Every object of the file.

    Raises:
        Damaged: a document too large to be read at once, or no JSON at all.
    """
    if is_lines(lines.head(path)):
        yield from _of_lines(path, context)
    else:
        yield from _of_document(path, context)


def _of_lines(path: Path, context: Context) -> Iterator[Message]:
    def oversized(line: int, text: bytes) -> None:
        context.rejects.add(f"a line of more than {lines.MOST_LINE:,} bytes", text, line=line)

    for first, block in lines.blocks(path, oversized, context.on_bytes):
        numbered = [(number, text) for number, text in enumerate(block.split(b"\n"), first) if text.strip()]
        for start in range(0, len(numbered), _TOGETHER):
            yield from _parsed(numbered[start : start + _TOGETHER], context)


def _parsed(numbered: Sequence[tuple[int, bytes]], context: Context) -> Iterator[Message]:
    """The objects of some lines: read together when all are right, which is many times faster, else one by one."""
    try:
        found = bounded_json.loads(b"[" + b",".join(text for _, text in numbered) + b"]")
    except ValueError:
        found = ()
    if len(found) == len(numbered) and all(type(item) is dict for item in found):
        for item, (number, text) in zip(found, numbered, strict=True):
            yield item, {"line": number}, text
        return
    for number, text in numbered:
        try:
            item = bounded_json.loads(text)
        except UnicodeDecodeError:
            context.rejects.add("bytes that are no UTF-8", text, line=number)
            continue
        except ValueError as error:
            context.rejects.add(f"no JSON: {_reason(error)}", text, line=number)
            continue
        yield from _objects(item, {"line": number}, text, context)


def _objects(item: Any, place: Place, text: bytes | None, context: Context) -> Iterator[Message]:
    if isinstance(item, dict):
        yield item, place, text
    elif isinstance(item, list):
        for entry in item:
            if isinstance(entry, dict):
                yield entry, place, None
            else:
                context.rejects.add("no object", tables.text_of(entry), **place)
    else:
        context.rejects.add("no object", text, **place)


def _of_document(path: Path, context: Context) -> Iterator[Message]:
    with lines.open_text(path) as file:
        data = file.read(MOST_DOCUMENT + 1)
    context.on_bytes(len(data))
    if len(data) > MOST_DOCUMENT:
        raise Damaged(
            f"{path} is one JSON document of more than {MOST_DOCUMENT >> 20} MB",
            f"write it line by line:  jq -c '.[]' {path.name} > {path.stem}.jsonl",
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        data = data.decode("utf-16", "replace").encode("utf-8", "replace")
    try:
        found = bounded_json.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except ValueError as error:
        raise Damaged(f"{path} is no JSON: {_reason(error)}", "get it again from where it came") from None
    if isinstance(found, dict):
        yield found, {"entry": 1}, None
        return
    for number, entry in enumerate(found if isinstance(found, list) else [found], 1):
        if isinstance(entry, dict):
            yield entry, {"entry": number}, None
        else:
            context.rejects.add("no object", tables.text_of(entry), entry=number)


def _reason(error: ValueError) -> str:
    return str(error).splitlines()[0][:200]


def names(objects: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys of the objects, each once."""
    return list(dict.fromkeys(name for item in objects for name in item))


def read(path: Path, how: Layout, context: Context) -> Iterator[Points]:
    """Objects that are rows, with the columns that `how` tells."""
    for group in grouped(messages(path, context)):
        yield from _points(group, how, context)


def grouped(found: Iterator[Message], size: int = ROWS) -> Iterator[list[Message]]:
    """Messages in lists of at most `size`."""
    group: list[Message] = []
    for message in found:
        group.append(message)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def origin_of(group: Sequence[Message]) -> Callable[[int], tuple[dict[str, int], str | bytes]]:
    """Where a row of the group stands, and its text."""

    def origin(row: int) -> tuple[dict[str, int], str | bytes]:
        item, place, text = group[row]
        return dict(place), text if text is not None else json.dumps(item, ensure_ascii=False)

    return origin


def _points(group: Sequence[Message], how: Layout, context: Context) -> Iterator[Points]:
    if how.is_contract:
        yield from contract.points(_texts(group, contract.COLUMNS), context, origin_of(group))
        return
    wanted = [*how.roles.values(), *how.tags]
    texts = _texts(group, wanted)
    found = None
    if not how.tags:
        column = how.roles["value"]
        kinds = texts[how.roles["type"]].to_pylist() if "type" in how.roles else [None] * len(group)
        typed = [None if kind is None else values.type_name(kind) for kind in kinds]
        found = values.of_python([item.get(column) for item, _, _ in group], typed)
    yield from tables.points(texts, how, context, origin_of(group), found)


def _texts(group: Sequence[Message], wanted: Sequence[str]) -> dict[str, pa.Array]:
    return {name: _text_column([item.get(name) for item, _, _ in group]) for name in dict.fromkeys(wanted)}


def _text_column(cells: list[Any]) -> pa.Array:
    try:
        return pa.array(cells, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid):
        return pa.array([tables.text_of(cell) for cell in cells], pa.string())
