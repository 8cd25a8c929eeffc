"""Where the server keeps things is not for clients: paths in what the engine says, other than those a client wrote."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PATH = re.compile(r"(?<![\w/\\.*)\]])(?:/[^\s'\"`,;:()/]+(?:/[^\s'\"`,;:()/]*)+|[A-Za-z]:\\[^\s'\"`,;()]+)")
"""An absolute path of at least two parts."""


_MOST = 2000
"""Characters of a sentence: the engine repeats values in what it says, and a value may have megabytes."""


def cut(text: str) -> str:
    """A text that is no longer than a person reads."""
    return text if len(text) <= _MOST else text[:_MOST] + "…"


def hide(text: str, statement: str, known: Mapping[str, str]) -> str:
    """A text without the server's paths.

    Args:
        statement: of the client; a path that stands in it is the client's own.
        known: paths of this server → the word to put there.
    """
    for path in sorted(known, key=len, reverse=True):
        if path not in statement:
            text = text.replace(path, known[path])
    return _PATH.sub(lambda match: match[0] if match[0] in statement else "…", text)
