"""One value as text, the same in every format that is text (docs/reference/output.md).

Times are RFC 3339 in UTC with decimals only when needed; integers keep every digit; NaN and the infinities are strings
in JSON; bytes are base64.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import math
import re
from decimal import Decimal

from omptool.cli.terminal import unsafe

NEGATIVE_ZERO = "-0.0"
"""The one number whose zero decimals are needed: who reads it as an integer loses the sign."""


def json_text(value: object) -> str:
    """One Python value as JSON text."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return float_text(value) if math.isfinite(value) else f'"{float_text(value)}"'
    if isinstance(value, (int, Decimal)):
        return str(value)
    if isinstance(value, (list, tuple)) and not hasattr(value, "nanoseconds"):
        return "[" + ",".join(map(json_text, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{quoted(str(k))}:{json_text(v)}" for k, v in value.items()) + "}"
    return quoted(plain_text(value))


def plain_text(value: object) -> str:
    """One Python value as it stands in CSV, before quoting."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, float):
        return float_text(value)
    if isinstance(value, dt.datetime):
        return _datetime(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    if isinstance(value, dt.timedelta):
        return _duration(value)
    if isinstance(value, tuple) and hasattr(value, "nanoseconds"):
        return _interval(*value)
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    if isinstance(value, (bool, int, list, tuple, dict)):
        return json_text(value)
    return str(value)


def float_text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value and not 1e-4 <= abs(value) < 1e10:
        return _with_exponent(value)
    text = repr(value).removesuffix(".0")
    return NEGATIVE_ZERO if text == "-0" else text


def _with_exponent(value: float) -> str:
    """Exponents from 10 digits before and 6 zeros behind the point on, as Arrow writes them and Python does not."""
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    text = "".join(map(str, digits))
    power = len(digits) - 1 + int(exponent)
    if power >= -6 and power < 0:
        text = f"0.{'0' * (-power - 1)}{text}"
    else:
        text = f"{text[0]}{'.' * (len(text) > 1)}{text[1:]}e{power:+d}"
    return "-" * sign + text


def _datetime(value: dt.datetime) -> str:
    aware = value.tzinfo is not None
    text = (value.astimezone(dt.UTC) if aware else value).replace(tzinfo=None).isoformat()
    if "." in text:
        text = text.rstrip("0")
    return text + "Z" * aware


def _duration(value: dt.timedelta) -> str:
    """ISO 8601, seconds only: `PT90.5S`."""
    total = value // dt.timedelta(microseconds=1)
    whole, micro = divmod(abs(total), 1_000_000)
    return f"PT{'-' * (total < 0)}{whole}{f'.{micro:06d}'.rstrip('0') if micro else ''}S"


def _interval(months: int, days: int, nanoseconds: int) -> str:
    """ISO 8601 of an SQL INTERVAL, which knows how long neither a month nor a day is: `P1M2DT90.5S`."""
    calendar = f"{months}M" * bool(months) + f"{days}D" * bool(days)
    if calendar and not nanoseconds:
        return f"P{calendar}"
    whole, nano = divmod(abs(nanoseconds), 1_000_000_000)
    sign = "-" if nanoseconds < 0 else ""
    return f"P{calendar}T{sign}{whole}{f'.{nano:09d}'.rstrip('0') if nano else ''}S"


def quoted(text: str) -> str:
    """A JSON string; characters that could steer a terminal are escaped too, which changes no value."""
    return harmless_json(json.dumps(text, ensure_ascii=False))


def harmless_json(text: str) -> str:
    """JSON text with characters that could steer a terminal as escapes; beyond the basic plane those are pairs."""
    return unsafe().sub(_json_escape, text)


def _json_escape(match: re.Match[str]) -> str:
    units = match.group().encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def csv_field(text: str, delimiter: str) -> str:
    """`text` as a field: quoted where needed; an empty text is quoted, because nothing at all is null."""
    return csv_quoted(text) if not text or any(c in text for c in f'"\r\n{delimiter}') else text


def csv_quoted(text: str) -> str:
    """`text` in quotes."""
    return '"' + text.replace('"', '""') + '"'
