"""Which tool wrote a file: by its content, or as the user says. The one list of foreign formats."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from omptool.errors import NotFound, UsageError
from omptool.model.plant import PlantModel
from omptool.sources.foreign import delimited, jsonlines, lines, tables
from omptool.sources.foreign.context import Options
from omptool.sources.foreign.source import ForeignSource, Reader, files_of

Recogniser = Callable[[Path, Options], Reader | None]


def open_foreign(
    text: str, paths: Sequence[Path], kind: str, options: Options, plant: PlantModel | None
) -> ForeignSource | None:
    """The files as telemetry; None when they are tables of another kind.

    Args:
        kind: one of `KINDS`.

    Raises:
        UsageError: `options` names columns that the files do not have, or some of the files are telemetry only.
        NotFound: a file cannot be read.
    """
    try:
        readers = [_READERS[kind](path, options) for path in paths]
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise NotFound(f"cannot read {text}: {reason}", "check its permissions") from None
    if all(reader is None for reader in readers):
        return None
    found = [reader for reader in readers if reader is not None]
    if len(found) < len(readers):
        other = paths[readers.index(None)]
        raise UsageError(f"{text}: {other} has other columns than the rest", "name the files one by one")
    return files_of(text, paths, kind, found, options, plant)


def _delimited(path: Path, options: Options, delimiter: str | None = None) -> Reader | None:
    header = delimited.Header(path, delimiter)
    how = tables.layout(header.names, options.columns, wants_telemetry=options.wants_telemetry)
    if how is None:
        return None
    return lambda path, context: delimited.read(path, how, header, context)


def _json(path: Path, options: Options) -> Reader | None:
    found = jsonlines.sample(lines.head(path))
    if not found:
        return None
    how = tables.layout(jsonlines.names(found), options.columns, wants_telemetry=options.wants_telemetry)
    if how is None:
        return None
    return lambda path, context: jsonlines.read(path, how, context)


_READERS: dict[str, Recogniser] = {
    "csv": _delimited,
    "tsv": partial(_delimited, delimiter="\t"),
    "json": _json,
    "jsonl": _json,
}
KINDS = tuple(_READERS)
