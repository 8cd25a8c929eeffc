"""Values of `$NAME` as JSON writes them: each with its type, because JSON has neither times nor all integers.

Pure. The OpenAPI document is made from these models, so what they refuse is exactly what it says.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    FailFast,
    Field,
    Tag,
    WithJsonSchema,
)

from omptool.sql.parameters import Parameter, Value

_LARGEST = 10**38 - 1
"""38 digits: what fits DuckDB's HUGEINT whatever they are."""
_INT64 = 2**63 - 1
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_RFC3339 = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})$"

_RFC3339_READER = re.compile(_RFC3339)


def _int(value: object) -> int:
    if isinstance(value, str) and len(value) <= 39 and value.isascii() and value.removeprefix("-").isdigit():
        value = int(value)
    number = whole(value)
    if not isinstance(number, int) or isinstance(number, bool) or abs(number) > _LARGEST:
        raise ValueError("a whole number of at most 38 digits, or its digits as text")
    return number


def whole(value: object) -> object:
    """A number without a fraction as int: to JSON, 2.0 and 2 are the same."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _float(value: object) -> float:
    if isinstance(value, str) and value in _SPECIAL:
        return _SPECIAL[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError('a number, "NaN", "Infinity" or "-Infinity"')
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError('a number that fits 64 bits; write "Infinity" where that is meant')
    return number


def _timestamp(value: object) -> datetime:
    if not isinstance(value, str) or not _RFC3339_READER.fullmatch(value):
        raise ValueError("a time of RFC 3339 with an offset, such as 2026-11-22T10:18:00Z")
    try:
        return datetime.fromisoformat(value.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("a time that the calendar has, in the years 1 to 9999") from None


def _interval(value: object) -> timedelta:
    number = whole(value)
    if not isinstance(number, int) or isinstance(number, bool) or abs(number) > _INT64:
        raise ValueError("a whole number of microseconds that fits 64 bits")
    return timedelta(microseconds=number)


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError("text that UTF-8 can write") from None
    return value


def _schema(**schema: Any) -> WithJsonSchema:
    return WithJsonSchema(schema)


Bool = Annotated[bool, Field(strict=True)]
Text = Annotated[str, Field(strict=True), AfterValidator(_text)]
Int = Annotated[
    int,
    BeforeValidator(_int),
    _schema(
        anyOf=[
            {"type": "integer", "minimum": -_LARGEST, "maximum": _LARGEST},
            {"type": "string", "pattern": "^-?[0-9]{1,38}$"},
        ]
    ),
]
Float = Annotated[
    float,
    BeforeValidator(_float),
    _schema(anyOf=[{"type": "number"}, {"type": "string", "enum": list(_SPECIAL)}]),
]
Timestamp = Annotated[
    datetime, BeforeValidator(_timestamp), _schema(type="string", format="date-time", pattern=_RFC3339)
]
Interval = Annotated[timedelta, BeforeValidator(_interval), _schema(type="integer", minimum=-_INT64, maximum=_INT64)]


class _Scalar(BaseModel):
    model_config = ConfigDict(extra="forbid")

    items: None = Field(default=None, description="Only lists have it.")

    def bound(self) -> Parameter:
        """The value as `sql.engine.Engine.run` takes it."""
        value: Value = getattr(self, "value", None)
        return value


class NullParameter(_Scalar):
    """No value."""

    type: Literal["null"]
    value: None = None


class BoolParameter(_Scalar):
    """True or false."""

    type: Literal["bool"]
    value: Bool


class IntParameter(_Scalar):
    """A whole number: BIGINT, or HUGEINT beyond 64 bits. As text where JSON numbers lose digits."""

    type: Literal["int"]
    value: Int


class FloatParameter(_Scalar):
    """DOUBLE."""

    type: Literal["float"]
    value: Float


class TextParameter(_Scalar):
    """VARCHAR."""

    type: Literal["text"]
    value: Text


class TimestampParameter(_Scalar):
    """TIMESTAMP WITH TIME ZONE; digits below a microsecond are cut off."""

    type: Literal["timestamp"]
    value: Timestamp


class IntervalParameter(_Scalar):
    """INTERVAL, in microseconds."""

    type: Literal["interval"]
    value: Interval


class _List(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Literal["list"]

    def bound(self) -> Parameter:
        """The value as `sql.engine.Engine.run` takes it."""
        values: list[Value] = list(getattr(self, "value", ()))
        return values


class NullList(_List):
    """A list of nothing but null."""

    items: Literal["null"]
    value: Annotated[list[None], FailFast()]


class BoolList(_List):
    """Items are true, false or null."""

    items: Literal["bool"]
    value: Annotated[list[Bool | None], FailFast()]


class IntList(_List):
    """Items are whole numbers or null."""

    items: Literal["int"]
    value: Annotated[list[Int | None], FailFast()]


class FloatList(_List):
    """Items are numbers or null."""

    items: Literal["float"]
    value: Annotated[list[Float | None], FailFast()]


class TextList(_List):
    """Items are texts or null."""

    items: Literal["text"]
    value: Annotated[list[Text | None], FailFast()]


class TimestampList(_List):
    """Items are times or null."""

    items: Literal["timestamp"]
    value: Annotated[list[Timestamp | None], FailFast()]


class IntervalList(_List):
    """Items are microseconds or null."""

    items: Literal["interval"]
    value: Annotated[list[Interval | None], FailFast()]


def _tag(sent: object) -> str | None:
    """Which of the models below a value claims to be."""
    if isinstance(sent, dict):
        kind, items = sent.get("type"), sent.get("items")
    elif isinstance(sent, _Scalar | _List):
        kind, items = getattr(sent, "type", None), getattr(sent, "items", None)
    else:
        return None
    return f"list of {items}" if kind == "list" else str(kind)


Sent = Annotated[
    Annotated[NullParameter, Tag("null")]
    | Annotated[BoolParameter, Tag("bool")]
    | Annotated[IntParameter, Tag("int")]
    | Annotated[FloatParameter, Tag("float")]
    | Annotated[TextParameter, Tag("text")]
    | Annotated[TimestampParameter, Tag("timestamp")]
    | Annotated[IntervalParameter, Tag("interval")]
    | Annotated[NullList, Tag("list of null")]
    | Annotated[BoolList, Tag("list of bool")]
    | Annotated[IntList, Tag("list of int")]
    | Annotated[FloatList, Tag("list of float")]
    | Annotated[TextList, Tag("list of text")]
    | Annotated[TimestampList, Tag("list of timestamp")]
    | Annotated[IntervalList, Tag("list of interval")],
    Discriminator(
        _tag,
        custom_error_type="parameter",
        custom_error_message="an object with type (null, bool, int, float, text, timestamp, interval, list), value, "
        "and for a list items, the type of its values",
    ),
]
"""One parameter as a client sends it."""
