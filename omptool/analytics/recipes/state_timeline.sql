/* omptool
title = "States in their order"
about = "What each machine did, one state after another, from when to when."
formula = [
  "a run lasts as long as state and time element stay the same, over the ends of periods too; it belongs to the period in which it begins",
  "slots > 0: runs shorter than the window / slots that begin in one slot become one, with the state that took most of their time; merged says how many",
]
source = "OPC 10000-13 5.4.3 DurationInState; time elements as OPC 40501-1 C.2.3 maps them to OPC 40001-1"
evidence = "definition + simulator truth"
parts = ["window", "captures", "heard", "picked", "firsts", "timeline", "elements"]
picture = "timeline"
single = true
labels = ["since"]
order = ["nanos", "state", "element", "seconds"]

[roles.state]
about = "what the machine does: a word of OPC 40001-1, or a code that [states] of plant.toml explains"
[roles.mode]
about = "MachineryOperationMode of OPC 40001-1; without it, Executing is production"
required = false
[roles.product]
about = "product that is being made, for --by product"
required = false
[parameters.slots]
type = "int"
about = "pieces per window that a picture has room for; 0: every run"
least = 0
default = 0
[columns.since]
about = "begin of the run, not before the window"
[columns.till]
about = "its end"
[columns.state]
about = "the value as the server names it; UNASSIGNED where it is not known"
[columns.element]
about = "short name of ISO 22400, or NOT_PLANNED, or UNASSIGNED"
[columns.seconds]
unit = "s"
about = "from since to till"
[columns.merged]
about = "runs that this row stands for; 1 without slots"
[columns.coverage]
unit = "1"
about = "1 - time in gaps or before the first value / window"
[columns.percent_good]
unit = "%"
about = "time in which all values used were Good"
*/
-- telemetry
told AS (
  SELECT m, p, nanos, ns, element, coalesce(state, 'UNASSIGNED') AS state,
         lag(element) OVER machine AS element_before, lag(coalesce(state, 'UNASSIGNED')) OVER machine AS state_before
  FROM stretches WINDOW machine AS (PARTITION BY m ORDER BY nanos)
),
numbered AS (
  SELECT *, sum(CASE WHEN element = element_before AND state = state_before THEN 0 ELSE 1 END)
    OVER (PARTITION BY m ORDER BY nanos ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run
  FROM told
),
runs AS (
  SELECT m, min(p) AS p, min(nanos) AS nanos, CAST(sum(ns) AS BIGINT) AS ns, min(state) AS state, min(element) AS element
  FROM numbered GROUP BY m, run
),
slot AS (
  SELECT min(since) AS since, CASE WHEN $slots > 0 THEN (max(till) - min(since)) // $slots ELSE 0 END AS ns FROM periods
),
placed AS (
  SELECT r.*, CASE WHEN r.ns < s.ns THEN (r.nanos - s.since) // s.ns ELSE -1 END AS slot
  FROM runs r CROSS JOIN slot s
),
alike AS (
  SELECT m, slot, state, element, sum(ns) AS ns, min(nanos) AS since FROM placed WHERE slot >= 0 GROUP BY m, slot, state, element
),
longest AS (
  SELECT m, slot, state, element,
         row_number() OVER (PARTITION BY m, slot ORDER BY ns DESC, since, state, element) AS place
  FROM alike
),
pooled AS (
  SELECT m, slot, min(p) AS p, min(nanos) AS nanos, CAST(sum(ns) AS BIGINT) AS ns, count(*) AS merged FROM placed WHERE slot >= 0 GROUP BY m, slot
),
elements AS (
  SELECT m, p, nanos, ns, state, element, CAST(1 AS BIGINT) AS merged FROM placed WHERE slot < 0
  UNION ALL
  SELECT q.m, q.p, q.nanos, q.ns, l.state, l.element, q.merged
  FROM pooled q JOIN longest l ON l.m = q.m AND l.slot = q.slot AND l.place = 1
)
-- result
SELECT n.site, n.area, n.line, n.machine, n.product, w.start, w."end",
       CAST('1970-01-01T00:00:00Z' AS TIMESTAMPTZ) + to_microseconds(e.nanos // 1000) AS since,
       CAST('1970-01-01T00:00:00Z' AS TIMESTAMPTZ) + to_microseconds((e.nanos + e.ns) // 1000) AS till,
       e.state, e.element, CAST(e.ns AS DOUBLE) / 1000000000 AS seconds, CAST(e.merged AS BIGINT) AS merged,
       s.coverage, s.percent_good, e.nanos
FROM elements e JOIN places g ON g.m = e.m JOIN seen s ON s.g = g.g AND s.p = e.p
JOIN groups n ON n.g = g.g JOIN periods w ON w.p = e.p
