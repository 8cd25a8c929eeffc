"""What the terminal can do, and what may safely be shown on it.

Names, values and messages come from machines and other people: they are data. `escape` makes every control and
bidirectional character visible, so that no text can move the cursor, change colours or reverse what a person reads.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import unicodedata
from typing import IO, Any

_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def _visible(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def escape(text: str) -> str:
    """`text` with control, bidirectional and other invisible steering characters written as escapes."""
    return text if text.isascii() and text.isprintable() else _UNSAFE.sub(_visible, text)


def is_terminal(stream: IO[Any] | None) -> bool:
    """Whether a person looks at this stream."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def has_colour(stream: IO[Any] | None) -> bool:
    """Whether colour is wanted on this stream: NO_COLOR and TERM=dumb switch it off, FORCE_COLOR on."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return is_terminal(stream) and os.environ.get("TERM") != "dumb"


def style(text: str, name: str, stream: IO[Any] | None) -> str:
    """`text` in a colour or weight, where the stream shows it. `text` must already be escaped."""
    return f"\x1b[{_STYLES[name]}m{text}\x1b[0m" if has_colour(stream) else text


def columns(default: int = 120) -> int:
    """Width of the terminal in cells; COLUMNS wins, `default` where nothing is known."""
    return shutil.get_terminal_size((default, 24)).columns


def width(text: str) -> int:
    """Cells that `text` takes: wide East Asian characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def clip(text: str, cells: int) -> str:
    """`text` cut to at most `cells` cells, with an ellipsis where something is missing."""
    if width(text) <= cells:
        return text
    kept, used = [], 0
    for character in text:
        used += width(character)
        if used > cells - 1:
            break
        kept.append(character)
    return "".join(kept) + "…"


def stdout_is_terminal() -> bool:
    """Whether a person reads the data."""
    return is_terminal(sys.stdout)


def stderr_is_terminal() -> bool:
    """Whether a person reads the messages."""
    return is_terminal(sys.stderr)
