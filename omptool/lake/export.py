"""Telemetry rows → one Parquet file, sorted and encoded like the files of a lake, named only when complete."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pyarrow as pa

from omptool.errors import OutputExists
from omptool.lake import parquet, partitions
from omptool.lake.convert import ConvertReport
from omptool.lake.irregular import Irregular, Watched
from omptool.lake.runs import Sorter
from omptool.model.contracts import TELEMETRY
from omptool.store import local


def write_file(
    batches: Iterable[pa.RecordBatch],
    target: Path,
    *,
    force: bool = False,
    on_progress: Callable[[int], None] = lambda _: None,
    compat: bool = False,
) -> ConvertReport:
    """Write telemetry to `target`, with the columns of the contract.

    Args:
        force: replace a file that is there.
        compat: only encodings that readers of every age know.
        on_progress: told how many rows have been read.

    Raises:
        OutputExists: the name is taken.
        DiskFull, OutputFailed: nothing was left behind.
    """
    started = time.monotonic()
    if target.is_dir() or (target.exists() and not force):
        raise OutputExists(f"{target} already exists", "add --force to replace it, or choose another name")
    rows = 0
    irregular = Irregular()
    with local.writing(target):
        local.make_folder(target.parent)
        aside = Path(tempfile.mkdtemp(prefix=f".{target.name[:80]}.", suffix=".tmp", dir=target.parent))
        try:
            sorter = Sorter(aside)
            for batch in batches:
                rows += batch.num_rows
                filed = partitions.file(batch)
                irregular.clock_suspect += filed.suspect
                irregular.late += filed.late
                sorter.add(None, batch)
                on_progress(rows)
            parts = (part for _, pieces in sorter.partitions() for part in pieces)
            written = parquet.write(aside / "file", Watched(parts, irregular), TELEMETRY, compat=compat)
            if target.exists() and not force:
                raise OutputExists(f"{target} has appeared meanwhile", "add --force to replace it")
            local.publish(aside / "file", target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return ConvertReport(rows, 1, written.size, time.monotonic() - started, irregular, False)
