"""Rows that come one by one, from messages and from lines, collected until they become points together."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from omptool.sources.foreign import stamps, values
from omptool.sources.foreign.context import Context
from omptool.sources.foreign.points import Named, Points
from omptool.sources.foreign.stamps import Stamps
from omptool.sources.foreign.tables import take

MOST = 16_384
"""Rows that become points together."""

Time = str | tuple[int, int] | None
"""As it is written, or microseconds since 1970 and the nanoseconds below them."""

Place = Mapping[str, int]


class Rows:
    """Values with node, time and status, each from a place in the file."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._clear()

    def _clear(self) -> None:
        self._nodes: list[int] = []
        self._values: list[Any] = []
        self._kinds: list[str | None] = []
        self._times: list[Time] = []
        self._server_times: list[Time] = []
        self._bases: list[int] = []
        self._status: list[int] = []
        self._places: list[Place] = []
        self._texts: list[str | bytes | None] = []
        self._names: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._values)

    def add(
        self,
        named: Named,
        value: Any,
        time: Time,
        place: Place,
        *,
        kind: str | None = None,
        server_time: Time = None,
        basis: int = 0,
        status: int = 0,
        text: str | bytes | None = None,
        name: str | None = None,
    ) -> None:
        """Take a row.

        Args:
            value: as JSON has it; `kind` its type, where somebody says one.
            basis: which stamp `time` is, by position in `points.BASES`.
            text: the row as it stands in the file; None: to be written anew when it is wrong.
            name: of a value of an enumeration.
        """
        if name is not None:
            self._names[len(self._values)] = name
        self._nodes.append(self._context.nodes.position(named))
        self._values.append(value)
        self._kinds.append(kind)
        self._times.append(time)
        self._server_times.append(server_time)
        self._bases.append(basis)
        self._status.append(status)
        self._places.append(place)
        self._texts.append(text)

    def full(self) -> Iterator[Points]:
        """The rows as points once there are many."""
        if len(self) >= MOST:
            yield from self.points()

    def points(self) -> Iterator[Points]:
        """All rows as points; wrong ones go to the rejects."""
        if not self._values:
            return
        context = self._context
        time = _stamps(self._times, context)
        found = values.of_python(self._values, self._kinds)
        if self._names:
            texts = found.text.to_pylist()
            for row, name in self._names.items():
                texts[row] = name
            found.text = pa.array(texts, pa.string())
        wrong = {row: f"the value is {reason}" for row, reason in found.wrong.items()}
        for row in np.flatnonzero(~time.present).tolist():
            given = self._times[row]
            wrong[row] = "the time is missing" if given is None else f"the time is {stamps.NO_TIME}"
        for row in sorted(wrong):
            context.rejects.add(wrong[row], self._text(row), **self._places[row])
        server_time = _stamps(self._server_times, context) if any(self._server_times) else None
        rows = Points(
            time, np.array(self._nodes, np.int32), found, np.array(self._status, np.int64),
            basis=np.array(self._bases, np.int32), server_time=server_time,
        )  # fmt: skip
        self._clear()
        if not wrong:
            yield rows
        elif len(wrong) < len(rows):
            keep = np.ones(len(rows), bool)
            keep[list(wrong)] = False
            yield take(rows, np.flatnonzero(keep))

    def _text(self, row: int) -> str | bytes:
        text = self._texts[row]
        if text is not None:
            return text
        node = self._context.nodes.known[self._nodes[row]]
        cells = {"path": node.path, "time": self._times[row], "value": self._values[row]}
        return json.dumps(cells, ensure_ascii=False, default=str)


def _stamps(times: list[Time], context: Context) -> Stamps:
    if not any(isinstance(time, tuple) for time in times):
        texts: list[Any] = times
        found = stamps.column(pa.array(texts, pa.string()), context.zone)
        context.bare_times += found.bare
        return found
    count = len(times)
    found = Stamps(np.zeros(count, np.int64), np.zeros(count, np.int64), np.zeros(count, bool))
    for row, time in enumerate(times):
        read = stamps.one(time, context.zone) if isinstance(time, str) else time
        if read is not None:
            found.us[row], found.rest[row] = read[:2]
            found.present[row] = True
    return found
