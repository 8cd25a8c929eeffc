"""Rows that could not be taken: counted, and kept with their place and the reason for whoever wants to mend them."""

from __future__ import annotations

import json
import tempfile
import weakref
from dataclasses import dataclass
from typing import IO

MOST_TEXT = 2000
"""Characters of a wrong row that are kept."""

_IN_MEMORY = 1 << 20


@dataclass(frozen=True, slots=True)
class Reject:
    """One wrong row.

    Attributes:
        line: in the file, from 1; None where the format has no lines.
        entry: which one of the file's entries or rows, from 1, where there are no lines.
    """

    reason: str
    line: int | None = None
    entry: int | None = None

    @property
    def order(self) -> int:
        return self.line or self.entry or 0

    @property
    def place(self) -> str:
        return f"line {self.line}" if self.line is not None else f"entry {self.entry}"


class Rejects:
    """The wrong rows of one pass over a file, as JSON Lines in a nameless temporary file."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.count = 0
        self.first: Reject | None = None
        self._file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115  # lives as long as this
        weakref.finalize(self, self._file.close)

    def add(self, reason: str, text: str | bytes | None, *, line: int | None = None, entry: int | None = None) -> None:
        """Keep a wrong row; of bytes that are no UTF-8 what can be shown."""
        found = Reject(reason, line, entry)
        if self.first is None or found.order < self.first.order:
            self.first = found
        self.count += 1
        shown = text[: 4 * MOST_TEXT].decode("utf-8", "backslashreplace") if isinstance(text, bytes) else text
        place = {"line": line} if entry is None else {"entry": entry}
        row = {"file": self.label, **place, "reason": reason, "text": None if shown is None else shown[:MOST_TEXT]}
        encoded = json.dumps(row, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")
        self._file.write(encoded + b"\n")

    def copy_to(self, stream: IO[bytes]) -> None:
        """Write the kept rows, a JSON object a line."""
        self._file.seek(0)
        while block := self._file.read(1 << 20):
            stream.write(block)
        self._file.seek(0, 2)
