"""What the terminal can do, and what may safely be shown on it.

Names, values and messages come from machines and other people: they are data. `escape` makes every control,
bidirectional and invisible character visible, so that no text can move the cursor, change colours, reverse what a
person reads or look like another text. Variation selectors of emoji stay: they change no meaning.
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import sys
import unicodedata
from typing import IO, Any

_CONTROLS = ((0x00, 0x1F), (0x7F, 0x9F))
_STEERING = (
    (0x00AD, 0x00AD),  # soft hyphen
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x061C, 0x061C),  # Arabic letter mark
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),  # zero width, joiners, marks of direction
    (0x2028, 0x202E),  # line separators, embeddings and overrides
    (0x2060, 0x206F),  # isolates
    (0x3164, 0x3164),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),  # tags
)
_SURROGATES = ((0xD800, 0xDFFF),)


def _class(ranges: tuple[tuple[int, int], ...], form: str) -> str:
    return "[" + "".join(f"{form.format(low)}-{form.format(high)}" for low, high in ranges) + "]"


@functools.cache
def unsafe() -> re.Pattern[str]:
    """Characters that a terminal or a reader's eye would follow instead of showing."""
    return re.compile(_class(_CONTROLS + _STEERING + _SURROGATES, "\\U{:08x}"))


UNSAFE_RE2 = _class(_CONTROLS + _STEERING, "\\x{{{:x}}}")
"""`unsafe` for Arrow's regular expressions, whose text has no lone surrogates."""
_MARKS = 4
"""Characters per cell at most, with marks above and below: more of them would cover the lines around."""
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def _visible(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return _SHORT.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def escape(text: str) -> str:
    """`text` with control, bidirectional and other invisible steering characters written as escapes."""
    return text if text.isascii() and text.isprintable() else unsafe().sub(_visible, text)


def escape_lines(text: str) -> str:
    """Like `escape`, for text whose line ends and tabs are meant (CSV, TSV)."""
    return (
        text
        if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable()
        else re.sub(rf"(?![\n\t]){unsafe().pattern}", _visible, text)
    )


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


def lines(default: int = 24) -> int:
    """Height of the terminal in lines; LINES wins, `default` where nothing is known."""
    return shutil.get_terminal_size((80, default)).lines


def width(text: str) -> int:
    """Cells that `text` takes: wide East Asian characters take two, combining ones none."""
    if text.isascii():
        return len(text)
    return len(text) + sum(_cells(character) - 1 for character in text if character > "\x7f")


def _cells(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def clip(text: str, cells: int, *, keep_end: bool = False) -> str:
    """`text` cut to at most `cells` cells, with an ellipsis where something is missing: the end, or the beginning."""
    most = _MARKS * cells + _MARKS
    if len(text) <= most and width(text) <= cells:
        return text
    kept: list[str] = []
    used = 0
    for character in reversed(text) if keep_end else text:
        used += _cells(character)
        if used > cells - 1 or len(kept) == most:
            break
        kept.append(character)
    return "…" + "".join(reversed(kept)) if keep_end else "".join(kept) + "…"


def stdout_is_terminal() -> bool:
    """Whether a person reads the data."""
    return is_terminal(sys.stdout)


def stderr_is_terminal() -> bool:
    """Whether a person reads the messages."""
    return is_terminal(sys.stderr)


def stdin_is_terminal() -> bool:
    """Whether a person can be asked: their answers come in, and they see the question."""
    return is_terminal(sys.stdin) and stderr_is_terminal()
