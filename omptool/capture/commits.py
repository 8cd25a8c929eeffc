"""The commit record: what makes the bytes before it acknowledged, and says which they are.

A commit is a zero-row batch whose custom metadata `omp.commit` is JSON. `crc32` covers the interval, the bytes since
the previous commit; `self` covers the commit message itself (computed with `self` set to zeros), seeded with the
capture id and the segment's name, so that neither a flipped bit nor a file copied from elsewhere passes. Opens
nothing.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass

from omptool.model import bounded_json

_BLANK = b'"self":"00000000"'
_MARK = b'"self":"'


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit.

    Attributes:
        sequence: dense from 1 within the segment kind of a capture.
        offset: where the interval starts in the file; `length` its bytes, up to this commit message.
        rows: counted rows of the interval.
        first_row: `seq` of the first one; of the next one when there are none.
        crc32: of the interval.
        t_min, t_max: times of the rows in Unix nanoseconds (source, else server, else receive time; receive time where
            the clock is suspect; without rows flagged initial); null when there are none.
        time: the writer's clock at the commit, Unix nanoseconds.
        lost: written by recover only, in the place of damage: how many rows lay there, -1 = unknown. `rows` is 0
            then, and the commit may stand for several.
    """

    sequence: int
    offset: int
    length: int
    rows: int
    first_row: int
    crc32: int
    t_min: int | None
    t_max: int | None
    time: int
    lost: int | None = None

    @property
    def end_row(self) -> int:
        """`seq` of the row after this interval."""
        return self.first_row + self.rows + max(self.lost or 0, 0)


def seed(capture_id: str, file_name: str) -> int:
    """Start value of the CRC over commit messages in one segment file."""
    return zlib.crc32(f"{capture_id}/{file_name}".encode())


def crc(data: bytes | memoryview) -> int:
    """CRC-32 as of zlib and Ethernet."""
    return zlib.crc32(data)


def to_json(commit: Commit) -> bytes:
    """The metadata value, with `self` still zero."""
    fields = {key: value for key, value in asdict(commit).items() if not (key == "lost" and value is None)}
    return json.dumps(fields | {"self": "00000000"}, separators=(",", ":")).encode()


def seal(message: bytes, seed_value: int) -> bytes:
    """Put the check into an encoded commit message."""
    at = message.rindex(_BLANK) + len(_MARK)
    check = f"{zlib.crc32(message, seed_value):08x}".encode()
    return message[:at] + check + message[at + 8 :]


def is_sealed(message: bytes, seed_value: int) -> bool:
    """Whether an encoded commit message is exactly as it was written."""
    at = message.rfind(_MARK)
    if at < 0:
        return False
    at += len(_MARK)
    blank = message[:at] + b"00000000" + message[at + 8 :]
    return message[at : at + 8] == f"{zlib.crc32(blank, seed_value):08x}".encode()


def from_json(text: bytes) -> Commit | None:
    """Parse the metadata value of a sealed message; None when it is not one."""
    try:
        data = bounded_json.loads(text)
        numbers = {key: data[key] for key in ("sequence", "offset", "length", "rows", "first_row", "crc32", "time")}
        commit = Commit(**numbers, t_min=data["t_min"], t_max=data["t_max"], lost=data.get("lost"))
    except (ValueError, TypeError, KeyError):
        return None
    spans = (commit.t_min, commit.t_max)
    if not all(type(n) is int and 0 <= n < 2**63 for n in numbers.values()):
        return None
    if commit.lost is not None and not (type(commit.lost) is int and -1 <= commit.lost < 2**63):
        return None
    if commit.end_row >= 2**63:
        return None
    return commit if all(t is None or (type(t) is int and -(2**63) <= t < 2**63) for t in spans) else None
