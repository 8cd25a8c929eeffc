"""Names inside a lake: one Delta table per view, folders `column=value`, file names.

A lake is `LAKE/<view>/_delta_log/…` with the data files of `telemetry` and `events` in `site=S/date=D/`. Pure: names
only, no file is opened here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import pyarrow as pa

from omptool.model.contracts import TIME, VIEWS, columns
from omptool.model.plant import PlantModel
from omptool.store.location import Location, is_folder

FORMAT = 1
"""Raised only when the meaning of existing files changes."""

SERVERS: pa.Schema = columns(
    ("server", pa.string(), ""),
    ("path", pa.string(), ""),
    ("valid_from", TIME, ""),
    ("name", pa.string(), "null"),
    ("level", pa.string(), "null"),
    ("level_name", pa.string(), "null"),
    ("site", pa.string(), "null"),
    ("area", pa.string(), "null"),
    ("line", pa.string(), "null"),
    ("machine", pa.string(), "null"),
)
"""What decides, besides the plant model, where nodes stand: a row per server (path empty: its short name and settings),
and one per object that the server itself calls a site, area, line or machine. No view; `remodel` reads it."""

SCHEMAS: dict[str, pa.Schema] = {**VIEWS, "servers": SERVERS}

PARTITIONS: dict[str, tuple[str, ...]] = {
    "telemetry": ("site", "date"),
    "nodes": (),
    "events": ("site", "date"),
    "gaps": ("capture",),
    "journal": (),
    "servers": (),
}
"""Partition columns of each table. `gaps` is kept per capture because a window that was open may be closed later."""

STAGING = "_staging"
"""Folder of files that are not yet part of the lake; the underscore keeps it out of every reader."""

LOCK = "_omptool.lock"

FORMAT_KEY = "omptool.format"
PLANT_KEY = "omptool.plant"
PLANT_DIGEST_KEY = "omptool.plant_sha256"
COMPAT_KEY = "omptool.compat"
"""Property of `telemetry`, `true` where files are written for old readers."""

CLOCK_SUSPECT = "omptool.clock_suspect"
"""Application id whose transaction version is the number of clock-suspect rows in the table."""

ROWS_OF = "omptool.rows:"
"""Application id, with a capture's id behind it, whose transaction version is the number of its rows ever added."""

DUPLICATES_OF = "omptool.duplicates:"
"""The same of its rows that were removed because they repeat others."""

DUPLICATES_KEY = "omptool.duplicates"
"""In the metadata of a data file: how many of its rows repeat others in it; a file alone that says 0 is compact."""

_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_CHECKSUM = re.compile(r"^part-.*-\d{5,}-([0-9a-f]{8})\.parquet$")
_DERIVED = re.compile(r"wide_[0-9]+(h|m|s|ms|us)|struct_[A-Za-z0-9_]+")
_NULL_NAMES = frozenset({"__HIVE_DEFAULT_PARTITION__", "NULL", "null"})


def escape(value: str) -> str:
    """A partition value as part of a folder name: everything but `[A-Za-z0-9_-]` is percent-encoded as UTF-8.

    The few names that Hive readers take for null are encoded too.
    """
    if value in _NULL_NAMES:
        return f"%{ord(value[0]):02X}{value[1:]}"
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in value.encode("utf-8", "surrogatepass"))


def partitions(view: str) -> tuple[str, ...]:
    """The partition columns of a table; a grid has those of telemetry, a table of structures the date."""
    return PARTITIONS.get(view, ("date",) if is_struct(view) else PARTITIONS["telemetry"])


def struct_name(kind: str) -> str:
    """The table of a structure type."""
    return "struct_" + re.sub(r"[^A-Za-z0-9_]", "_", kind)


def is_struct(name: str) -> bool:
    """Whether a table is that of a structure type."""
    return name.startswith("struct_")


def wide_name(step_us: int) -> str:
    """The table of a grid: `wide_1s`, `wide_10m`."""
    for unit, size in (("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1000), ("us", 1)):
        if step_us % size == 0:
            return f"wide_{step_us // size}{unit}"
    raise AssertionError("microseconds are whole")


def is_table(name: str) -> bool:
    """Whether a table of a lake may be called so."""
    return name in PARTITIONS or _DERIVED.fullmatch(name) is not None


def derived(lake: Location) -> list[str]:
    """The tables that are made from others, by name."""
    found: Iterable[Location] = lake.iterdir() if lake.is_dir() else ()
    return sorted(path.name for path in found if _DERIVED.fullmatch(path.name) and (path / "_delta_log").is_dir())


def folder(values: Mapping[str, str]) -> str:
    """The folder of a partition below its table, `site=S/date=D`; empty for a table without partitions."""
    return "/".join(f"{column}={escape(value)}" for column, value in values.items())


def file_name(run: str, number: int, checksum: int) -> str:
    """The name of a data file; `checksum` is the CRC-32 of its bytes."""
    return f"part-{run}-{number:05d}-{checksum:08x}.parquet"


def checksum_in(name: str) -> int | None:
    """The checksum that a file's name states; None of files that somebody else, or an early omptool, wrote."""
    match = _CHECKSUM.search(name)
    return None if match is None else int(match[1], 16)


def table_path(lake: Location, view: str) -> Location:
    """Where the Delta table of a view lies."""
    return lake / view


def plant_properties(plant: PlantModel) -> dict[str, str]:
    """What the table `telemetry` says of the plant model that its rows were named by."""
    return {PLANT_KEY: plant.text, PLANT_DIGEST_KEY: plant.digest}


def tables(lake: Location) -> list[str]:
    """The tables that a lake has."""
    return [view for view in PARTITIONS if (table_path(lake, view) / "_delta_log").is_dir()]


def is_lake(path: Location) -> bool:
    """Whether a folder, or what a store has below a name, is a lake."""
    return is_folder(path / "telemetry" / "_delta_log")


def table_schema(view: str) -> pa.Schema:
    """All columns of a table: those of the contract, and the partition column `date` where there is one."""
    schema = SCHEMAS[view]
    if "date" in PARTITIONS[view]:
        schema = schema.append(pa.field("date", pa.date32(), nullable=False))
    return schema


def file_schema(view: str) -> pa.Schema:
    """The columns that stand in the data files: those that are not in the folder names."""
    return pa.schema([field for field in SCHEMAS[view] if field.name not in PARTITIONS[view]])
