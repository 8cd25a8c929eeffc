"""JSON as people write it by hand: with remarks (`//`, `/* */`) and commas before a closing bracket.

What remains is read as `bounded_json` reads files of strangers. Linear in the length of the text, whatever it holds.
"""

from __future__ import annotations

import re
from typing import Any

from omptool.model import bounded_json

_REMARK = re.compile(r'"(?:[^"\\]|\\.)*+"?|//[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?', re.DOTALL)
_COMMA = re.compile(r'"(?:[^"\\]|\\.)*+"?|,(?=\s*+[\]}])', re.DOTALL)
"""Texts are matched too, so that what looks like a remark inside one is none."""


def loads(text: str) -> Any:
    """The value of the text.

    Raises:
        ValueError: as `bounded_json.loads`; places in its words are those of the text as given.
    """
    if "//" in text or "/*" in text:
        text = _REMARK.sub(_blank, text)
    return bounded_json.loads(_COMMA.sub(lambda found: found[0] if found[0] != "," else " ", text))


def _blank(found: re.Match[str]) -> str:
    """Nothing in the place of a remark, with its line ends, so that lines keep their numbers."""
    return found[0] if found[0].startswith('"') else re.sub(r"[^\n]", " ", found[0])
