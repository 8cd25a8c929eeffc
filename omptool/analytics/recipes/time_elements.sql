/* omptool
title = "Time elements of ISO 22400"
about = "Where the time of a window went: production, setup, delay, down time, not planned, unknown."
formula = [
  "APT: Executing in Processing; AUST: Setup, or Executing in Setup; ADET: OutOfService; ADOT: NotExecuting; NOT_PLANNED: NotAvailable",
  "UNASSIGNED: in a gap, before the first value, Bad, or a state that nobody explained; all of them add up to the window, exactly",
  "share = seconds / window",
]
source = "ISO 22400-2; time elements as OPC 40501-1 C.2.3 maps them to OPC 40001-1"
evidence = "published formula"
parts = ["window", "captures", "heard", "picked", "firsts", "timeline", "elements"]
chart = "share"
labels = ["element"]
order = ["seconds DESC", "element"]

[roles.state]
about = "what the machine does: a word of OPC 40001-1, or a code that [states] of plant.toml explains"
[roles.mode]
about = "MachineryOperationMode of OPC 40001-1; without it, Executing is production"
required = false
[roles.product]
about = "product that is being made, for --by product"
required = false
[columns.element]
about = "short name of ISO 22400, or NOT_PLANNED, or UNASSIGNED"
[columns.seconds]
unit = "s"
about = "time in it"
[columns.share]
unit = "1"
about = "of the window"
[columns.visits]
about = "stretches of it, cut at the window"
[columns.coverage]
unit = "1"
about = "1 - time in gaps or before the first value / window"
[columns.percent_good]
unit = "%"
about = "time in which all values used were Good"
*/
-- telemetry
turns AS (
  SELECT m, p, nanos, ns, element,
         CASE WHEN element = lag(element, 1, '') OVER (PARTITION BY m, p ORDER BY nanos) THEN 0 ELSE 1 END AS turn
  FROM stretches
),
elements AS (
  SELECT g, p, element, sum(ns) AS ns, sum(turn) AS visits FROM turns JOIN places USING (m) GROUP BY g, p, element
)
-- result
SELECT n.site, n.area, n.line, n.machine, n.product, w.start, w."end", e.element, CAST(e.ns AS DOUBLE) / 1000000000 AS seconds,
       CAST(e.ns AS DOUBLE) / s.ns AS share, CAST(e.visits AS BIGINT) AS visits, s.coverage, s.percent_good
FROM elements e JOIN seen s ON s.g = e.g AND s.p = e.p JOIN groups n ON n.g = e.g JOIN periods w ON w.p = e.p
