"""The characters that pictures are drawn with: those of Unicode, or plain ASCII where a terminal shows nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Glyphs:
    """One set of characters, each a cell wide.

    Attributes:
        eighths: ends of a bar, from an eighth to seven; empty when bars have whole cells only.
        parts: fillings for the parts of a stack.
        states: of the time elements APT, AUST, ADOT, ADET, NOT_PLANNED, UNASSIGNED.
        limit, center: horizontal lines; `edge`: a vertical one.
        point, range, signal: a value, values between, one that violates a rule.
        mark: a vertical line that cuts; `rise`, `fall`: parts of a line that slants; `cross`: values over a line.
    """

    full: str
    eighths: str
    parts: str
    states: Mapping[str, str]
    limit: str
    center: str
    edge: str
    point: str
    range: str
    signal: str
    mark: str
    rise: str
    fall: str
    cross: str


UNICODE = Glyphs(
    full="█", eighths="▏▎▍▌▋▊▉", parts="█░",
    states={"APT": "█", "AUST": "▒", "ADOT": "░", "ADET": "!", "NOT_PLANNED": "·", "UNASSIGNED": "?"},
    limit="┄", center="─", edge="│", point="•", range="│", signal="✗", mark="┊", rise="╱", fall="╲", cross="┼",
)  # fmt: skip
ASCII = Glyphs(
    full="#", eighths="", parts="#:",
    states={"APT": "#", "AUST": "+", "ADOT": "-", "ADET": "!", "NOT_PLANNED": ".", "UNASSIGNED": "?"},
    limit="-", center="=", edge="|", point="o", range="|", signal="X", mark=":", rise="/", fall="\\", cross="+",
)  # fmt: skip


def choose() -> Glyphs:
    """The set that standard output can show: the encoding of the stream, and what the locale was told to be."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    told = next((os.environ[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if os.environ.get(name)), "utf-8")
    return UNICODE if _is_utf8(encoding) and _is_utf8(told) else ASCII


def _is_utf8(name: str) -> bool:
    return "utf8" in name.lower().replace("-", "")


def bar(length: float, cells: int, glyphs: Glyphs, full: str = "") -> str:
    """A bar of `length` (0 to 1; NaN has none) of `cells`; its end to an eighth of a cell where the set has such."""
    full = full or glyphs.full
    length = min(length, 1.0) if length > 0 else 0.0
    if not glyphs.eighths or full != glyphs.full:
        return full * round(length * cells)
    eighths = round(length * cells * 8)
    rest = glyphs.eighths[eighths % 8 - 1] if eighths % 8 else ""
    return full * (eighths // 8) + rest
