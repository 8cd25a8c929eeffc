"""`--param` values have the type they look like, or the one that is asked for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omptool.errors import UsageError
from omptool.sql import parameters

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def parsed(*texts: str) -> dict[str, parameters.Parameter]:
    return parameters.parse(texts, now=NOW, zone=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True), ("False", False), ("5", 5), ("-7", -7), ("007", 7), ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5),
        ("Press7", "Press7"), ("", ""), ("1,5", "1,5"), ("nan", "nan"), ("2026-11-22", "2026-11-22"), ("0x10", "0x10"),
        ("2026-11-22T10:00:00Z", datetime(2026, 11, 22, 10, tzinfo=UTC)), ("a=b", "a=b"), ("9" * 20, "9" * 20),
        ("2026-11-22T10:00:00+02:00", datetime(2026, 11, 22, 8, tzinfo=UTC)), ("2026-99-99T10:00:00Z",) * 2,
    ],
)  # fmt: skip
def test_a_value_without_a_type_is_what_it_looks_like(text: str, value: object) -> None:
    found = parsed(f"x={text}")["x"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x:int=42", 42), ("x:float=42", 42.0), ("x:float=nan", None), ("x:bool=TRUE", True), ("x:text=42", "42"),
        ("x:timestamp=2026-11-22", datetime(2026, 11, 21, 23, tzinfo=UTC)), ("x:TEXT=a b", "a b"),
        ("x:timestamp=-2h", NOW - timedelta(hours=2)), ("x:interval=90s", timedelta(seconds=90)),
        ("x:list=1,2,3", [1, 2, 3]), ("x:list=1,2.5", [1, 2.5]), ("x:list=a, b", ["a", "b"]),
        ("x:list=1,a", ["1", "a"]),
        ("x:list=", []), ('x:list=["a","b,c"]', ["a", "b,c"]), ("x:list=true,false", [True, False]),
    ],
)  # fmt: skip
def test_a_type_is_obeyed(text: str, value: object) -> None:
    found = parsed(text)["x"]
    assert found == value or (value is None and str(found) == "nan")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("limit", "it is NAME=VALUE"), ("1x=5", "it is NAME=VALUE"), ("x:number=5", "unknown type number"),
        ("x:int=a", "'a' is no int"), ("x:int=1.5", "'1.5' is no int"), (f"x:int={2**63}", "is no int"),
        ("x:bool=1", "'1' is no bool"), ("x:timestamp=soon", "'soon' is no timestamp"),
        ("x:interval=5", "is no interval"),
        ("x:list=[1", "is no list"), ('x:list=[{"a":1}]', "is no list"), ("x:float=a", "is no float"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("[", r"\[")):
        parsed(text)


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(UsageError, match="--param x is given twice"):
        parsed("x=1", "x=2")


@given(st.text())
def test_any_text_arrives_as_it_is(text: str) -> None:
    assert parsed(f"x:text={text}") == {"x": text}


@given(st.integers(-(2**63), 2**63 - 1))
def test_any_integer_arrives_exactly(number: int) -> None:
    assert parsed(f"x={number}") == {"x": number}
    assert parsed(f"x:int={number}") == {"x": number}


@given(st.floats(allow_nan=False))
def test_any_number_arrives_exactly(number: float) -> None:
    assert parsed(f"x:float={number!r}") == {"x": number}
