"""stderr: what a person should know about a run. Never data, never a panel, never markup taken from data.

One voice: `omptool: what happened and why`, then indented lines with what to do next.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType

from omptool.cli import terminal

_LONGEST = 4000
"""Characters of a line; names of 2,000 are legal, those of a megabyte are an attack."""

_USERINFO = r"(\b[A-Za-z][A-Za-z0-9+.-]{0,30}://)[^/\s@'\"]*@"


def redact(text: str) -> str:
    """`text` without user names and passwords in URLs."""
    return re.sub(_USERINFO, r"\1***@", text) if "://" in text else text


def _write(text: str) -> None:
    stream = sys.stderr
    if stream is None:
        return
    try:
        stream.write(text)
        stream.flush()
    except (OSError, ValueError):
        pass  # nobody is left to tell


_drawn: list[Progress] = []
"""What stands on the screen, below everything that was said; one at most."""


def _say(text: str) -> None:
    """Write lines above what is drawn, which would else be taken for its own at the next redraw."""
    if not _drawn:
        _write(text)
        return
    block = _drawn[0]
    _write(block.erasing() + text + block.drawing())


def error(message: str, hint: str = "") -> None:
    """Say what went wrong; `hint` may have several lines, each is indented."""
    _say(f"omptool: {_line(message.strip().replace(chr(10), ' '))}\n" + _indented(hint))


def note(text: str, hint: str = "") -> None:
    """Say something worth knowing that is no error: loss, a shortened table, what lies where."""
    _say(f"{_line(text.strip())}\n" + _indented(hint))


def verbatim(text: str) -> None:
    """Write lines that omptool made itself (a traceback), without user names and passwords."""
    _say("\n".join(map(_line, text.split("\n"))))


def typed(path: object) -> str:
    """A path as a shell takes it, for commands that a person may copy; with `$'…'` where it has control characters."""
    from shlex import quote

    text = str(path)
    if terminal.unsafe().search(text) is None:
        return quote(text)
    spelled = text.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + terminal.unsafe().sub(_shell_escape, spelled) + "'"


def _shell_escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a name that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _indented(hint: str) -> str:
    lines = hint.strip("\n").split("\n") if hint.strip("\n") else []
    return "".join(f"  {_line(line.rstrip())}\n" for line in lines)


def _line(text: str) -> str:
    """One line as it may stand on a terminal; of a text that fills screens only the beginning."""
    shown = terminal.escape(redact(text[: _LONGEST * 16]))
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + "…"


class Progress:
    """How far a running command is: a few lines redrawn in place on a terminal, JSON lines for programs, else nothing.

    `mode` is "auto" (draw when stderr is a terminal), "json" or "none". Updates closer than `interval_s` to the last
    one are dropped, so a caller may report as often as it likes.
    """

    def __init__(self, mode: str = "auto", *, interval_s: float = 0.1) -> None:
        self.draws = mode == "auto" and terminal.stderr_is_terminal()
        self.is_json = mode == "json"
        self._interval_s = interval_s
        self._next = 0.0
        self._lines: list[str] = []

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.clear()

    def update(self, lines: Sequence[str], facts: Mapping[str, object] | None = None, *, force: bool = False) -> None:
        """Show `lines` (terminal) or `facts` (JSON). Lines are escaped and clipped to the terminal."""
        if not (self.draws or self.is_json):
            return
        now = time.monotonic()
        if now < self._next and not force:
            return
        self._next = now + self._interval_s
        if self.is_json:
            if facts is not None:
                import json

                from omptool.cli.values import harmless_json

                _write(harmless_json(json.dumps(facts, ensure_ascii=False, default=str)) + "\n")
            return
        cells, most = terminal.columns(80) - 1, max(terminal.lines() - 1, 1)
        erasing = self.erasing()
        self._lines = [terminal.clip(_line(line), cells) for line in lines[:most]]
        _drawn[:] = [self]
        _write(erasing + self.drawing())

    def clear(self) -> None:
        """Remove what was drawn, so that the last word stands alone."""
        if self._lines:
            _write(self.erasing())
        self.leave()

    def leave(self) -> None:
        """Let what was drawn stand; what is said from now on comes below it."""
        self._lines = []
        if self in _drawn:
            _drawn.clear()

    def drawing(self) -> str:
        """The lines as they stand on the screen."""
        return "".join(line + "\n" for line in self._lines)

    def erasing(self) -> str:
        """What removes them, also where a terminal that was made narrower has wrapped them."""
        if not self._lines:
            return ""
        cells = max(terminal.columns(80), 1)
        rows = sum(max(-(-terminal.width(line) // cells), 1) for line in self._lines)
        return f"\x1b[{rows}F\x1b[J"
