"""How fast a capture becomes a lake: against reading, sorting and writing the same rows with pyarrow and with polars.

    python -m tests.bench.bench_convert [--rows N] [--only NAME] [--keep DIR]

The capture has every column, 1,000 nodes of mixed types and jittered stamps, as plants send them. Each contender is a
process of its own: `omptool` is the real conversion (partitions, commit, sync, counts of what is odd); `pyarrow` and
`polars` get the rows from the same reader, in its cheapest form (repeated texts as dictionaries), sort them by machine,
node and time in memory, and write one Parquet file with zstd. The rows are counted and summed before anything is said.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from omptool.capture.encode import encode_items
from omptool.capture.nodetable import ServerIdentity
from omptool.capture.writer import CaptureWriter
from omptool.model.nodes import MonitoredNode, Node
from omptool.model.plant import ServerPlace
from tests.bench.bench_capture_write import NODES, T0, items

FLUSH = 25_000
"""Rows a commit: a quarter of a second at the rate of the recording."""

SORT = ("machine", "node_id", "time", "time_ns", "seq")


def make(path: Path, rows: int) -> None:
    """A capture of `rows` rows: a hundred machines with ten tags each."""
    writer = CaptureWriter.create(path)
    nodes = [
        MonitoredNode(
            Node(f"nsu=urn:plant;s=Hall/M{n // 10:03}.Tag{n % 10}", f"Hall/M{n // 10:03}/Tag{n % 10}", f"Tag{n % 10}"),
            n + 1, "urn:bench", T0,
        )
        for n in range(NODES)
    ]  # fmt: skip
    server = ServerIdentity("urn:bench", settings=ServerPlace(site="Leipzig", machine="Hall/*"))
    writer.put_nodes(server, nodes)
    sub = writer.subscription("urn:bench", epoch=1, subscription_id=1)
    for number, first in enumerate(range(0, rows, FLUSH)):
        columns = items(first, min(FLUSH, rows - first))
        batch = encode_items(
            columns, nodes=columns.client_handle + 1, receive_time=T0 + number * FLUSH * 10_000,
            receive_mono=number * FLUSH * 10_000, sequence=number + 1, sub=sub,
        )  # fmt: skip
        writer.append(batch)
        writer.commit()
    writer.close()


def by_omptool(capture: Path, target: Path) -> None:
    from omptool.lake.convert import convert
    from omptool.sources.capture import CaptureSource

    convert([CaptureSource(capture)], target)


def by_pyarrow(capture: Path, target: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from omptool.lake import order
    from omptool.sources.capture import CaptureSource

    table = pa.concat_tables([order.compact(batch) for batch in CaptureSource(capture).telemetry()])
    for name in ("machine", "node_id"):  # pyarrow does not sort by dictionaries
        index = table.schema.get_field_index(name)
        table = table.set_column(index, name, table[name].cast(pa.string()))
    ordered = table.sort_by([(name, "ascending") for name in SORT])
    pq.write_table(ordered, target, compression="zstd")


def by_polars(capture: Path, target: Path) -> None:
    import polars as pl

    from omptool.sources.capture import CaptureSource

    frame = pl.concat([pl.DataFrame(batch) for batch in CaptureSource(capture).telemetry()])
    frame.sort(SORT).write_parquet(target, compression="zstd")


CONTENDERS: dict[str, Callable[[Path, Path], None]] = {
    "omptool": by_omptool,
    "pyarrow": by_pyarrow,
    "polars": by_polars,
}


def child(name: str, capture: Path, target: Path) -> None:
    """One contender, in this process."""
    import resource

    start = time.perf_counter()
    CONTENDERS[name](capture, target)
    wall = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    say(f"{wall} {used.ru_utime + used.ru_stime} {used.ru_maxrss * 1024 / 1e6}")


def run(name: str, capture: Path, target: Path) -> tuple[float, float, float]:
    """Wall seconds of the work, CPU seconds of the process, its peak in MB."""
    command = [sys.executable, "-m", "tests.bench.bench_convert", "--child", name, str(capture), str(target)]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    wall, cpu, peak = map(float, out.split())
    return wall, cpu, peak


def check(target: Path, rows: int) -> int:
    """Bytes of the Parquet files, when they hold what they should."""
    import duckdb

    files = [str(path) for path in target.rglob("part-*.parquet")] if target.is_dir() else [str(target)]
    if target.is_dir():
        files = [name for name in files if f"{target}/telemetry/" in name]
    with duckdb.connect() as connection:
        found = connection.execute("select count(*), sum(seq) from read_parquet(?)", [files]).fetchone()
    if found != (rows, rows * (rows + 1) // 2):
        sys.exit(f"{target} does not hold the rows: {found}")
    return sum(Path(name).stat().st_size for name in files)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--only", choices=CONTENDERS, action="append")
    parser.add_argument("--keep", type=Path, help="folder of a capture that is made once")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        child(chosen.child[0], Path(chosen.child[1]), Path(chosen.child[2]))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = chosen.keep or Path(name)
        capture = folder / f"bench-{chosen.rows}.omcap"
        if not capture.exists():
            make(capture, chosen.rows)
        size = sum(path.stat().st_size for path in capture.iterdir())
        say(f"{chosen.rows:,} rows, capture of {size / chosen.rows:.1f} B/row")
        say("            wall s    CPU s   rows/s CPU   peak MB   B/row   omptool is (wall)  (CPU)")
        base = None
        for contender in chosen.only or CONTENDERS:
            target = Path(name) / contender
            wall, cpu, peak = run(contender, capture, target)
            size = check(target, chosen.rows)
            base = base or (wall, cpu)
            ratio = f"{wall / base[0]:>13.2f} × {cpu / base[1]:>7.2f} ×"
            say(
                f"{contender:<10} {wall:>7.1f} {cpu:>8.1f} {chosen.rows / cpu:>12,.0f} {peak:>9.0f}"
                f" {size / chosen.rows:>7.2f}   {ratio}"
            )


if __name__ == "__main__":
    main()
