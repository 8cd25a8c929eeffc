"""Where a recording ends. What a window holds behind that is not seen: it rests on the last values before."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from omptool.model.listing import listed
from omptool.model.times import format_time, unix_us
from omptool.sql.engine import Engine

_SERVERS = "SELECT unnest(CAST($servers AS VARCHAR[])) AS server"
_SANE = """time >= CAST('2000-01-01T00:00:00Z' AS TIMESTAMPTZ)
  AND epoch_us(time) // 1000 <= epoch_us(coalesce(receive_time, time)) // 1000 + 3600000"""
_LATER = f"time >= $late AND time < $later AND {_SANE}"
_WENT_ON = f"SELECT DISTINCT t.server FROM telemetry t JOIN ({_SERVERS}) b ON t.server = b.server WHERE {_LATER}"
_ONE_WENT_ON = f"SELECT server FROM telemetry WHERE server = $servers[1] AND {_LATER} LIMIT 1"
"""The first value says it: the others need not be read."""
_LASTS = """SELECT t.server, t.capture, max(greatest(t.time, coalesce(t.receive_time, t.time))) AS last
  FROM {view} t WHERE {which} GROUP BY t.server, t.capture"""
_ENDS = """WITH lasts AS (
  {telemetry}
  UNION ALL
  {events}
),
ends AS (
  SELECT capture, max(last) AS last FROM (
    SELECT capture, last FROM lasts UNION ALL SELECT capture, max(time) FROM journal GROUP BY capture
  ) told GROUP BY capture
)
SELECT l.server, epoch_us(max(e.last)) AS last FROM lasts l JOIN ({servers}) b ON l.server = b.server
JOIN ends e ON e.capture = l.capture GROUP BY l.server ORDER BY l.server"""
"""A server that is silent was still recorded while its capture went on."""

_LOOK = timedelta(days=1)
_SHOWN = 3


def behind_the_end(
    engine: Engine, servers: Iterable[str], start: datetime, end: datetime, *, carried: bool = True
) -> str:
    """A note where the recording of one of the servers ends before a window does; empty: it does not.

    A hundredth of the window is not worth a note: the last value of a recording rarely comes at its very end.

    Args:
        carried: whether a value holds until the next one.
    """
    names = sorted(set(servers))
    tolerated = (end - start) / 100
    given = {"servers": names, "late": end - tolerated, "later": end + _LOOK}
    if engine.run(_ONE_WENT_ON if len(names) == 1 else _WENT_ON, given).read_all().num_rows == len(names):
        return ""
    whole = unix_us(end) - unix_us(start)
    lasts = _last(engine, names, start)
    behind = [name for name, last in lasts.items() if min(unix_us(end) - last, whole) > whole / 100]
    if not behind:
        return ""
    last = min(lasts[name] for name in behind)
    of = "" if len(behind) == len(names) else f" of {listed(behind, _SHOWN)}"
    rests = "rests on the last values before" if carried else "holds no values"
    share = _share(min(unix_us(end) - last, whole), whole)
    return f"the recording{of} ends at {format_time(last)}: {share} of the window {rests}"


def _last(engine: Engine, names: Sequence[str], start: datetime) -> dict[str, int]:
    """Server → Unix microseconds where it was recorded last.

    What lies ahead of the window is only read where a server has no value in it: a lake may hold years.
    """
    found = engine.run(_ends(f"{_SANE} AND t.time >= $start"), {"servers": names, "start": start}).read_all()
    if found.num_rows < len(names):
        found = engine.run(_ends(_SANE), {"servers": names}).read_all()
    return dict(zip(found["server"].to_pylist(), found["last"].to_pylist(), strict=True))


def _ends(which: str) -> str:
    seen = {view: _LASTS.format(view=view, which=which) for view in ("telemetry", "events")}
    return _ENDS.format(servers=_SERVERS, **seen)


def _share(missing: int, whole: int) -> str:
    if missing >= whole:
        return "all"
    return f"the last {timedelta(seconds=missing // 1_000_000)}"
