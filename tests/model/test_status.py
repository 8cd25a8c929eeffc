"""StatusCodes: names, quality and the Overflow bit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.errors import UsageError
from omptool.model import status


@pytest.mark.parametrize(
    ("code", "name", "quality"),
    [
        (0, "Good", "Good"),
        (0x00000480, "Good", "Good"),
        (0x80340000, "BadNodeIdUnknown", "Bad"),
        (0x40000000, "Uncertain", "Uncertain"),
        (0x80000000, "Bad", "Bad"),
        (0x80AB0000, "BadInvalidArgument", "Bad"),
        (0x8FFF0000, "0x8FFF0000", "Bad"),
        (0xC0000000, "0xC0000000", "Bad"),
    ],
)
def test_name_and_quality(code: int, name: str, quality: str) -> None:
    assert status.name(code) == name
    assert status.quality(code) == quality


@given(st.integers(0, 0xFFFFFFFF))
def test_overflow_is_info_type_data_value_with_its_bit(code: int) -> None:
    assert status.overflow(code) == ((code >> 10 & 3) == 1 and bool(code & 0x80))


@given(st.integers(0, 0xFFFFFFFF))
def test_every_name_leads_back_to_its_code(code: int) -> None:
    name = status.name(code)
    assert status.code_of(name) == (code if name.startswith("0x") else code & status.CODE_MASK)


@pytest.mark.parametrize("text", ["", "BadWeather", "-1", "0x100000000"])
def test_what_is_no_status_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        status.code_of(text)
