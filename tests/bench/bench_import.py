"""What importing costs: files of other tools → rows of `telemetry`, beside polars that only reads the same CSV.

    python tests/bench/bench_import.py [--rows N]

The same values as CSV, JSON Lines and line protocol, in one run. polars parses numbers and times; it numbers no lines,
sets no wrong rows aside and names no places. CPU rows are per second of this process. Rows are counted before anything
is printed.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

import polars

from omptool.sources.foreign.source import ForeignSource
from omptool.sources.resolve import resolve

T0 = 1_795_341_600


def write(folder: Path, rows: int) -> list[Path]:
    """The three files."""
    paths = [folder / f"x.{suffix}" for suffix in ("csv", "jsonl", "lp")]
    rng = random.Random(7)
    with paths[0].open("w") as csv, paths[1].open("w") as lines, paths[2].open("w") as metrics:
        csv.write("time,machine,tag,value\n")
        for number in range(rows):
            moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(T0 + number // 1000)) + f".{number % 1000:03d}Z"
            machine, tag, value = f"Press{number % 20}", f"Temp{number % 7}", round(50 + rng.gauss(0, 5), 3)
            csv.write(f"{moment},{machine},{tag},{value}\n")
            lines.write(f'{{"time":"{moment}","machine":"{machine}","tag":"{tag}","value":{value}}}\n')
            metrics.write(f"oil,machine={machine} {tag}={value} {T0 * 10**9 + number * 10**6}\n")
    return paths


def imported(path: Path) -> int:
    found = resolve(str(path))
    assert isinstance(found, ForeignSource)
    rows = sum(batch.num_rows for batch in found.files[0].batches())
    assert found.files[0].rejects.count == 0
    return rows


def plain(path: Path) -> int:
    """polars reads the CSV with the same types."""
    table = polars.read_csv(path).with_columns(polars.col("time").str.to_datetime("%+", time_unit="ns"))
    return table.height


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=500_000)
    rows: int = parser.parse_args().rows
    with tempfile.TemporaryDirectory() as folder:
        paths = write(Path(folder), rows)
        for label, work, path in [
            ("polars, CSV", plain, paths[0]), ("CSV", imported, paths[0]), ("JSON Lines", imported, paths[1]),
            ("line protocol", imported, paths[2]),
        ]:  # fmt: skip
            started = time.process_time()
            count = work(path)
            seconds = time.process_time() - started
            assert count == rows, f"{label}: {count} of {rows} rows"
            speed = path.stat().st_size / 1e6 / seconds
            print(f"{label:14} {rows / seconds / 1000:7,.0f} k rows/s CPU  {speed:6.1f} MB/s")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
