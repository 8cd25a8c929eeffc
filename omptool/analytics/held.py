"""The rows that a recipe reads, taken out of the source once and held by the engine, where it can do that.

A lake stores the values of a node in order of time, so they come in a few runs, and in a run the value before is that
of the row before: the rise of a counter needs no sorting. An engine that holds nothing, and rows in disorder, get the
recipe's statement as it is.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from omptool.analytics import catalog
from omptool.analytics.onepass import in_one_pass
from omptool.analytics.recipe import Recipe
from omptool.sql.engine import Engine, Holding

_NUMBERED = ("bound", "stands", "groups")
"""Lists of all nodes and machines: the engine reads what it is given with a statement anew each time, and twice."""

MOST_RUNS = 200_000
"""With more, rows are sorted."""

Column = np.ndarray[Any, np.dtype[Any]]

CAPTURE = 1 << 40
"""What `tie` grows by from one capture to the next."""
ARRIVAL = CAPTURE // 2
"""In the first half of a capture's values `tie` says when they came; see parts/picked.sql."""

_NAMED = re.compile(r"\$([A-Za-z_]\w*)")
_QUOTED = re.compile(r"--[^\n]*|/\*.*?\*/|\"[^\"]*\"|'[^']*'", re.DOTALL)
"""Names of columns, texts and comments may hold whatever they like."""

_NONE = """(
  SELECT CAST(NULL AS INTEGER) AS node, CAST(NULL AS BIGINT) AS capture, CAST(NULL AS BIGINT) AS since,
         CAST(NULL AS BIGINT) AS till WHERE false)"""
_PICKED = """unheard AS NOT MATERIALIZED (SELECT * FROM {}),
spoken AS NOT MATERIALIZED (SELECT * FROM {}),
picked AS NOT MATERIALIZED (SELECT * FROM spoken WHERE nanos < $end_nanos)"""
"""As parts/picked.sql, of rows that were taken out before."""

_COUNTS = "kind IN (1, 4) AND grade < 2 AND abs(value) < 9007199254740992"
_LINED = f"""lined AS (
  SELECT node, m, kind, nanos, tie, value, lag(node) OVER () AS node_before, lag(nanos) OVER () AS nanos_before,
         lag(tie) OVER () AS tie_before, lag(value) OVER () AS value_before
  FROM {{}} WHERE {_COUNTS}
)"""
_BEHIND = "node = node_before AND (nanos > nanos_before OR (nanos = nanos_before AND tie >= tie_before))"
_SET_BACK = f"""value < value_before AND tie < tie_before AND tie // {ARRIVAL} = tie_before // {ARRIVAL}
AND tie // {ARRIVAL} % 2 = 0"""
_HEADS = f"""SELECT *, coalesce({_BEHIND}, false) AS behind FROM lined
WHERE NOT coalesce({_BEHIND}, false) OR ({_SET_BACK}) LIMIT {MOST_RUNS + 1}"""
_LAST = f"SELECT node, nanos, tie, value FROM {{0}} WHERE rowid = (SELECT max(rowid) FROM {{0}} WHERE {_COUNTS})"
_COUNTERS = f"""{_LINED},
counters AS (
  SELECT node, m, kind, nanos, tie, value, value - value_before AS step, nanos_before AS before
  FROM lined WHERE {_BEHIND}
  UNION ALL
  SELECT node, m, kind, nanos, tie, value, value - value_before AS step, before
  FROM (SELECT unnest(CAST($head_nodes AS INTEGER[])) AS node, unnest(CAST($head_machines AS INTEGER[])) AS m,
               unnest(CAST($head_kinds AS SMALLINT[])) AS kind,
               unnest(CAST($head_nanos AS BIGINT[])) AS nanos, unnest(CAST($head_ties AS BIGINT[])) AS tie,
               unnest(CAST($head_values AS DOUBLE[])) AS value, unnest(CAST($head_befores AS DOUBLE[])) AS value_before,
               unnest(CAST($head_since AS BIGINT[])) AS before
  ) heads
)"""
"""As parts/counters.sql; the first values of runs come from outside."""


def named(statement: str) -> set[str]:
    """The parameters of a statement."""
    return set(_NAMED.findall(_QUOTED.sub(" ", statement)))


def given(statement: str, values: Mapping[str, object]) -> dict[str, object]:
    """The values that a statement names."""
    wanted = named(statement)
    return {name: value for name, value in values.items() if name in wanted}


@contextlib.contextmanager
def parts(
    engine: Engine, recipe: Recipe, section: str, values: Mapping[str, object]
) -> Iterator[tuple[Mapping[str, str], Mapping[str, object]]]:
    """What stands for shared parts of the recipe as long as the block lasts, and the values that it names."""
    if section != "telemetry" or "picked" not in recipe.parts or not isinstance(engine, Holding):
        yield {}, {}
        return
    with contextlib.ExitStack() as stack:
        held: dict[str, str] = {}

        def hold_of(ctes: str, name: str) -> str:
            statement = ",\n".join([*held.values(), ctes])
            statement = f"WITH {statement}\nSELECT * FROM {name}"
            return stack.enter_context(engine.held(statement, given(statement, values)))

        def hold(part: str, name: str) -> str:
            return hold_of(catalog.part(part), name)

        window = catalog.part("window")
        for name in _NUMBERED:
            listed = _cte(window, name)
            window = window.replace(listed, _instead(name, hold_of(listed, name)))
        held["window"] = window

        tables = {}
        for name in ("captures", "heard"):
            tables[name] = hold(name, name)
            held[name] = _instead(name, tables[name])
        alone = _count(engine, tables["captures"]) < 2
        unheard = _NONE if alone else hold("picked", "unheard")
        several = not alone and _count(engine, unheard) > 0
        spoken = hold("picked", "spoken") if several else tables["heard"]
        heads = _heads(engine, spoken) if "counters" in recipe.parts and not several else None
        held["picked"] = _PICKED.format(unheard, spoken)
        held["firsts"] = _instead("firsts", hold("firsts", "firsts"))
        held["timeline"] = in_one_pass(catalog.part("timeline"))
        held[section] = in_one_pass(recipe.sections[section])
        if heads is None:
            yield held, {}
        else:
            yield {**held, "counters": _COUNTERS.format(spoken)}, heads


def _cte(part: str, name: str) -> str:
    """One CTE of a part, without the comma behind it."""
    found = re.search(rf"^{name} AS \((?:[^\n]+|\n.*?^)\)(?=,\n)", part, re.MULTILINE | re.DOTALL)
    assert found is not None, f"no {name} with another CTE behind it"
    return found[0]


def _instead(name: str, table: str) -> str:
    return f"{name} AS NOT MATERIALIZED (SELECT * FROM {table})"


def _count(engine: Engine, table: str) -> int:
    found: int = engine.run(f"SELECT count(*) AS found FROM {table}").read_all()["found"][0].as_py()
    return found


def _heads(engine: Engine, table: str) -> Mapping[str, object] | None:
    """The first value of each run with the one before; None where parts/counters.sql has more to look at.

    That is where runs are too many or run through each other, or where a clock was set back.
    """
    found = engine.run(f"WITH {_LINED.format(table)}\n{_HEADS}").read_all()
    if found.num_rows > MOST_RUNS or pc.any(found["behind"]).as_py():
        return None
    last = engine.run(_LAST.format(table)).read_all()
    node, nanos, tie, value = (_numbers(found, name) for name in ("node", "nanos", "tie", "value"))
    # a run ends before the next one's head
    ends = [np.concatenate([_numbers(found, f"{name}_before")[1:], _numbers(last, name)]) for name in _KEYS]
    order = np.lexsort((tie, nanos, node))
    same = node[order][1:] == node[order][:-1]
    late = (ends[0][order][:-1] > nanos[order][1:]) | (
        (ends[0][order][:-1] == nanos[order][1:]) & (ends[1][order][:-1] > tie[order][1:])
    )
    fallen = (ends[2][order][:-1] > value[order][1:]) & (ends[1][order][:-1] > tie[order][1:])
    arrival = tie[order][1:] // ARRIVAL
    fallen &= (ends[1][order][:-1] // ARRIVAL == arrival) & (arrival % 2 == 0)
    if (same & (late | fallen)).any():
        return None
    before = np.full(node.size, np.nan)
    before[order[1:][same]] = ends[2][order][:-1][same]
    since = np.zeros(node.size, np.int64)
    since[order[1:][same]] = ends[0][order][:-1][same]
    return {
        "head_nodes": node.tolist(),
        "head_machines": _numbers(found, "m").tolist(),
        "head_kinds": _numbers(found, "kind").tolist(),
        "head_nanos": nanos.tolist(),
        "head_ties": tie.tolist(),
        "head_values": value.tolist(),
        "head_since": since.tolist(),
        "head_befores": [None if np.isnan(each) else each for each in before.tolist()],
    }


_KEYS = ("nanos", "tie", "value")


def _numbers(table: pa.Table, name: str) -> Column:
    found: Column = table[name].combine_chunks().fill_null(0).to_numpy()
    return found
