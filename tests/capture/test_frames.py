"""The own reader of Arrow message headers: what pyarrow wrote, and whatever anybody else might."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.capture import commits, frames
from omptool.capture.commits import Commit
from omptool.capture.segment import Encoder

SCHEMA = pa.schema([("a", pa.int64()), ("s", pa.string())])


def _record(rows: int, custom: dict[bytes, bytes] | None = None) -> bytes:
    encoder = Encoder(SCHEMA)
    batch = pa.RecordBatch.from_pydict({"a": list(range(rows)), "s": [str(n) * 9 for n in range(rows)]}, schema=SCHEMA)
    return encoder.batch(batch, custom)


@given(
    rows=st.integers(0, 500),
    custom=st.dictionaries(st.binary(min_size=1, max_size=20), st.binary(max_size=50), max_size=4),
)
def test_header_agrees_with_pyarrow(rows: int, custom: dict[bytes, bytes]) -> None:
    message = _record(rows, custom)
    frame = frames.parse(message[: frames.header_size(message)])
    theirs = pa.ipc.read_message(pa.py_buffer(message))
    assert frame.kind == frames.RECORD_BATCH
    assert frame.rows == rows
    assert frame.custom == custom
    assert frame.size == len(message)
    assert frame.body_size == (theirs.body.size if theirs.body is not None else 0)
    decoded = pa.ipc.read_record_batch(pa.py_buffer(message), SCHEMA)
    assert frames.decoded_size(frame, message[frame.header_size :]) >= sum(c.nbytes for c in decoded.columns) * 0.9


@given(st.binary(max_size=400))
def test_bytes_are_a_message_or_refused(data: bytes) -> None:
    header = frames.CONTINUATION + len(data).to_bytes(4, "little") + data
    try:
        frame = frames.parse(header)
    except frames.FrameError:
        return
    assert frame.body_size >= 0 and frame.rows >= 0


@given(st.data())
def test_changed_header_never_breaks_out(data: st.DataObject) -> None:
    message = bytearray(_record(5, {b"omp.commit": b"{}"}))
    size = frames.header_size(message)
    for _ in range(data.draw(st.integers(1, 4))):
        message[data.draw(st.integers(8, size - 1))] = data.draw(st.integers(0, 255))
    try:
        frame = frames.parse(bytes(message[:size]))
        frames.decoded_size(frame, bytes(message[size:]))
    except frames.FrameError:
        return
    assert frame.header_size == size


COMMITS = st.builds(
    Commit,
    sequence=st.integers(0, 2**40),
    offset=st.integers(0, 2**50),
    length=st.integers(0, 2**40),
    rows=st.integers(0, 2**40),
    first_row=st.integers(0, 2**50),
    crc32=st.integers(0, 2**32 - 1),
    t_min=st.none() | st.integers(-(2**63), 2**63 - 1),
    t_max=st.none() | st.integers(-(2**63), 2**63 - 1),
    time=st.integers(0, 2**62),
    lost=st.none() | st.integers(-1, 2**40),
)


@given(COMMITS)
def test_commit_comes_back(commit: Commit) -> None:
    assert commits.from_json(commits.to_json(commit)) == commit


@given(COMMITS, st.integers(0, 10_000), st.integers(0, 7))
def test_seal_holds_every_bit(commit: Commit, at: int, bit: int) -> None:
    seed = commits.seed("20260101T000000Z-0123456789ab", "seg-00000001.arrows")
    sealed = commits.seal(b"head" + commits.to_json(commit) + b"tail", seed)
    assert commits.is_sealed(sealed, seed)
    assert not commits.is_sealed(sealed, commits.seed("another", "seg-00000001.arrows"))
    changed = bytearray(sealed)
    changed[at % len(sealed)] ^= 1 << bit
    assert not commits.is_sealed(bytes(changed), seed)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"null", b'{"sequence":true}', b"[" * 100_000])
def test_what_is_no_commit_is_none(text: bytes) -> None:
    assert commits.from_json(text) is None
