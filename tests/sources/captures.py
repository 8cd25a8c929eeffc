"""Small captures made with the writer, for tests of what reads them."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pyarrow as pa

from omptool.capture.format import SEGMENT
from omptool.capture.nodetable import ServerIdentity
from omptool.capture.writer import CaptureWriter
from omptool.model.nodes import MonitoredNode, Node
from omptool.model.plant import ServerPlace
from omptool.model.vocabulary import GapReason, GapState

SERVER = "urn:test:server"
START_NS = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z."""


class Recording:
    """A capture that can grow: rows of three machines with two tags each, one row a second."""

    def __init__(self, path: Path, *, site: str | None = "Leipzig") -> None:
        ticks = itertools.count(START_NS, 1000)
        self.path = path
        self.writer = CaptureWriter.create(path, clock=lambda: next(ticks))
        server = ServerIdentity(
            server=SERVER,
            application_uri=SERVER,
            url="opc.tcp://127.0.0.1:4840",
            name="press",
            namespaces=("http://opcfoundation.org/UA/", "urn:test"),
            settings=ServerPlace(site=site, machine="Line/*"),
        )
        nodes = [
            MonitoredNode(
                Node(
                    f"nsu=urn:test;s=Press{n // 2}.Tag{n % 2}",
                    f"Line/Press{n // 2}/Tag{n % 2}", f"nsu=urn:test;Tag{n % 2}",
                    data_type="Double", unit="°C",
                ),
                n + 1, SERVER, START_NS, 100.0, 200.0, 4,
            )
            for n in range(6)
        ]  # fmt: skip
        self.writer.put_nodes(server, nodes)
        self.sub = self.writer.subscription(SERVER, epoch=1, subscription_id=4711)
        self.rows = 0

    def grow(self, count: int, *, noisy: bool = False) -> None:
        """Append and commit `count` rows; values are half the row's index, or noise that does not compress."""
        index = np.arange(self.rows, self.rows + count)
        stamp = pa.array(START_NS + (index + 1) * 1_000_000_000, SEGMENT.field("source_time").type)
        columns = {
            "node": pa.array(index % 6 + 1, pa.uint32()),
            "source_time": stamp,
            "server_time": stamp,
            "receive_time": stamp,
            "receive_mono": pa.array(index, pa.int64()),
            "sequence": pa.array(index + 1, pa.uint32()),
            "sub": pa.array(np.full(count, self.sub), pa.uint32()),
            "status": pa.array(np.zeros(count), pa.uint32()),
            "vtype": pa.array(np.full(count, 11), pa.uint8()),
            "v_f64": pa.array(np.random.default_rng(1).random(count) if noisy else index * 0.5, pa.float64()),
            "flags": pa.array(np.zeros(count), pa.uint8()),
        }
        arrays = [columns.get(field.name, pa.nulls(count, field.type)) for field in SEGMENT]
        self.writer.append(pa.RecordBatch.from_arrays(arrays, schema=SEGMENT))
        self.writer.commit()
        self.rows += count

    def gap(self) -> None:
        self.writer.gap(
            GapReason.CONNECTION_LOST,
            server=SERVER,
            start_ns=START_NS,
            end_ns=START_NS + 10**9,
            state=GapState.EXPLAINED,
        )
        self.writer.commit()

    def close(self) -> None:
        self.writer.close()


def capture(path: Path, rows: int, *, gaps: int = 0, site: str | None = "Leipzig", noisy: bool = False) -> Path:
    """A finished capture."""
    recording = Recording(path, site=site)
    recording.grow(rows, noisy=noisy)
    for _ in range(gaps):
        recording.gap()
    recording.close()
    return path
