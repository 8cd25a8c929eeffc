"""Tables with a row per value, or with a row per time and a column per tag → points. Columns come as texts.

Which column is what: as the user says (`--map ROLE=COLUMN`), else by the names that tools give them. What is not said
and cannot be told by name is not guessed from the values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from omptool.errors import UsageError
from omptool.model import status as statuses
from omptool.model.contracts import TELEMETRY
from omptool.sources.foreign import stamps, values
from omptool.sources.foreign.context import Context
from omptool.sources.foreign.points import Named, Points
from omptool.sources.foreign.stamps import Ints, Stamps
from omptool.sources.foreign.values import Values

_NAMES = {
    "time": "time timestamp ts datetime sourcetime sourcetimestamp zeit zeitstempel",
    "server_time": "servertime servertimestamp",
    "receive_time": "receivetime",
    "node_id": "nodeid",
    "path": "path",
    "tag": "tag tagname name variable signal item displayname point pointname",
    "value": "value val wert",
    "type": "type datatype",
    "status": "status statuscode",
    "quality": "quality",
    "unit": "unit units uom engineeringunit engineeringunits",
    "server": "server",
    "site": "site",
    "area": "area",
    "line": "line",
    "machine": "machine device asset equipment",
}
ROLES = tuple(_NAMES)
"""What a column can be; for `--map`."""

_ROLE_OF = {name: role for role, names in _NAMES.items() for name in names.split()}
_NAMING = ("node_id", "path", "tag")
_REQUIRED = frozenset(column.name for column in TELEMETRY if not column.nullable)
_QUALITY_CODES = {"good": 0, "uncertain": 0x40000000, "bad": 0x80000000}
_CODE = re.compile(r"0[xX][0-9a-fA-F]{1,8}|\d{1,10}")

Texts = Mapping[str, pa.Array]
Origin = Callable[[int], tuple[dict[str, int], str | bytes]]
"""Row → where it stands, and its text; asked for wrong rows only."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Which column is what.

    Attributes:
        roles: role → column.
        tags: columns that are tags, each with its values; empty for a table with a row per value.
        is_contract: it has the columns of `telemetry` itself, as omptool writes them.
    """

    roles: Mapping[str, str] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    is_contract: bool = False


_OF_ANALYSES = {"coverage", "percent_good"}
"""Columns of everything that `analyze` answers."""


def layout(names: Sequence[str], columns: Mapping[str, str], *, wants_telemetry: bool) -> Layout | None:
    """How a table with these columns is read; None when it is no telemetry.

    Raises:
        UsageError: `columns` names a role or a column that does not exist.
    """
    _check(names, columns)
    if not columns and _REQUIRED.issubset(names):
        return Layout(is_contract=True)
    if not columns and not wants_telemetry and _OF_ANALYSES.issubset(names):
        return None  # a control chart has times, tags and values too, and is no recording
    roles = dict(columns)
    mapped = set(columns.values())
    for name in names:
        role = _ROLE_OF.get(re.sub(r"[\s_.-]", "", name).casefold())
        if role is not None and name not in mapped:
            roles.setdefault(role, name)
    if "time" not in roles:
        return None
    if "value" in roles:
        return Layout(roles) if any(role in roles for role in _NAMING) else None
    if not wants_telemetry or any(role in roles for role in _NAMING):
        return None
    tags = tuple(name for name in names if name and name not in roles.values())
    return Layout(roles, tags) if tags else None


def _check(names: Sequence[str], columns: Mapping[str, str]) -> None:
    for role, name in columns.items():
        if role not in ROLES:
            raise UsageError(f"--map {role}={name}: no such role", f"roles are {', '.join(ROLES)}")
        if name not in names:
            raise UsageError(f'--map {role}={name}: no column "{name}"', f"columns: {', '.join(names)}")


def points(
    texts: Texts,
    how: Layout,
    context: Context,
    origin: Origin,
    found: Values | None = None,
    *,
    times: Mapping[str, Stamps] | None = None,
    comma: bool = False,
) -> list[Points]:
    """Rows as points; wrong rows go to the rejects.

    Args:
        texts: name → column of strings, all of one length.
        found: the values, where they come with types of their own.
        times: columns that are times already, by name.
        comma: numbers have a decimal comma.
    """
    given = {role: texts[name] for role, name in how.roles.items() if name in texts}
    rows = len(next(iter(texts.values())))
    wrong: dict[int, str] = {}
    ready = {role: times[name] for role, name in how.roles.items() if times and name in times}
    time = _time(given["time"], ready.get("time"), context, wrong)
    status = _status(given, rows, wrong)
    if not how.tags:
        if found is None:
            found = values.of_texts(given["value"], given.get("type"), comma=comma)
        wrong |= {row: _value_reason(reason) for row, reason in found.wrong.items() if row not in wrong}
        nodes = _nodes(given, rows, context, wrong)
        return _kept(given, ready, Points(time, nodes, found, status), context, wrong, origin)
    kept = []
    for tag in how.tags:
        column = values.of_texts(texts[tag], comma=comma)
        named = _named(given, rows, tag)
        nodes = np.fromiter((context.nodes.position(name) for name in named), np.int32, rows)
        empty = dict.fromkeys(np.flatnonzero(texts[tag].is_null().to_numpy(zero_copy_only=False)).tolist(), "")
        kept += _kept(given, ready, Points(time, nodes, column, status), context, wrong | empty, origin)
        wrong = dict.fromkeys(wrong, "")  # said once, not once per column
    return kept


def _value_reason(reason: str) -> str:
    return f"the value is {reason}"


def _time(column: pa.Array, ready: Stamps | None, context: Context, wrong: dict[int, str]) -> Stamps:
    found = stamps.column(column, context.zone) if ready is None else ready
    context.bare_times += found.bare
    for row in np.flatnonzero(~found.present).tolist():
        text = column[row].as_py()
        wrong[row] = "the time is missing" if text is None else f"the time is {stamps.NO_TIME}"
    return found


def _status(given: Texts, rows: int, wrong: dict[int, str]) -> Ints:
    role = "status" if "status" in given else "quality"
    if role not in given:
        return np.zeros(rows, np.int64)
    encoded = pc.dictionary_encode(given[role])
    codes = [code_of(text, role) for text in encoded.dictionary.to_pylist()]
    table = np.array([*(-1 if code is None else code for code in codes), 0], np.int64)
    found: Ints = table[pc.fill_null(encoded.indices, len(codes)).to_numpy(zero_copy_only=False)]
    for row in np.flatnonzero(found < 0).tolist():
        wrong.setdefault(row, f"the {role} is neither a StatusCode nor Good, Uncertain or Bad")
    return found


def code_of(text: str | None, role: str = "status") -> int | None:
    """The StatusCode that a text stands for; no text is Good. A quality up to 255 is of classic OPC: 192 is Good."""
    text = (text or "").strip()
    if not text:
        return 0
    if (code := _QUALITY_CODES.get(text.casefold())) is not None:
        return code
    if _CODE.fullmatch(text):
        number = int(text, 0) if text[:2] in ("0x", "0X") else int(text)
        if role == "quality" and number < 256:
            return (0x80000000, 0x40000000, 0x80000000, 0)[number >> 6]
        return number if number < 2**32 else None
    try:
        return statuses.code_of(text)
    except UsageError:
        return None


def _named(given: Texts, rows: int, tag: str | None = None) -> list[Named]:
    columns = {name: given[name].to_pylist() for name in Named._fields if name in given}
    if tag is not None:
        return [Named(tag=tag, **dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)
                ] if columns else [Named(tag=tag)] * rows  # fmt: skip
    return [Named(**dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]


def _nodes(given: Texts, rows: int, context: Context, wrong: dict[int, str]) -> npt.NDArray[np.int32]:
    """The node of each row; each combination of names is looked at once."""
    present = {name: pc.dictionary_encode(given[name]) for name in Named._fields if name in given}
    keys = np.zeros(rows, np.int64)
    for column in present.values():
        size = len(column.dictionary) + 1
        positions = pc.fill_null(column.indices, size - 1).to_numpy(zero_copy_only=False)
        keys = np.unique(keys * size + positions, return_inverse=True)[1].astype(np.int64)
    _, firsts, inverse = np.unique(keys, return_index=True, return_inverse=True)
    taken = {name: column.take(pa.array(firsts)).to_pylist() for name, column in present.items()}
    places: list[int] = []
    for row in zip(*taken.values(), strict=True):
        named = Named(**dict(zip(taken, row, strict=True)))
        places.append(context.nodes.position(named) if named.node_id or named.path or named.tag else -1)
    nodes: npt.NDArray[np.int32] = np.array(places, np.int32)[inverse]
    for at in np.flatnonzero(nodes < 0).tolist():
        wrong.setdefault(at, "the row names no tag")
    return nodes


def _kept(
    given: Texts,
    ready: Mapping[str, Stamps],
    found: Points,
    context: Context,
    wrong: Mapping[int, str],
    origin: Origin,
) -> list[Points]:
    """The rows that are right; the others are told of, except those without a reason."""
    for role in ("server_time", "receive_time"):
        if role in given:
            setattr(found, role, ready[role] if role in ready else stamps.column(given[role], context.zone))
    for row in sorted(wrong):
        if wrong[row]:
            place, text = origin(row)
            context.rejects.add(wrong[row], text, **place)
    if not wrong:
        return [found] if len(found) else []
    keep = np.ones(len(found), bool)
    keep[list(wrong)] = False
    return [take(found, np.flatnonzero(keep))] if keep.any() else []


def take(found: Points, rows: npt.NDArray[np.intp]) -> Points:
    """Some rows of points."""
    at = pa.array(rows)
    old = found.values
    return replace(
        found,
        time=_rows_of(found.time, rows),
        nodes=found.nodes[rows],
        values=Values(
            old.types.take(at), old.value.take(at), old.exact.take(at), old.text.take(at), old.lists.take(at), {}
        ),
        status=found.status[rows],
        basis=None if found.basis is None else found.basis[rows],
        server_time=None if found.server_time is None else _rows_of(found.server_time, rows),
        receive_time=None if found.receive_time is None else _rows_of(found.receive_time, rows),
        more={name: column.take(at) for name, column in found.more.items()},
    )


def _rows_of(column: Stamps, rows: npt.NDArray[np.intp]) -> Stamps:
    return Stamps(column.us[rows], column.rest[rows], column.present[rows])


def text_of(value: Any) -> str | None:
    """A value of JSON or of a database as a cell of CSV has it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, bytes):
        import base64

        return base64.b64encode(value).decode("ascii")
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
