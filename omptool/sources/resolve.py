"""What a user types → a source (C6). The one resolver for `query` and `convert`; opens captures, lakes and files.

Kind by form first (`opc.tcp://…`, a share: refused here; `az://…`, `s3://…`), then by what lies at the path, then by
suffix or `--input-format`. What reads a capture or a lake is loaded when one is there: a CSV file needs neither.
"""

from __future__ import annotations

import difflib
import glob
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from omptool.config.schema import redacted
from omptool.errors import NotACapture, NotFound, OmptoolError, UsageError
from omptool.lake import layout
from omptool.model.plant import PlantModel
from omptool.model.times import parse_time
from omptool.sources import files
from omptool.sources.foreign.context import Options
from omptool.sources.source import Named, Source
from omptool.store import remote
from omptool.store.location import Location, location

if TYPE_CHECKING:
    from omptool.sources.lake import LakeSource

FORMATS = ("capture", "lake", *files.FORMATS, *files.FOREIGN)

_NAME = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=(.+)", re.DOTALL)
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]+)://")
_STORES = frozenset({"azure", "abfs", "abfss", "s3a", "gs", "gcs", "http", "https", "hf"})


@dataclass(frozen=True, slots=True)
class Request:
    """One `--on` value, taken apart: optional name, and the rest."""

    name: str | None
    text: str


def split_name(text: str) -> Request:
    """`NAME=SOURCE` → its parts. A path that exists and contains `=` is a path."""
    match = _NAME.fullmatch(text)
    if match is None or Path(text).exists():
        return Request(None, text)
    return Request(match[1], match[2])


def resolve(
    text: str,
    *,
    input_format: str | None = None,
    plant: PlantModel | None = None,
    servers: Collection[str] = (),
    zone: tzinfo = UTC,
    foreign: Options | None = None,
) -> Source:
    """Open the source that `text` names (without `NAME=`).

    Args:
        input_format: one of FORMATS, where the name does not tell.
        plant: how captures name site, line and machine; lakes have their own names already.
        servers: names of `[servers.NAME]`, to tell a server from a missing file.
        zone: of a TIME in `LAKE@TIME` that has no offset.
        foreign: what the user says about files of other tools.

    Raises:
        UsageError: a server, or something this version does not read.
        NotFound: nothing there; the hint has the nearest name.
        CaptureError, LakeError: it is there and cannot be read.
    """
    if input_format is not None and input_format not in FORMATS:
        raise UsageError(f"unknown --input-format {input_format}", f"known are {', '.join(FORMATS)}")
    _refuse_elsewhere(text, servers)
    if remote.is_remote(text):
        return _stored(text, input_format, plant, zone, foreign or Options())
    path = Path(text)
    if input_format == "lake" or (input_format is None and layout.is_lake(path)):
        return _lake(path, None, text)
    if input_format is None and (at := _lake_version(text, zone)) is not None:
        return _lake(at[0], at[1], text)
    if input_format == "capture":
        return _capture(path, plant, text)
    if path.is_dir() and input_format is None:
        return _folder(path, plant, text)
    return _files(text, input_format, foreign or Options(), plant)


def resolve_all(
    texts: Sequence[str],
    *,
    input_format: str | None = None,
    plant: PlantModel | None = None,
    servers: Collection[str] = (),
    zone: tzinfo = UTC,
    foreign: Options | None = None,
) -> list[Named]:
    """Open every `[NAME=]SOURCE`; parameters as for `resolve`."""

    def open_one(text: str) -> Source:
        return resolve(text, input_format=input_format, plant=plant, servers=servers, zone=zone, foreign=foreign)

    return [Named(open_one(request.text), request.name) for request in map(split_name, texts)]


def lake_at(text: str, zone: tzinfo = UTC) -> LakeSource | None:
    """The lake, or version of a lake, that `text` names; None when it names none.

    Raises:
        UsageError, LakeError: as `resolve`.
    """
    if not layout.is_lake(location(text)) and _lake_version(text, zone) is None:
        return None
    from omptool.sources.lake import LakeSource

    found = resolve(text, zone=zone)
    assert isinstance(found, LakeSource)
    return found


def plant_of_lakes(texts: Sequence[str]) -> PlantModel | None:
    """The plant model kept in the first lake among `[NAME=]SOURCE` that has one: captures beside it are named alike."""
    typed = (split_name(text).text for text in texts)
    # wildcards in a store are for files
    lakes = [path for text in typed if not remote.is_pattern(text) and layout.is_lake(path := location(text))]
    if not lakes:
        return None
    from omptool.lake.table import stored_plant

    return next(filter(None, map(stored_plant, lakes)), None)


def _stored(text: str, input_format: str | None, plant: PlantModel | None, zone: tzinfo, foreign: Options) -> Source:
    """A source in an object store: lakes and telemetry in Parquet are read there, everything else is fetched first."""
    if not remote.is_pattern(text):
        where = remote.parse(text)
        if input_format == "lake" or (input_format is None and layout.is_lake(where)):
            return _lake(where, None, text)
        if input_format is None and (at := _lake_version(text, zone)) is not None:
            return _lake(at[0], at[1], text)
    from omptool.sources import stored

    found = stored.find(text)
    if isinstance(found, Path):
        return _capture(found, plant, text)
    if input_format == "capture":
        raise NotACapture(f"{text} is no capture", "a capture is the folder that `omptool capture -o` made")
    if input_format in (None, "parquet") and all(where.suffix.lower() == ".parquet" for where in found):
        source = files.open_files(text, found, "parquet")
        if source.has_telemetry:
            return source
    return _files_of(text, stored.fetch(found), input_format, foreign, plant)


def _lake(path: Location, version: int | datetime | None, text: str) -> Source:
    from omptool.sources.lake import LakeSource

    return LakeSource(path, version=version, label=text)


def _capture(path: Path, plant: PlantModel | None, text: str) -> Source:
    from omptool.sources.capture import CaptureSource

    return CaptureSource(path, plant=plant, label=text)


def _refuse_elsewhere(text: str, servers: Collection[str]) -> None:
    scheme = _SCHEME.match(text)
    if (scheme and scheme[1].lower().startswith("opc.")) or (text in servers and not Path(text).exists()):
        raise UsageError(f"{text} is a server, not a recording", f"capture it first: omptool capture {text} -o x.omcap")
    if scheme and scheme[1].lower() in _STORES:
        raise UsageError(
            f"{redacted(text)}: this is no store that omptool reads",
            "stores are az://CONTAINER/PATH and s3://BUCKET/PATH; or copy it to a local folder and name that folder",
        )
    if scheme and not remote.is_remote(text):
        raise UsageError(f"{text}: unknown kind of source {scheme[1]}://", "name a capture, a lake or a file")
    if ".share#" in text:
        raise UsageError(f"{text}: this version does not read shares", "name a capture, a lake or a file")


def _lake_version(text: str, zone: tzinfo) -> tuple[Location, int | datetime] | None:
    """`LAKE@N` and `LAKE@TIME`, when LAKE is a lake."""
    head, sign, tail = text.rpartition("@")
    if not sign or not layout.is_lake(lake := location(head)):
        return None
    if re.fullmatch("[0-9]{1,18}", tail):
        return lake, int(tail)
    try:
        return lake, parse_time(tail, now=datetime.now(UTC), zone=zone)
    except OmptoolError as error:
        raise UsageError(
            f"{text}: {tail} is neither a version nor a time", "example: lake@3 or lake@2026-11-22T10:00:00Z"
        ) from error


def _folder(path: Path, plant: PlantModel | None, text: str) -> Source:
    names = [entry.name for entry in path.iterdir()]
    if any(name.endswith(".arrows") or name == "capture.json" for name in names):
        return _capture(path, plant, text)
    if not names:
        raise NotACapture(f"{text} is an empty folder", "name a capture, a lake or a file")
    if any(name.endswith(".parquet") for name in names):
        raise NotACapture(
            f"{text} is neither a capture nor a lake", f"for the Parquet files in it: '{text.rstrip('/')}/*.parquet'"
        )
    if layout.is_lake(path.parent) and path.name in layout.PARTITIONS:
        raise NotACapture(f"{text} is one table of a lake", f"name the lake: {path.parent}")
    nested = sorted(entry.name for entry in path.iterdir() if entry.is_dir() and _looks_known(entry))
    hint = (
        f"it contains {nested[0]}: try {path / nested[0]}"
        if nested
        else "a capture ends in .omcap; convert makes lakes"
    )
    raise NotACapture(f"{text} is neither a capture nor a lake", hint)


def _looks_known(path: Path) -> bool:
    return layout.is_lake(path) or path.suffix == ".omcap"


def _files(text: str, input_format: str | None, foreign: Options, plant: PlantModel | None) -> Source:
    # glob.glob, not Path.glob: the pattern may be absolute
    names = [text] if Path(text).exists() else sorted(glob.glob(text, recursive=True))  # noqa: PTH207
    if names == [text] and Path(text).is_dir():
        raise NotFound(f"{text} is a folder", f"name the files in it: '{text.rstrip('/')}/*'")
    paths = [path for path in map(Path, names) if not path.is_dir()]
    if not paths:
        elsewhere = f"check the name; the folder is {Path(text).parent.absolute()}"
        raise NotFound(f"no such file or folder: {text}", nearest(Path(text)) or elsewhere)
    return _files_of(text, paths, input_format, foreign, plant)


def _files_of(
    text: str, paths: Sequence[Path], input_format: str | None, foreign: Options, plant: PlantModel | None
) -> Source:
    kind = input_format or _by_suffix(text, paths)
    plain = files.open_files(text, paths, kind) if kind in ("parquet", "arrow") else None
    if plain is not None and plain.has_telemetry:
        return plain
    from omptool.sources.foreign.recognise import open_foreign

    if (source := open_foreign(text, paths, kind, foreign, plant)) is not None:
        return source
    if kind in files.FOREIGN:
        raise NotFound(f"{text} has no table with a time, a tag and a value", "--map ROLE=COLUMN says which they are")
    return plain or files.open_files(text, paths, kind)


def _by_suffix(text: str, paths: Sequence[Path]) -> str:
    kinds = {files.SUFFIXES.get(path.suffix.lower(), "") for path in paths}
    if len(kinds) == 1 and (kind := kinds.pop()):
        return kind
    from omptool.sources.foreign.recognise import kind_by_content

    contents = {kind_by_content(path) for path in paths}
    if len(contents) == 1 and (found := contents.pop()):
        return found
    if any(path.suffix.lower() == ".uadp" for path in paths):
        raise UsageError(
            f"{text}: binary PubSub messages (UADP) are not read", "have JSON published; OPC Publisher: --me=Json"
        )
    raise UsageError(f"{text}: cannot tell the format from the name", f"add --input-format {'|'.join(files.FORMATS)}")


def nearest(path: Path) -> str:
    """A hint with the name in the same folder that is most like `path`; empty when none is."""
    parent = path.parent
    if not parent.is_dir():
        return f"there is no folder {parent}"
    names = {entry.name.casefold(): entry.name for entry in parent.iterdir() if not entry.name.startswith(".")}
    match = difflib.get_close_matches(path.name.casefold(), names, n=1, cutoff=0.6)
    return f"did you mean {parent / names[match[0]]}?" if match else ""
