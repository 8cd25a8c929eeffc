"""Opens what `--nodes` names, or stdin, finds out what it is, and has it read: text, CSV, JSON, Parquet, TOML, YAML."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omptool.errors import NotFound, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from omptool.capture.selecting.nodelist import NodeList

MOST_BYTES = 64 << 20
"""Of a list of nodes: a million of them."""

_JSON = re.compile(r"\s*(\{|\[\s*(\{|\]|//|/\*)|//|/\*)")
"""A list of objects; a path may begin with a bracket too, but none goes on like this."""

_COLUMNS = ("node_id", "path", "node_class", "access_level", "is_property")
_ROWS = 5000
_LONGEST = 64 << 10
_HINT = (
    "give one NodeId or path per line, CSV, a snapshot of omptool browse, a publishednodes.json, or a configuration of "
    "Telegraf or benthos-umh"
)


def read(name: str) -> NodeList:
    """The list in the file of this name; `-` is stdin.

    Raises:
        NotFound: no such file.
        UsageError: it is none of what can be read, or holds a line that cannot be.
    """
    from omptool.capture.selecting.nodelist import of_snapshot, of_text

    data = _bytes(name)
    shown = "stdin" if name == "-" else name
    if data.startswith(b"PAR1"):
        return of_snapshot(_table(data, shown), shown)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{shown} is no text in UTF-8", _HINT) from None
    if _JSON.match(text):
        return _of_json(text, shown)
    return _of_other_tools(text, shown) or of_text(text, shown)


def _of_other_tools(text: str, shown: str) -> NodeList | None:
    """The list of a Telegraf or benthos-umh configuration; None where the text is neither."""
    from omptool.capture.selecting.nodelist_telegraf import looks_telegraf, of_telegraf
    from omptool.capture.selecting.nodelist_umh import looks_umh, of_umh

    if looks_telegraf(text):
        return of_telegraf(text, shown)
    if not looks_umh(text):
        return None
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        return of_umh(yaml.load(text, loader), shown)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UsageError(f"{shown} is no YAML: {' '.join(str(error).split())[:200]}", _HINT) from None


def _of_json(text: str, shown: str) -> NodeList:
    from omptool.capture.selecting.nodelist import of_snapshot
    from omptool.capture.selecting.nodelist_published import looks_published, of_published

    data = _parsed(text, shown)
    if looks_published(data):
        return of_published(data, shown)
    rows = data if isinstance(data, list) else [data]
    if not all(isinstance(row, dict) and "node_id" in row for row in rows) or not rows:
        raise UsageError(f"{shown} is JSON, but neither a snapshot nor a publishednodes.json", _HINT)
    return of_snapshot(rows, shown)


def _parsed(text: str, shown: str) -> Any:
    """One JSON value, or several, one per line."""
    from omptool.model import bounded_json, lenient_json

    try:
        return lenient_json.loads(text)
    except ValueError as error:
        problem = str(error)
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) > 1 and all(line.lstrip().startswith("{") for line in lines[:2]):
            try:
                return [bounded_json.loads(line) for line in lines]
            except ValueError as other:
                problem = str(other)
        raise UsageError(f"{shown} cannot be read as JSON: {problem[:200]}", _HINT) from None


def _table(data: bytes, shown: str) -> Iterator[dict[str, Any]]:
    """Rows of a Parquet file, few at a time: some bytes can stand for any number of long texts."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(data), read_dictionary=["node_id", "path"])
        known = [name for name in _COLUMNS if name in file.schema_arrow.names]
        if not {"node_id", "node_class"} <= set(known):
            raise UsageError(f"{shown} is no snapshot: it has no columns node_id and node_class", _HINT)
        for batch in file.iter_batches(_ROWS, columns=known):
            for name in {"node_id", "path"} & set(known):
                texts = batch.column(name).dictionary
                if len(texts) and pc.max(pc.binary_length(texts)).as_py() > _LONGEST:
                    raise UsageError(f"{shown} holds texts of more than {_LONGEST:,} bytes", _HINT)
            yield from batch.to_pylist()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UsageError(f"{shown} cannot be read: {str(error)[:200]}", _HINT) from None


def _bytes(name: str) -> bytes:
    try:
        if name == "-":
            data = _stdin()
        else:
            with Path(name).open("rb") as file:
                data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise NotFound(f"no file {name}", "name a file, or - for stdin") from None
    except IsADirectoryError:
        raise NotFound(f"{name} is a folder", "name a file in it, or - for stdin") from None
    except OSError as error:
        raise UsageError(f"cannot read {name}: {(error.strerror or str(error)).lower()}", _HINT) from None
    if len(data) > MOST_BYTES:
        raise UsageError(f"{name} has more than {MOST_BYTES >> 20} MiB", "is this the file you mean?")
    return data


def _stdin() -> bytes:
    stream = getattr(sys.stdin, "buffer", None)  # a program that calls us may have put a plain text there
    return sys.stdin.read(MOST_BYTES + 1).encode() if stream is None else bytes(stream.read(MOST_BYTES + 1))
