"""Fuzz targets of everything that is read from files: captures, lakes, settings."""

from __future__ import annotations

import atexit
import contextlib
import functools
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from omptool.capture import batches, cache, commits, frames, nodetable, view
from omptool.capture import entries as journal_entries
from omptool.capture.commits import Commit
from omptool.capture.directory import NodeDirectory
from omptool.capture.format import SEGMENT
from omptool.capture.fresh import FreshFiles
from omptool.capture.reader import Capture
from omptool.capture.recover import recover
from omptool.capture.verify import verify
from omptool.config.loading import File, load
from omptool.errors import OmptoolError
from omptool.lake.table import Table
from omptool.model.nodeid import NodeId, QualifiedName
from omptool.model.path import Glob, split
from omptool.model.plant import PlantModel
from omptool.sources.lake import LakeSource
from tests.capture import build

FIRST = "seg-00000001.arrows"
_ID = "fuzzed"


@functools.cache
def _folder() -> Path:
    """Where this process puts its files; in memory where there is such a place."""
    memory = os.environ.get("OMPTOOL_FUZZ_FOLDER") or ("/dev/shm" if Path("/dev/shm").is_dir() else None)
    folder = Path(tempfile.mkdtemp(prefix="omptool-fuzz-", dir=memory))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@contextlib.contextmanager
def _fresh(name: str) -> Iterator[Path]:
    path = _folder() / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    yield path


def arrow(data: bytes) -> None:
    """An Arrow stream: header, sizes, schema, rows."""
    with contextlib.suppress(frames.FrameError):
        frame = frames.parse(data)
        frames.decoded_size(frame, data)
    with contextlib.suppress(batches.BatchError):
        batches.read_stream(data, SEGMENT)


def arrow_seeds() -> list[bytes]:
    rows = build.rows_of(build.doubles([1, 2, 3]))
    encoder = build_encoder(SEGMENT)
    return [encoder.head + encoder.batch(rows) + encoder.batch(encoder.empty, {b"omp.journal": b"[]"}), encoder.head]


def build_encoder(schema: pa.Schema):  # type: ignore[no-untyped-def]  # a test's shorthand
    from omptool.capture.segment import Encoder

    return Encoder(schema)


def commit(data: bytes) -> None:
    commits.from_json(data)
    commits.is_sealed(data, 7)
    found = commits.from_json(commits.seal(data, 7)) if b'"self":"00000000"' in data else None
    if found is not None:
        assert 0 <= found.end_row < 2**63


def commit_seeds() -> list[bytes]:
    one = Commit(1, 0, 100, 3, 1, 7, 5, 6, 9)
    return [commits.to_json(one), commits.to_json(Commit(2, 100, 10, 0, 4, 7, None, None, 9, lost=-1))]


def entries(data: bytes) -> None:
    """Journal and gaps: what is taken must fit the views' columns."""
    journal = journal_entries.read_journal(data)
    gaps = journal_entries.read_gaps(data)
    pa.array([e.kind for e in journal] + [g.server for g in gaps] + [g.reason + g.state for g in gaps], pa.string())
    for detail in [e.detail for e in journal] + [g.detail for g in gaps]:
        text = json.dumps(detail, ensure_ascii=False, allow_nan=False)
        pa.array([text], pa.string())


def entries_seeds() -> list[bytes]:
    made = journal_entries.Entries()
    made.journal("start", "urn:x", 1, {"a": [1, {"b": None}]}, build.T0)
    made.gap(
        server="urn:x", node=1, sub=None, start_ns=1, end_ns=None, reason="stale", missing=3, state="open", detail={}
    )
    return [text for custom in made.drain() for text in custom.values()]


def _whole(path: Path) -> None:
    """Everything that a reading command asks of a capture."""
    capture = Capture.open(path)
    for batch in view.telemetry(capture):
        batch.validate(full=True)
    for table in (view.nodes(capture), view.events(capture), view.gaps(capture), view.journal(capture)):
        table.validate(full=True)
    list(capture.replay_batches())
    verify(capture)


def segment(data: bytes) -> None:
    """A segment file, and whatever a reader makes of it."""
    with _fresh("segment.omcap") as path:
        (path / FIRST).write_bytes(data)
        with contextlib.suppress(OmptoolError):
            _whole(path)


@functools.cache
def _small() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return (build.small(Path(folder) / "a.omcap") / FIRST).read_bytes()


def segment_seeds() -> list[bytes]:
    return [_small(), _small()[:-900]]


def interval(data: bytes) -> None:
    """Bytes behind an intact header, sealed as if omptool had written them: what lies behind the checksums.

    The first byte says how many rows the commit claims.
    """
    if not data:
        return
    encoder = build_encoder(SEGMENT.with_metadata({b"omp.capture": _ID.encode(), b"omp.format": b"1"}))
    content = encoder.head + data[1:]
    sealed = Commit(1, 0, len(content), data[0], 1, commits.crc(content), None, None, build.T0)
    message = encoder.batch(encoder.empty, {b"omp.commit": commits.to_json(sealed)})
    segment(content + commits.seal(message, commits.seed(_ID, FIRST)))


def interval_seeds() -> list[bytes]:
    encoder = build_encoder(SEGMENT)
    journal, gaps = entries_seeds()
    rows = encoder.batch(build.rows_of(build.doubles([1, 2, 3])))
    return [b"\x03" + rows, b"\0" + encoder.batch(encoder.empty, {b"omp.journal": journal, b"omp.gap": gaps})]


def summary(data: bytes) -> None:
    """capture.json beside a capture that is whole but for its first bytes."""
    with _fresh("summary.omcap") as path:
        (path / "capture.json").write_bytes(data)
        (path / FIRST).write_bytes(b"\0" * 64 + _small()[64:])
        cache.read(path)
        with contextlib.suppress(OmptoolError):
            _whole(path)


def summary_seeds() -> list[bytes]:
    segments = [{"file": FIRST, "kind": "telemetry", "bytes": 100, "end_row": 25}, {"file": "seg-00000002.arrows"}]
    data = {"omp.format": 1, "capture": "x", "state": "finished", "segments": segments[:1], "nodes": []}
    return [json.dumps(data).encode(), json.dumps(data | {"segments": segments}).encode()]


def _named(path: Path, pattern: str, data: bytes) -> str:
    name = pattern.format(hashlib.sha256(data).hexdigest()[:32])
    (path / name).write_bytes(data)
    return name


def types(data: bytes) -> None:
    with _fresh("types.omcap") as path, contextlib.suppress(nodetable.TableError):
        server = nodetable.read_types(path, _named(path, "types-{}.json", data))
        pa.array([server.server, server.name, server.settings.site, *server.namespaces], pa.string())


def types_seeds() -> list[bytes]:
    with _fresh("types-seed.omcap") as path:
        return [(path / nodetable.write_types(FreshFiles(path), build.SERVER)).read_bytes()]


def nodes(data: bytes) -> None:
    """A node table, and the views of rows that it describes."""
    with _fresh("nodes.omcap") as path, contextlib.suppress(nodetable.TableError):
        table = nodetable.read_nodes(path, _named(path, "nodes-{}.arrows", data))
        directory = NodeDirectory([table], None)
        for column in ("machine", "tag", "node_id"):
            directory.column(column)


def nodes_seeds() -> list[bytes]:
    with _fresh("nodes-seed.omcap") as path:
        kind = nodetable.write_types(FreshFiles(path), build.SERVER)
        return [(path / nodetable.write_nodes(FreshFiles(path), build.SERVER, kind, build.nodes())).read_bytes()]


def recovery(data: bytes) -> None:
    """Repair never crashes, loses no row that could be read, and has nothing left to do the second time."""
    with _fresh("recover.omcap") as path:
        (path / FIRST).write_bytes(data)
        try:
            rows = Capture.open(path).rows
            recover(path)
            after = Capture.open(path)
        except OmptoolError:
            return
        assert after.rows == rows and not after.torn_bytes
        assert all(action.what == "unrepairable" for action in recover(path).actions)


def delta(data: bytes) -> None:
    """The first commit of a lake's log."""
    with _fresh("lake") as path:
        log = path / "telemetry" / "_delta_log"
        log.mkdir(parents=True)
        (log / "00000000000000000000.json").write_bytes(data)
        with contextlib.suppress(OmptoolError):
            table = Table(path, "telemetry")
            for file in table.files():
                assert file.is_relative_to(path), file
            table.rows(), table.properties(), table.committed_at(), table.done("x")
        with contextlib.suppress(OmptoolError):
            LakeSource(path).plant()


def delta_seeds() -> list[bytes]:
    with _fresh("lake-seed") as path:
        table = Table(path, "telemetry")
        table.create()
        text = (path / "telemetry" / "_delta_log" / "00000000000000000000.json").read_bytes()
    add = {
        "path": "site=a/date=2026-11-22/part-1.parquet", "partitionValues": {"site": "a", "date": "2026-11-22"},
        "size": 9, "modificationTime": 0, "dataChange": True, "stats": '{"numRecords":3}',
    }  # fmt: skip
    return [text, text + json.dumps({"add": add}).encode() + b"\n"]


def settings(data: bytes) -> None:
    """omptool.toml, plant.toml, and the small grammars: NodeIds, names, paths, globs."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    for parse in (PlantModel.parse, NodeId.parse, QualifiedName.parse, split, Glob, _settings):
        with contextlib.suppress(OmptoolError):
            parse(text)


def _settings(text: str) -> None:
    load({}, {}, [File(Path("omptool.toml"), text)])


def settings_seeds() -> list[bytes]:
    return [
        b'site = "a"\ntime_zone = "Europe/Berlin"\n[[machine]]\npath = "L1/*"\nline = "{1}"\n',
        b'[roles]\nstate = "**/State"\n[states]\n3 = "execute"\n',
        b'[capture]\npublishing_interval = "500ms"\n[servers.press]\nurl = "opc.tcp://h:4840"\nsite = "x"\n',
        b"nsu=urn:x;s=a/b&c",
        b"Line1/**/{a,b}?&/",
    ]
