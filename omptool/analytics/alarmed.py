"""Where the alarms of a plant come from: events of conditions, tags that say the number of an alarm, rows of a table.

A server whose events of alarms were recorded is asked for these; its tags would say the same a second time. `--map`
wins.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from omptool.analytics.binding import Binding, Bound, Tag, bind
from omptool.analytics.recipe import Recipe
from omptool.analytics.requested import Request
from omptool.errors import NotFound, UsageError
from omptool.sql.engine import Engine

ROLE = "alarm"
_SOURCES = """
SELECT DISTINCT server, node_id, site, area, line, machine, source_name FROM events WHERE active IS NOT NULL
ORDER BY server, node_id, site, area, line, machine, source_name"""
_LISTENED = "SELECT DISTINCT server FROM journal WHERE kind = 'conditions_refreshed' AND server IS NOT NULL"

_CAME = {"1", "true", "t", "yes", "y", "on", "active", "act", "alm", "alarm", "alarmed", "in", "came", "set", "raised"}
_WENT = {"0", "false", "f", "no", "not", "n", "off", "inactive", "rtn", "return", "returned", "norm", "normal", "ok",
         "out", "went", "gone", "clear", "cleared", "reset", "ended"}  # fmt: skip
"""Words of journals; UNACK_ALM is an alarm, ACK_RTN none, and what has neither (ACK) changes nothing."""

_SHOWN = 6
_SOON = "till <= (SELECT max(time) FROM input) + INTERVAL 366 DAY"
"""Ends in a far year mean that the alarm stands: no window lasts until then."""


def bind_alarms(
    engine: Engine, recipe: Recipe, tags: Sequence[Tag], maps: Mapping[str, str], plant: Mapping[str, Sequence[str]]
) -> Binding:
    """The alarms of every machine: nodes of the role `event` are sources of events, of `alarm` tags.

    A machine of a server with events of alarms is there even when it raised none: role `machine`.

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
    places = {(tag.server, tag[2:6]): tag for tag in reversed(tags) if tag.server in by_event}
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
    by_row = "till" in columns and "active" not in request.maps
    if not by_row and "active" not in columns:
        raise UsageError(
            f"no column of {table} says whether an alarm came or went; {recipe.name} needs it",
            "a row for either: --map active=COLUMN\na row for both, time and till: --map till=COLUMN",
        )
    came: list[str] = []
    went: list[str] = []
    notes: tuple[str, ...] = ()
    if not by_row:
        select = f"WITH {source} SELECT lower(trim(CAST(active AS VARCHAR))) AS word, count(*) AS n FROM input"
        found = engine.run(f"{select} WHERE active IS NOT NULL GROUP BY word ORDER BY n DESC, word").read_all()
        counts = dict(zip(found["word"].to_pylist(), found["n"].to_pylist(), strict=True))
        came, went = words(counts, given.get("active_is"), given.get("gone_is"))
        if counts and not came:
            raise UsageError(
                f"no {columns['active']} says that an alarm is active: it says {_listed(list(counts))}",
                "name the words, separated by commas: --param active_is=ALM --param gone_is=RTN",
            )
        others = [word for word in counts if word not in {*came, *went}]
        if others:
            rows = sum(counts[word] for word in others)
            notes = (f"{rows} rows say neither that an alarm came nor that it went: {_listed(others)}",)
    values = {"active_words": came, "gone_words": went, "by_row": by_row, "table_name": table}
    last = f"greatest(max(time), max(till) FILTER (WHERE {_SOON}))" if by_row else "max(time)"
    return Rows(_places_of(engine, source, table), values, notes, last)


def words(said: Collection[str], active_is: object, gone_is: object) -> tuple[list[str], list[str]]:
    """Which of the words of a column say that an alarm came, and which that it went.

    Args:
        said: in lower case.
        active_is, gone_is: as somebody lists them, separated by commas; None: the usual ones.
    """
    came, went = (None if text is None else _split(str(text)) for text in (active_is, gone_is))
    if came is None and went is None:
        usual = {word: _usual(word) for word in said}
        return [word for word in said if usual[word]], [word for word in said if usual[word] is False]
    came = {word for word in said if _usual(word) and word not in (went or ())} if came is None else came
    found = [word for word in said if word in came]
    return found, [word for word in said if word not in came and (went is None or word in went)]


def _usual(word: str) -> bool | None:
    try:
        return float(word) != 0
    except ValueError:
        parts = set(re.findall(r"[^\W_]+", word))
    return False if parts & _WENT else True if parts & _CAME else None


def _split(text: str) -> set[str]:
    return {word.strip().casefold() for word in text.split(",")}


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(texts[:_SHOWN]) + (f" and {len(texts) - _SHOWN} more" if len(texts) > _SHOWN else "")


def _places_of(engine: Engine, source: str, table: str) -> tuple[Bound, ...]:
    """The machines of a table, each under the key that its rows have; without a machine the table itself is one."""
    columns = ", ".join(f"CAST({name} AS VARCHAR) AS {name}" for name in ("site", "area", "line", "machine"))
    rows = engine.run(f"WITH {source} SELECT DISTINCT {columns} FROM input ORDER BY ALL").read_all().to_pylist()
    places = [(row["site"], row["area"], row["line"], row["machine"] or table) for row in rows]
    return tuple(Bound("row", "", "\x1f".join(text or "" for text in place), False, place) for place in places)
