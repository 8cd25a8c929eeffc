/* omptool
title = "Bottleneck by active periods"
about = "Which station of a line held up the others, and for how long."
formula = [
  "a station is active in APT, AUST and ADET: it works, is set up or repaired, but does not wait",
  "at each moment the station with the longest uninterrupted active period is the bottleneck",
  "shifting: the bottleneck's period overlaps that of the one before or after; sole: the rest",
]
source = "active period method (Roser, Nakano, Tanaka)"
evidence = "definition + simulator truth"
parts = ["window", "captures", "heard", "picked", "firsts", "timeline", "elements"]
finish = "bottleneck"
by = "line"
labels = ["station"]
order = ["g", "p", "m", "since"]
chart = "share"

[roles.state]
about = "what the machine does: a word of OPC 40001-1, or a code that [states] of plant.toml explains"
[roles.mode]
about = "MachineryOperationMode of OPC 40001-1; without it, Executing is production"
required = false
[columns.station]
about = "machine"
[columns.sole_s]
unit = "s"
about = "time as the only bottleneck"
[columns.shifting_s]
unit = "s"
about = "time as one of two"
[columns.share]
unit = "1"
about = "sole and shifting, of the window"
[columns.active_share]
unit = "1"
about = "time active, of the window"
[columns.coverage]
unit = "1"
about = "1 - time in gaps or before the first value / window"
[columns.percent_good]
unit = "%"
about = "time in which all values used were Good"
*/
-- telemetry
active AS (
  SELECT m, p, nanos, ns, element, CASE WHEN element IN ('APT', 'AUST', 'ADET') THEN 1 ELSE 0 END AS works
  FROM stretches
),
turns AS (
  SELECT *, CASE WHEN works = lag(works) OVER (PARTITION BY m ORDER BY nanos) THEN 0 ELSE 1 END AS turn FROM active
),
numbered AS (
  SELECT *, sum(turn) OVER (PARTITION BY m ORDER BY nanos ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run
  FROM turns
),
runs AS (
  SELECT m, run, min(nanos) AS since, max(nanos + ns) AS till FROM numbered WHERE works = 1 GROUP BY m, run
),
stations AS (SELECT DISTINCT b.m, b.machine AS station FROM bound b JOIN stretches s ON s.m = b.m),
elements AS (
  SELECT g.g, s.m, s.station, r.since, r.till
  FROM stations s JOIN places g ON g.m = s.m LEFT JOIN runs r ON r.m = s.m
)
-- result
SELECT e.g, q.p, e.m, e.station, e.since, e.till, q.ns AS window_ns, q.coverage, q.percent_good
FROM elements e JOIN seen q ON q.g = e.g
