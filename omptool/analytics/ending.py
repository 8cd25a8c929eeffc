"""Where a recording ends. What a window holds behind that is not seen: it rests on the last values before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from omptool.model.times import format_time, unix_us
from omptool.sql.engine import Engine

_SERVERS = "SELECT unnest(CAST($servers AS VARCHAR[])) AS server"
_SANE = """time >= CAST('2000-01-01T00:00:00Z' AS TIMESTAMPTZ)
  AND epoch_us(time) // 1000 <= epoch_us(coalesce(receive_time, time)) // 1000 + 3600000"""
_WENT_ON = f"""SELECT DISTINCT t.server FROM telemetry t JOIN ({_SERVERS}) b ON t.server = b.server
WHERE t.time >= $late AND t.time < $later AND {_SANE}"""
_ENDS = """WITH lasts AS (
  SELECT t.server, t.capture, max(greatest(time, coalesce(receive_time, time))) AS last
  FROM telemetry t WHERE {which} GROUP BY t.server, t.capture
),
ends AS (
  SELECT capture, max(last) AS last FROM (
    SELECT capture, last FROM lasts UNION ALL SELECT capture, max(time) FROM journal GROUP BY capture
  ) told GROUP BY capture
)
SELECT epoch_us(min(last)) AS last, count(*) AS found FROM (
  SELECT l.server, max(e.last) AS last FROM lasts l JOIN ({servers}) b ON l.server = b.server
  JOIN ends e ON e.capture = l.capture GROUP BY l.server
) servers"""
"""A server that is silent was still recorded while its capture went on."""

_LOOK = timedelta(days=1)


def behind_the_end(engine: Engine, servers: Iterable[str], start: datetime, end: datetime) -> str:
    """A note where the recording of one of the servers ends before a window does; empty: it does not.

    A hundredth of the window is not worth a note: the last value of a recording rarely comes at its very end.
    """
    names = sorted(set(servers))
    tolerated = (end - start) / 100
    given = {"servers": names, "late": end - tolerated, "later": end + _LOOK}
    if engine.run(_WENT_ON, given).read_all().num_rows == len(names):
        return ""
    last = _last(engine, names, start)
    if last is None:
        return ""
    missing = min(unix_us(end) - last, unix_us(end) - unix_us(start))
    if timedelta(microseconds=missing) <= tolerated:
        return ""
    return (
        f"the recording ends at {format_time(last)}: {_share(missing, unix_us(end) - unix_us(start))} of the window"
        " rests on the last values before"
    )


def _last(engine: Engine, names: Sequence[str], start: datetime) -> int | None:
    """Unix microseconds where the first of the servers was recorded last.

    What lies ahead of the window is only read where a server has no value in it: a lake may hold years.
    """
    inside = _ENDS.format(which=f"{_SANE} AND t.time >= $start", servers=_SERVERS)
    found = engine.run(inside, {"servers": names, "start": start}).read_all()
    if found["found"][0].as_py() < len(names):
        found = engine.run(_ENDS.format(which=_SANE, servers=_SERVERS), {"servers": names}).read_all()
    last: int | None = found["last"][0].as_py()
    return last


def _share(missing: int, whole: int) -> str:
    if missing >= whole:
        return "all"
    return f"the last {timedelta(seconds=missing // 1_000_000)}"
