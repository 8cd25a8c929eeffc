"""Repeatable statements: the same bytes whatever memory and processors an engine has."""

from __future__ import annotations

import pyarrow as pa
import pytest

from omptool.sql.confine import Confinement
from omptool.sql.engine import LocalEngine

NUMBERS = "(select range * 7919 % 300000 as k, range as n, sin(range) * 1000 as value from range(1500000))"
STATEMENTS = {
    "many groups": f"select k, sum(value / 3) as s, avg(value / 7) as a, stddev(value) as d from {NUMBERS} group by k",
    "few groups": f"select k % 7 as g, sum(value / 3) as s, avg(value) as a from {NUMBERS} group by g",
    "a join": f"select a.k % 5 as g, sum(a.value * b.value) as s "
    f"from {NUMBERS} a join {NUMBERS} b on a.n = b.k group by g",
}


def answer(statement: str, *, confinement: Confinement | None) -> pa.Table:
    with LocalEngine(repeatable=True, confinement=confinement) as engine:
        return engine.run(statement).read_all()


@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_neither_memory_nor_threads_change_a_digit(statement: str) -> None:
    expected = answer(statement, confinement=None)
    assert expected.num_rows > 1
    for memory, threads in (("70MB", None), ("120MB", 1), ("2GiB", 5)):
        limits = Confinement(memory=memory, temporary="2GiB", threads=threads, statement_s=120)
        assert answer(statement, confinement=limits).equals(expected)
