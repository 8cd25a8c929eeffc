"""Files of a table of structures → the rows of one: sorted, those that repeat others left out.

DuckDB does it, in bounded memory and with what does not fit in the staging folder: the columns are not those of a
contract, and no two such tables have the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from omptool.errors import LakeError
from omptool.store.location import Location, on_disk

MEMORY = "200MB"
_ROWS = 65_536
_OWN = ("capture", "seq")
"""What tells rows apart that say the same."""

_ORDER = ("server", "node_id", "time", "time_ns", *_OWN, "element")


def merged(files: Sequence[Location], schema: pa.Schema, folder: Path) -> Iterator[pa.Table]:
    """The rows of files that have columns of `schema`; missing ones are null.

    Of rows that are equal but for how they came the first one stays.

    Raises:
        LakeError: a file cannot be read.
    """
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY, "temp_directory": str(folder), "threads": 1, "preserve_insertion_order": False,
        "autoinstall_known_extensions": False, "autoload_known_extensions": False, "python_enable_replacements": False,
    }  # fmt: skip
    told = ", ".join(_quoted(name) for name in schema.names if name not in _OWN)
    statement = f"""
        SELECT {", ".join(map(_quoted, schema.names))}
        FROM read_parquet($files, union_by_name = true, hive_partitioning = false)
        QUALIFY row_number() OVER (PARTITION BY {told} ORDER BY {", ".join(_OWN)}) = 1
        ORDER BY {", ".join(_ORDER)}"""
    try:
        with duckdb.connect(config=settings) as database:
            database.execute("SET TimeZone = 'UTC'")
            found = database.sql(statement, params={"files": [str(file) for file in on_disk(files, folder)]})
            batches: Iterator[pa.RecordBatch] = found.to_arrow_reader(_ROWS)
            for batch in batches:
                yield pa.Table.from_batches([batch]).cast(schema)
    except (duckdb.Error, pa.ArrowException) as error:
        why = str(error).partition("\n")[0]
        raise LakeError(
            f"cannot compact {files[0].parent}: {why}", "which files are damaged:  omptool verify LAKE"
        ) from error


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
