"""StatusCodes: their names, their quality, and the bits that say a queue ran over (Part 4, 7.39).

Names come from the OPC Foundation's published table of codes (`status_codes.csv`: code and symbol).
"""

from __future__ import annotations

from functools import cache
from importlib import resources

from omptool.errors import UsageError
from omptool.model.vocabulary import Quality

CODE_MASK = 0xFFFF0000
"""Severity and sub-code: what a name stands for. The lower half are flags."""

INFO_TYPE_MASK = 0x00000C00
INFO_TYPE_DATA_VALUE = 0x00000400
OVERFLOW_BIT = 0x00000080
OVERFLOW = INFO_TYPE_DATA_VALUE | OVERFLOW_BIT

_QUALITIES = (Quality.GOOD, Quality.UNCERTAIN, Quality.BAD, Quality.BAD)


def quality(code: int) -> Quality:
    """Good, Uncertain or Bad; the fourth, reserved severity counts as Bad."""
    return _QUALITIES[code >> 30 & 3]


def overflow(code: int) -> bool:
    """Whether the server says that values of this item were discarded."""
    return code & (INFO_TYPE_MASK | OVERFLOW_BIT) == OVERFLOW


def name(code: int) -> str:
    """Symbol of a code (`BadNodeIdUnknown`); of an unknown code its hexadecimal form. Flag bits are ignored."""
    return _names().get(code & CODE_MASK, f"0x{code:08X}")


def code_of(text: str) -> int:
    """Code of a symbol in any case, or of a number in decimal or `0x` form.

    Raises:
        UsageError: neither.
    """
    codes = _codes()
    if text.casefold() in codes:
        return codes[text.casefold()]
    try:
        code = int(text, 0)
    except ValueError:
        code = -1
    if not 0 <= code <= 0xFFFFFFFF:
        raise UsageError(
            f"{text!r} is not a StatusCode", "write a symbol such as Good or BadNoCommunication, or a number"
        )
    return code


@cache
def _names() -> dict[int, str]:
    table = resources.files("omptool.model").joinpath("status_codes.csv").read_text(encoding="ascii")
    rows = (line.split(",") for line in table.splitlines()[1:])
    return {int(code, 16): symbol for code, symbol in rows}


@cache
def _codes() -> dict[str, int]:
    return {symbol.casefold(): code for code, symbol in _names().items()}
