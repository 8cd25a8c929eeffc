"""Where a key stands in a settings file, so that every refusal names a line. Pure."""

from __future__ import annotations

import re
from functools import cache


def line_of(text: str, table: tuple[str, ...], key: str | None) -> int | None:
    """Line of `key` in `[table]`, or of the header of the table; None where it is written in some other TOML way."""
    return _lines(text).get((table, key))


@cache
def _lines(text: str) -> dict[tuple[tuple[str, ...], str | None], int]:
    """Where the keys and headers of a file stand; of several the first. Once per file: it may name 3,000 servers."""
    found: dict[tuple[tuple[str, ...], str | None], int] = {}
    current: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[\s*([^\[\]]+?)\s*\]", line):
            current = tuple(part.strip().strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.]+", header[1]))
            found.setdefault((current, None), number)
            found.setdefault((current[:-1], current[-1]), number)
        elif key := re.match(r"\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'.=#]+))\s*[.=]", line):
            found.setdefault((current, key[1] or key[2] or key[3] or ""), number)
    return found
