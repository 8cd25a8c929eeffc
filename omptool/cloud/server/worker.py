"""The process that runs statements: one at a time, each in a fresh engine over the lake's newest version.

It talks to its server over a pipe and to nothing else; it holds no secret, writes nothing but spilled rows, and ends
when its server does. `python -m omptool.cloud.server.worker` is started by `pool.py` only.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from omptool.cloud.server import frames, sandbox
from omptool.cloud.server.frames import Frame
from omptool.cloud.server.hiding import cut, hide

if TYPE_CHECKING:  # heavy, and the sandbox has to stand before they start threads
    import pyarrow as pa

    from omptool.errors import OmptoolError
    from omptool.sql.engine import LocalEngine


_AGAIN_S = 0.05
"""Between two interrupts of the same statement."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a worker is told once, at its start."""

    lake: Path
    folder: Path
    memory: str
    temporary: str
    threads: int | None
    statement_s: float
    result_bytes: int


class Worker:
    """Reads orders, runs statements, sends frames."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink
        self._orders: queue.Queue[Frame] = queue.Queue()
        self._lock = threading.Lock()
        self._current: int | None = None
        self._cancelled: set[int] = set()
        self._engine: LocalEngine | None = None

    def serve(self) -> None:
        """Work until the server is gone."""
        first = frames.read(self._source)
        if first is None:
            return
        try:
            setup = _setup(first.head["setup"])
            memory = Memory(sandbox.size(setup.memory))
            short = _linked(setup)
            lacks = sandbox.enter(setup.lake, setup.folder, memory=setup.memory, temporary=setup.temporary)
            self._preload()
        except (ImportError, OSError, TypeError, ValueError) as error:  # the server tells its operator
            self._send(Frame({"kind": "error", "message": f"{type(error).__name__}: {error}"}))
            return
        threading.Thread(target=self._listen, daemon=True).start()
        self._send(Frame({"kind": "ready", "lacks": lacks}))
        while True:
            order = self._orders.get()
            self._send(self._work(order.head, replace(setup, lake=short), memory))

    def _preload(self) -> None:
        """Import what statements need before the first one comes."""
        import pyarrow.ipc  # noqa: F401  only to have it loaded

        import omptool.sources.lake
        import omptool.sql.engine  # noqa: F401  likewise

    def _listen(self) -> None:
        """Orders into the queue; a cancel reaches the engine at once; without a server there is nothing to do."""
        while (frame := frames.read(self._source)) is not None:
            if frame.head["kind"] == "cancel":
                self._cancel(frame.head["number"])
            else:
                self._orders.put(frame)
        os.kill(os.getpid(), signal.SIGTERM)  # at once, whatever the other threads do

    def _cancel(self, number: int) -> None:
        with self._lock:
            self._cancelled.add(number)
        threading.Thread(target=self._interrupt, args=(number,), daemon=True).start()

    def _interrupt(self, number: int) -> None:
        """Interrupt a statement until it has ended: DuckDB forgets an interrupt that comes between two of its steps."""
        while True:
            with self._lock:
                if self._current != number:
                    return
                if self._engine is not None:
                    self._engine.cancel()
            time.sleep(_AGAIN_S)

    def _work(self, order: dict[str, Any], setup: Setup, memory: Memory) -> Frame:
        """Answer an order; its last frame."""
        from omptool.errors import OmptoolError
        from omptool.sql import faults

        last: dict[str, Any] = {"kind": "end"}
        with self._lock:
            self._current = order["number"]
        try:
            self._answer(order, setup)
        except OmptoolError as error:
            last = _told(error, order, setup)
        except MemoryError:
            last = _told(faults.too_little_memory(), order, setup)
        except Exception as error:  # noqa: BLE001 - a fault of ours, or the engine's: the process is not to be trusted
            failed = OmptoolError(f"the statement met a fault of the server ({type(error).__name__})")
            last = _told(failed, order, setup) | {"retire": True}
        finally:
            with self._lock:
                self._current = None
                self._cancelled.clear()
        return Frame({"retire": memory.is_kept()} | last)

    def _answer(self, order: dict[str, Any], setup: Setup) -> None:
        from omptool.cloud.server.job import unpack
        from omptool.errors import QueryError
        from omptool.sources.lake import LakeSource
        from omptool.sources.source import Named
        from omptool.sql.confine import Confinement
        from omptool.sql.engine import LocalEngine

        source = LakeSource(setup.lake, with_derived=False)
        confinement = Confinement(setup.memory, setup.temporary, setup.threads, setup.statement_s)
        with LocalEngine(
            [Named(source)], tz=order["tz"], repeatable=order["repeatable"], confinement=confinement
        ) as engine:
            self._register(engine, order["number"])
            try:
                parameters = {name: unpack(value) for name, value in order["parameters"].items()}
                reader = engine.run(order["statement"], parameters)
                started = {"kind": "started", "columns": engine.columns, "versions": source.versions}
                if not frames.fits(started):
                    raise QueryError("the names and types of the columns are too long", "select fewer columns")
                self._send(Frame(started))
                limit = min(setup.result_bytes, order["result_bytes"] or setup.result_bytes)
                self._send_chunks(reader, limit)
            finally:
                self._register(None, order["number"])

    def _register(self, engine: LocalEngine | None, number: int) -> None:
        from omptool.errors import QueryError

        with self._lock:
            self._engine = engine
            if engine is not None and number in self._cancelled:
                raise QueryError("the statement was cancelled")

    def _send_chunks(self, reader: pa.RecordBatchReader, limit: int) -> None:
        from omptool.errors import ResultTooLarge

        sent = 0
        for rows, ipc in chunks(reader):
            sent += len(ipc)
            if sent > limit:
                raise ResultTooLarge(
                    f"the result is larger than {limit} bytes", "ask for fewer rows or columns, or group earlier"
                )
            self._send(Frame({"kind": "chunk", "rows": rows}, ipc))

    def _send(self, frame: Frame) -> None:
        self._sink.write(frames.encode(frame))
        self._sink.flush()


class Memory:
    """How much a process holds between statements: its limit counts what the allocators keep for later."""

    def __init__(self, allowed: int | None) -> None:
        """To be made before the sandbox is entered: it keeps a file of the kernel open."""
        self._allowed = allowed
        try:
            self._counts: BinaryIO | None = Path("/proc/self/statm").open("rb", buffering=0)  # noqa: SIM115
        except OSError:
            self._counts = None

    def is_kept(self) -> bool:
        """Whether so much is still held that the next statement would miss it: a new process is due."""
        if self._counts is None or self._allowed is None:
            return False
        self._counts.seek(0)
        pages = int(self._counts.read().split()[5])
        return pages * os.sysconf("SC_PAGE_SIZE") > sandbox.HEADROOM * 3 // 4


def _told(error: OmptoolError, order: dict[str, Any], setup: Setup) -> dict[str, Any]:
    """An error as the client may read it."""
    from omptool.sql.views import exact

    known = {path: "LAKE" for lake in (setup.lake, setup.lake.resolve()) for path in (str(lake), exact(str(lake)))}
    message, hint = (cut(hide(text, order["statement"], known)) for text in (error.message, error.hint))
    return {"kind": "error", "error": type(error).__name__, "message": message, "hint": hint}


def _linked(setup: Setup) -> Path:
    """The lake by a plain name in the worker's own folder.

    Its real name may hold what DuckDB takes for a pattern, and to match that DuckDB would have to list folders above
    the lake, which the sandbox forbids.
    """
    link = setup.folder / "LAKE"
    try:
        link.symlink_to(setup.lake, target_is_directory=True)
    except OSError:  # Windows without the right to make links
        return setup.lake
    return link


def _setup(told: dict[str, Any]) -> Setup:
    return Setup(**(told | {"lake": Path(told["lake"]), "folder": Path(told["folder"])}))


def chunks(reader: pa.RecordBatchReader) -> Iterator[tuple[int, bytes]]:
    """Rows and bytes of complete Arrow streams of about `CHUNK_BYTES` before compression; one without rows if none."""
    from omptool.cloud.server.job import CHUNK_BYTES

    pending: list[pa.RecordBatch] = []
    size = 0
    any_sent = False
    for batch in reader:
        for piece in _pieces(batch, CHUNK_BYTES):
            if pending and size + piece.nbytes > CHUNK_BYTES:
                yield _chunk(reader.schema, pending)
                any_sent, pending, size = True, [], 0
            pending.append(piece)
            size += piece.nbytes
    if pending or not any_sent:
        yield _chunk(reader.schema, pending)


def _pieces(batch: pa.RecordBatch, limit: int) -> Iterator[pa.RecordBatch]:
    """A batch in halves of halves until each is small enough or a row."""
    if batch.nbytes <= limit or batch.num_rows <= 1:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _pieces(batch.slice(0, half), limit)
    yield from _pieces(batch.slice(half), limit)


def _chunk(schema: pa.Schema, batches: list[pa.RecordBatch]) -> tuple[int, bytes]:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=pa.ipc.IpcWriteOptions(compression="lz4")) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sum(batch.num_rows for batch in batches), sink.getvalue().to_pybytes()


def main() -> None:
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)  # a library that prints would break the conversation
    os.close(nothing)
    Worker(source, sink).serve()


if __name__ == "__main__":
    main()
