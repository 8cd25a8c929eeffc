"""Journal entries and gaps on their way into a segment: JSON in the custom metadata of a zero-row batch.

Writing and reading stand side by side here, so that they agree. Opens nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omptool.capture.format import KEY_GAP, KEY_JOURNAL, MAX_ENTRY, MAX_METADATA
from omptool.model import bounded_json

if TYPE_CHECKING:
    from omptool.capture.retired import Story

_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """`sub` is the capture-local handle, `time` Unix nanoseconds, `seq` dense from 1 in the capture."""

    seq: int
    time: int
    kind: str
    server: str | None
    sub: int | None
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class GapEntry:
    """A window [start_ns, end_ns); `node` and `sub` are capture-local handles; the last of one `key` holds."""

    server: str
    node: int | None
    sub: int | None
    start_ns: int
    end_ns: int | None
    reason: str
    missing: int | None
    state: str
    detail: dict[str, Any]
    key: str | None = None


class Entries:
    """Collects entries between two batches of rows."""

    def __init__(self, next_seq: int = 1, story: Story | None = None) -> None:
        """`story`: where copies are kept of what is written, for whoever has to write it again."""
        self._journal: list[bytes] = []
        self._gaps: list[bytes] = []
        self._seq = next_seq
        self.story = story

    def journal(
        self, kind: str, server: str | None, sub: int | None, detail: Mapping[str, Any] | None, time: int
    ) -> None:
        self._put(JournalEntry(self._seq, time, kind, server, sub, dict(detail or {})))
        self._seq += 1

    def _put(self, entry: JournalEntry) -> None:
        facts = {name: getattr(entry, name) for name in ("seq", "time", "kind", "server", "sub")}
        self._journal.append(_encode(facts, entry.detail))
        if self.story is not None:
            self.story.note(entry)

    def gap(self, *, detail: Mapping[str, Any] | None, **fields: Any) -> None:
        self._gaps.append(_encode(fields, detail))
        if self.story is not None:
            self.story.note_gap(
                GapEntry(**{"node": None, "sub": None, "key": None, **fields}, detail=dict(detail or {}))
            )

    def again(self, journal: Iterable[JournalEntry], gaps: Iterable[GapEntry]) -> None:
        """Write entries once more, as they were: where they stood is about to go."""
        for entry in journal:
            self._put(entry)
        for gap in gaps:
            fields = {name: getattr(gap, name) for name in GapEntry.__slots__ if name not in ("detail", "key")}
            self.gap(detail=gap.detail, **fields, **({} if gap.key is None else {"key": gap.key}))

    def drain(self) -> Iterator[dict[bytes, bytes]]:
        """Custom metadata of as many zero-row batches as the entries need."""
        for key, items in ((KEY_JOURNAL, self._journal), (KEY_GAP, self._gaps)):
            while items:
                size, count = 0, 0
                while count < len(items) and size + len(items[count]) < MAX_METADATA // 4:
                    size += len(items[count])
                    count += 1
                yield {key: b"[" + b",".join(items[:count]) + b"]"}
                del items[:count]


def _encode(entry: Mapping[str, Any], detail: Mapping[str, Any] | None) -> bytes:
    text = _json({**entry, "detail": detail or {}})
    if len(text) > MAX_ENTRY:
        text = _json({**entry, "detail": {"cut": True, "text": _json(detail)[:1000].decode(errors="replace")}})
    return text


def _json(data: Any) -> bytes:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str).encode("utf-8", "replace")


def read_journal(text: bytes) -> list[JournalEntry]:
    """The entries of one batch; what is not an entry is skipped."""
    return [entry for data in _list(text) if (entry := _journal_entry(data)) is not None]


def read_gaps(text: bytes) -> list[GapEntry]:
    """The gaps of one batch; what is not a gap is skipped."""
    return [gap for data in _list(text) if (gap := _gap_entry(data)) is not None]


def current_gaps(gaps: Iterable[GapEntry]) -> list[GapEntry]:
    """What holds of all gaps written: of those with one `key` the last, where the first one stood.

    A window is written when it opens, so that a crash cannot hide it, and again when its end is known.
    """
    found: dict[tuple[str | None, int], GapEntry] = {}
    for at, gap in enumerate(gaps):
        found[gap.key, 0 if gap.key is not None else at] = gap
    return list(found.values())


def until_text(moments: Mapping[int, int]) -> bytes:
    """The metadata of a batch of rows: up to which moment everything that a subscription sent is in or before it.

    Of the first subscription its handle and Unix nanoseconds; of each further one by how much its handle is larger than
    that of the one before, and its moment as µs behind the first one's, the nanoseconds left out: a few bytes each,
    where thousands of servers are written four times a second.
    """
    (before, base), *others = sorted(moments.items())
    words = [str(before), str(base)]
    for sub, ns in others:
        words += (str(sub - before), str((ns - base) // 1000))
        before = sub
    return " ".join(words).encode()


def read_until(text: bytes) -> dict[int, int]:
    """Subscription → moment; empty when there is none."""
    words = text[:MAX_ENTRY].split()
    if len(words) < 2 or len(words) % 2 or not all(_is_number(word) for word in words):
        return {}
    sub, base, *others = map(int, words)
    found = {sub: base}
    for step, behind in zip(others[::2], others[1::2], strict=True):
        sub += step
        found[sub] = base + behind * 1000
    return found if all(sub >= 0 and ns >= 0 and ns in _INT64 for sub, ns in found.items()) else {}


def _is_number(word: bytes) -> bool:
    return len(word) < 20 and word.removeprefix(b"-").isdigit()


def _list(text: bytes) -> list[dict[str, Any]]:
    try:
        data = bounded_json.loads(text)
    except ValueError:
        return []
    return [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []


def _journal_entry(data: Mapping[str, Any]) -> JournalEntry | None:
    seq, at, kind = _int(data, "seq"), _int(data, "time"), data.get("kind")
    if seq is None or at is None or not isinstance(kind, str):
        return None
    return JournalEntry(seq, at, kind, _text(data, "server"), _int(data, "sub"), _detail(data))


def _gap_entry(data: Mapping[str, Any]) -> GapEntry | None:
    server, reason, state = _text(data, "server"), _text(data, "reason"), _text(data, "state")
    start = _int(data, "start_ns")
    if server is None or reason is None or state is None or start is None:
        return None
    return GapEntry(
        server, _int(data, "node"), _int(data, "sub"), start, _int(data, "end_ns"), reason, _int(data, "missing"),
        state, _detail(data), _text(data, "key"),
    )  # fmt: skip


def _int(data: Mapping[str, Any], key: str) -> int | None:
    value = data.get(key)
    return value if type(value) is int and value in _INT64 else None


def _text(data: Mapping[str, Any], key: str) -> str | None:
    value = data.get(key)
    return value if isinstance(value, str) else None


def _detail(data: Mapping[str, Any]) -> dict[str, Any]:
    value = data.get("detail")
    return value if isinstance(value, dict) else {}
