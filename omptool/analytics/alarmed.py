"""Where the alarms of a plant come from: events of conditions, tags that say the number of an alarm, rows of a table.

A server whose events of alarms were recorded is asked for these; its tags would say the same a second time. `--map`
wins.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from omptool.analytics.alarmwords import words
from omptool.analytics.binding import Binding, Bound, Tag, bind
from omptool.analytics.recipe import Recipe
from omptool.analytics.requested import Request
from omptool.errors import NotFound, UsageError
from omptool.model.listing import listed
from omptool.sql.engine import Engine

ROLE = "alarm"
_SOURCES = """
SELECT DISTINCT server, node_id, site, area, line, machine, source_name FROM events WHERE active IS NOT NULL
ORDER BY server, node_id, site, area, line, machine, source_name"""
_LISTENED = "SELECT DISTINCT server FROM journal WHERE kind = 'conditions_refreshed' AND server IS NOT NULL"
_MACHINES = "SELECT DISTINCT server, site, area, line, machine FROM nodes WHERE tag <> path"
"""Where nodes stand below a machine; a tag that stands below none is of the line, the area or the server itself."""

_SHOWN = 6
_SOON = "till <= (SELECT max(time) FROM input) + INTERVAL 366 DAY"
"""Ends in a far year mean that the alarm stands: no window lasts until then."""


def bind_alarms(
    engine: Engine, recipe: Recipe, tags: Sequence[Tag], maps: Mapping[str, str], plant: Mapping[str, Sequence[str]]
) -> Binding:
    """The alarms of every machine: nodes of the role `event` are sources of events, of `alarm` tags.

    A machine of a server with events of alarms is there even when it raised none: role `machine`. Lines and areas are
    none where the server has machines.

    Raises:
        NotFound: neither events nor tags.
    """
    sources = [] if ROLE in maps else [Tag(*row.values()) for row in engine.run(_SOURCES).read_all().to_pylist()]
    by_event = {source.server for source in sources}
    found = _of_tags(recipe, [tag for tag in tags if tag.server not in by_event], maps, plant)
    by_tag = {one.server for one in found.bound} if found else set()
    if ROLE not in maps:
        listened = engine.run(_LISTENED).read_all()["server"].to_pylist()
        by_event |= set(listened) - by_tag
    places = _machines(engine, [tag for tag in tags if tag.server in by_event])
    bound = [
        *(found.bound if found else ()),
        *(Bound("event", one.server, one.node_id, False, one[2:6]) for one in sources),
        *(Bound("machine", one.server, one.node_id, False, one[2:6]) for _, one in sorted(places.items(), key=str)),
    ]
    if not bound:
        raise NotFound(
            f"nothing tells of alarms, and {recipe.name} needs it: no events of conditions, no tag of the role {ROLE}",
            "name the tag with the alarm's number: --map alarm='Alarm*'\n"
            "or record the server's alarms: omptool capture SERVER --events",
        )
    return Binding(tuple(bound), 1, found.notes if found else ())


def _machines(engine: Engine, tags: Sequence[Tag]) -> dict[tuple[str, tuple[str | None, ...]], Tag]:
    """The first tag of every machine, by server and place."""
    known = {(row["server"], tuple(row.values())[1:]) for row in engine.run(_MACHINES).read_all().to_pylist()}
    having = {server for server, _ in known}
    places = {(tag.server, tag[2:6]): tag for tag in reversed(tags)}
    return {key: tag for key, tag in places.items() if key in known or key[0] not in having}


def watched(engine: Engine, tags: Sequence[Tag]) -> frozenset[tuple[str | None, ...]]:
    """The machines (site to machine) whose alarms come as events, so that they need no tag of the role alarm."""
    sources = [Tag(*row.values()) for row in engine.run(_SOURCES).read_all().to_pylist()]
    servers = {source.server for source in sources} | set(engine.run(_LISTENED).read_all()["server"].to_pylist())
    return frozenset(one[2:6] for one in (*sources, *(tag for tag in tags if tag.server in servers)))


def _of_tags(
    recipe: Recipe, tags: Sequence[Tag], maps: Mapping[str, str], plant: Mapping[str, Sequence[str]]
) -> Binding | None:
    """By tags; None where none has the role and nobody said that one has."""
    try:
        return bind(recipe, tags, maps=maps, plant=plant)
    except NotFound:
        if maps:
            raise
        return None


class Rows(NamedTuple):
    """How to read a plain table of alarms: its places, what its SQL is given, and what a person should know.

    Attributes:
        last: SQL of the last moment that it tells of.
    """

    bound: tuple[Bound, ...]
    values: Mapping[str, object]
    notes: tuple[str, ...]
    last: str


def of_rows(
    engine: Engine,
    recipe: Recipe,
    request: Request,
    given: Mapping[str, object],
    source: str,
    columns: Mapping[str, str],
) -> Rows:
    """What the CTEs of parts/alarm_rows.sql ask for.

    Args:
        given: parameters.
        source: the CTE `input`.
        columns: role → column.

    Raises:
        UsageError: nothing says when an alarm comes or goes.
    """
    table = request.table or ""
    if "till" not in columns and "active" not in columns:
        raise UsageError(
            f"no column of {table} says whether an alarm came or went; {recipe.name} needs it",
            "a row for either: --map active=COLUMN\na row for both, time and till: --map till=COLUMN",
        )
    counts, ended = _said(engine, source) if "active" in columns else ({}, 0)
    came, went = words(counts, given.get("active_is"), given.get("gone_is"))
    by_row, notes = _by_row(request, given, columns, ended, both=bool(came and went))
    if not by_row:
        notes = _unsaid(columns["active"], counts, came, went)
    ends = not by_row or columns["till"] != columns["time"]
    values = {"active_words": came, "gone_words": went, "by_row": by_row, "table_name": table, "ends": ends}
    last = f"greatest(max(time), max(till) FILTER (WHERE {_SOON}))" if by_row else "max(time)"
    return Rows(_places_of(engine, source, table), values, notes, last)


def _by_row(
    request: Request, given: Mapping[str, object], columns: Mapping[str, str], ends: int, *, both: bool
) -> tuple[bool, tuple[str, ...]]:
    """Whether every row is an alarm of its own, and what a person should know of that.

    Args:
        ends: rows that say when their alarm went.
        both: the words of `active` say that alarms came and that they went.

    Raises:
        UsageError: words are named, and there is no column with words.
    """
    if "till" not in columns or "active" in request.maps:
        return False, ()
    table, till = request.table, columns["till"]
    named = [name for name in ("active_is", "gone_is") if given.get(name) is not None]
    by_name = "active" in columns and "till" not in request.maps  # both are there, and nobody asked for either
    if by_name and (named or (both and not ends)):
        return False, ()
    if named:
        raise UsageError(
            f"{table} is read as a row per alarm, with its end in {till}: {named[0]} has no words to name",
            f"leave out --param {named[0]}, or name the column with the words: --map active=COLUMN",
        )
    if not by_name or not both:
        return True, ()
    active = columns["active"]
    rest = f"if {active} says in each row whether one came or went: --map active={shlex.quote(active)}"
    return True, (f"every row of {table} is taken as an alarm that {till} ends; {rest}",)


def _said(engine: Engine, source: str) -> tuple[dict[str, int], int]:
    """The words of `active` with their rows, the most frequent first, and how many rows have a `till`."""
    select = f"WITH {source} SELECT lower(trim(CAST(active AS VARCHAR))) AS word, count(*) AS n, count(till) AS ends"
    found = engine.run(f"{select} FROM input GROUP BY word ORDER BY n DESC, word").read_all().to_pylist()
    return {row["word"]: row["n"] for row in found if row["word"] is not None}, sum(row["ends"] for row in found)


def _unsaid(column: str, counts: Mapping[str, int], came: Sequence[str], went: Sequence[str]) -> tuple[str, ...]:
    """What a person should know of the words.

    Raises:
        UsageError: none says that an alarm came.
    """
    if counts and not came:
        raise UsageError(
            f"no {column} says that an alarm is active: it says {listed(counts, _SHOWN)}",
            "name the words, separated by commas: --param active_is=ALM --param gone_is=RTN",
        )
    notes: tuple[str, ...] = ()
    if others := [word for word in counts if word not in {*came, *went}]:
        rows = sum(counts[word] for word in others)
        notes = (f"{rows} rows say neither that an alarm came nor that it went: {listed(others, _SHOWN)}",)
    if counts and not went:
        notes += (f"no {column} says that an alarm went, so all still stand; --param gone_is=WORD names what says it",)
    return notes


def _places_of(engine: Engine, source: str, table: str) -> tuple[Bound, ...]:
    """The machines of a table, each under the key that its rows have; without a machine the table itself is one."""
    columns = ", ".join(
        f"nullif(CAST({name} AS VARCHAR), '') AS {name}" for name in ("site", "area", "line", "machine")
    )
    rows = engine.run(f"WITH {source} SELECT DISTINCT {columns} FROM input ORDER BY ALL").read_all().to_pylist()
    places = dict.fromkeys((row["site"], row["area"], row["line"], row["machine"] or table) for row in rows)
    return tuple(Bound("row", "", "\x1f".join(text or "" for text in place), False, place) for place in places)
