"""What the commit records of a capture cost: `.omcap` against a plain Arrow IPC stream of the same rows, in one run.

    python tests/bench/bench_capture_write.py [--rows N]

Full schema, zstd, mixed types, every flush synced with fdatasync on both sides. CPU rows are per second of this
process, the steadier figure on a busy machine. The rows are read back and compared before anything is printed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from omptool.capture import view
from omptool.capture.encode import encode_items
from omptool.capture.format import SEGMENT
from omptool.capture.nodetable import ServerIdentity
from omptool.capture.reader import Capture
from omptool.capture.writer import CaptureWriter
from omptool.model.nodes import MonitoredNode, Node
from omptool.model.times import unix_ns_to_ticks
from omptool.protocol.columns import ItemColumns

NODES = 1000
T0 = 1_790_000_000_000_000_000
ROUNDS = 3
STATES = [f"STATE_{number:02d}" for number in range(32)]


def items(first: int, count: int) -> ItemColumns:
    """60 % Double, 25 % Int64, 10 % Boolean, 5 % String; 100,000 values a second, jittered stamps."""
    rng = np.random.default_rng(first)
    columns = ItemColumns.blank(count)
    node = rng.permutation(np.arange(first, first + count) % NODES)
    at = unix_ns_to_ticks(T0) + (first + np.arange(count)) * 100 - rng.integers(0, 100_000, count)
    columns.client_handle[:] = node
    columns.source_ticks[:], columns.has_source[:] = at, True
    columns.server_ticks[:], columns.has_server[:] = at + rng.integers(50, 500, count), True
    columns.status[:] = np.where(rng.random(count) < 0.002, 0x80050000, 0)
    kind = node % 20
    columns.has_f64[:], columns.has_i64[:] = kind < 12, (kind >= 12) & (kind < 17)
    columns.has_bool[:] = (kind >= 17) & (kind < 19)
    columns.vtype[:] = np.select([kind < 12, kind < 17, kind < 19], [11, 8, 1], 12)
    noisy = 50 + rng.normal(0, 5, count)
    columns.f64[:] = np.where(node % 2, noisy, np.round(noisy * 40) / 40)
    columns.i64[:] = first // NODES + node
    columns.bool_[:] = rng.random(count) < 0.5
    words = rng.integers(0, len(STATES), count)
    columns.text = [STATES[word] if is_text else None for word, is_text in zip(words, kind == 19, strict=True)]
    return columns


def batches(rows: int, flush: int) -> list[pa.RecordBatch]:
    made = [items(first, flush) for first in range(0, rows, flush)]
    return [
        encode_items(
            columns, nodes=columns.client_handle + 1, receive_time=T0 + number * flush * 10_000,
            receive_mono=number * flush * 10_000, sequence=number + 1, sub=1,
        )
        for number, columns in enumerate(made)
    ]  # fmt: skip


def write_capture(path: Path, data: list[pa.RecordBatch]) -> Callable[[], int]:
    """Everything but the start: the node table is written once, however long a capture lasts."""
    writer = CaptureWriter.create(path)
    nodes = [MonitoredNode(Node(f"i={n}", f"Line/N{n}", f"N{n}"), n, "urn:bench", T0) for n in range(1, NODES + 1)]
    writer.put_nodes(ServerIdentity("urn:bench"), nodes)

    def work() -> int:
        for batch in data:
            writer.append(batch)
            writer.commit()
        writer.close()
        return sum(file.stat().st_size for file in path.glob("seg-*"))

    return work


def write_stream(path: Path, data: list[pa.RecordBatch]) -> Callable[[], int]:
    """Arrow's own writer, same codec, synced per flush; no check, no recovery."""
    options = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", 1))

    def work() -> int:
        with path.open("wb") as file, pa.ipc.new_stream(file, SEGMENT, options=options) as stream:
            for batch in data:
                stream.write_batch(batch)
                file.flush()
                getattr(os, "fdatasync", os.fsync)(file.fileno())
        return path.stat().st_size

    return work


def best(prepare: Callable[[Path], Callable[[], int]], folder: Path, name: str) -> tuple[float, float, int]:
    """Least wall and CPU seconds of several rounds, and bytes."""
    walls, cpus, size = [], [], 0
    for number in range(ROUNDS):
        work = prepare(folder / f"{name}{number}")
        wall, cpu = time.perf_counter(), time.process_time()
        size = work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return min(walls), min(cpus), size


def check(path: Path, data: list[pa.RecordBatch]) -> None:
    """The capture gives back exactly what went in."""
    found = pa.Table.from_batches([batch for _, batch in Capture.open(path).batches()])
    if not found.equals(pa.Table.from_batches(data)):
        sys.exit("the capture does not hold what was written")


def measure_view(path: Path, *, dictionary: bool) -> float:
    """Rows per CPU second of the view telemetry."""
    capture = Capture.open(path)
    start = time.process_time()
    rows = sum(batch.num_rows for batch in view.telemetry(capture, dictionary=dictionary))
    return rows / (time.process_time() - start)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=300_000)
    rows = parser.parse_args().rows
    say("flush      writer         rows/s wall   rows/s CPU   B/row   of plain (CPU)")
    for flush in (100_000, 10_000):
        data = batches(rows, flush)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            plain = best(lambda path, data=data: write_stream(path, data), folder, "plain")
            ours = best(lambda path, data=data: write_capture(path, data), folder, "omcap")
            check(folder / "omcap0", data)
            for label, (wall, cpu, size) in (("Arrow stream", plain), (".omcap", ours)):
                share = plain[1] / cpu
                line = f"{flush:>7,}    {label:<13} {rows / wall:>12,.0f} {rows / cpu:>12,.0f} {size / rows:>7.2f}"
                say(f"{line}   {share:>6.2f}")
            if flush == 100_000:
                views = [measure_view(folder / "omcap0", dictionary=dictionary) for dictionary in (False, True)]
    say(f"view telemetry: {views[0]:,.0f} rows/s CPU, {views[1]:,.0f} with dictionaries")


if __name__ == "__main__":
    main()
