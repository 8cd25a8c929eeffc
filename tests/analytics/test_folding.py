"""An aggregate of a window with more values than fit into memory is the one of all its values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import pyarrow as pa
import pytest

from omptool.analytics import catalog, held, streams
from omptool.analytics.binding import Tag
from omptool.analytics.part13.aggregates import ALL
from omptool.analytics.part13.series import windows
from omptool.analytics.requested import ask
from omptool.model.times import unix_us
from omptool.sources.source import Named
from omptool.sql.engine import LocalEngine
from tests.analytics.plants import SERVER, Recorded, gap
from tests.analytics.test_gaps_and_quality import T0, sample

SECOND = 10**9
FIRST = unix_us(T0) * 1000
FITS = 14
"""Rows that are said to fit; a Variable has sixty."""

KINDS = {"Double": (0.0, 1.0, 2.5, -3.0, 2.5, None), "String": ("Run", "Stop", "Idle"), "Boolean": (0.0, 1.0)}
TAGS = [Tag(SERVER, f"s=M.{kind}", "S", None, None, "M", kind) for kind in KINDS]
SPANS = {"all": (-10, 200), "inside": (25, 95), "at its end": (60, 60_000), "back": (95, 25), "before": (-50, 40)}
CASES: Sequence[tuple[Mapping[str, object], Sequence[str]]] = (
    ({}, ("all", "back")),
    ({"treat_uncertain_as_bad": False}, ("inside",)),
    ({"stepped": True}, ("at its end",)),
    ({"use_sloped_extrapolation": True, "treat_uncertain_as_bad": False}, ("at its end",)),
    ({"percent_data_bad": 20.0, "percent_data_good": 60.0}, ("before",)),
)
STEPS = (0, 0, 0, 0, 60)
"""Seconds of an interval: one of them fits, another does not."""


def _rows(seed: int) -> Iterator[dict[str, Any]]:
    random = Random(seed)
    for kind, said in KINDS.items():
        second = 0.0
        for seq in range(60):
            status = random.choice((0, 0, 0, 0, 0x40000000, 0x80000000))
            more = {"status": status, "time_ns": random.choice((0, 0, 300)), "type": kind, "seq": seq}
            yield sample(second, kind, random.choice(said), ("Good", "Uncertain", "Bad")[status >> 30], **more)
            second += random.choice((0, 0.5, 1, 2, 3, 7))


@dataclass(frozen=True)
class _Read:
    rows: pa.Table

    def read_all(self) -> pa.Table:
        return self.rows


class _Asked:
    """Reads for all aggregates once."""

    def __init__(self, engine: LocalEngine) -> None:
        self._engine = engine
        self._known: dict[str, pa.Table] = {}

    def __call__(self, statement: str, values: Mapping[str, object]) -> pa.Table:
        key = repr((statement, held.given(statement, values)))
        if key not in self._known:
            self._known[key] = ask(self._engine, statement, values)
        return self._known[key]

    def run(self, statement: str) -> _Read:
        return _Read(self(statement, {}))

    def rows(self, parameters: Mapping[str, object], span: tuple[int, int], step: int) -> list[dict[str, Any]]:
        recipe = catalog.load("aggregate")
        given = {each.name: each.default for each in recipe.parameters} | dict(parameters)
        asked = streams.prepare(given, windows(*(FIRST + SECOND * second for second in span), step * SECOND))
        noted = {0: (FIRST + SECOND * pa.array([3, 30, 90]).to_numpy())}
        found: list[dict[str, Any]] = streams.of_telemetry(self._engine, recipe, asked, TAGS, self, noted).to_pylist()
        return found


@pytest.mark.parametrize("case", range(len(CASES)))
def test_pieces_say_what_the_whole_says(case: int, monkeypatch: pytest.MonkeyPatch) -> None:
    configured, spans = CASES[case]
    gaps = [gap("2026-01-01T00:00:31+00:00", "2026-01-01T00:00:44+00:00")]
    wrong: list[Any] = []
    with LocalEngine([Named(Recorded(list(_rows(case)), gaps))]) as engine:
        asked = _Asked(engine)
        for where in spans:
            for name in ALL:
                parameters = {"aggregate": name, **configured}
                monkeypatch.setattr(streams, "PORTION", 4_000_000)
                whole = asked.rows(parameters, SPANS[where], STEPS[case])
                monkeypatch.setattr(streams, "PORTION", FITS)
                pairs = zip(asked.rows(parameters, SPANS[where], STEPS[case]), whole, strict=True)
                wrong += [(where, name, *pair) for pair in pairs if not _alike(*pair)]
    assert wrong == [], "\n".join(map(repr, wrong))


def _alike(row: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Sums of pieces are rounded otherwise than those of the whole."""
    return all(
        said == pytest.approx(other[name], rel=1e-9, abs=1e-9) if isinstance(said, float) else said == other[name]
        for name, said in row.items()
    )


def test_infinite_values_are_values(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [sample(second, "Double", float("inf") if second % 9 else -float("inf"), seq=second) for second in range(40)]
    with LocalEngine([Named(Recorded(rows))]) as engine:
        for name in ("Average", "TimeAverage", "VarianceSample", "Maximum"):
            asked = _Asked(engine)
            whole = asked.rows({"aggregate": name}, (0, 40), 0)
            monkeypatch.setattr(streams, "PORTION", FITS)
            pieces = asked.rows({"aggregate": name}, (0, 40), 0)
            monkeypatch.undo()
            assert repr(pieces) == repr(whole)
