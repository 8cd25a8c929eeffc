/* omptool
title = "Alarms an operator has to deal with"
about = "How many alarms came, how dense they were, and when they were too many to act on."
formula = [
  "an alarm is a condition that becomes active; what is said again, acknowledged or suppressed is none",
  "a condition of which a server does not speak when it is asked what stands (ConditionRefresh) has gone; it counts as gone from then on",
  "per_10min = alarms of the row / time that was seen of its window / operators, for 10 min",
  "a flood begins with the alarm that is more than flood_above * operators within flood_window, and ends when fewer than flood_below * operators are left in it",
  "stale: stands for longer than stale_h; a gap does not end what stood before it",
]
source = "definition; defaults as a public digest of ANSI/ISA-18.2-2016 gives them (1 and 2 in 10 min, floods above 10 until below 5, 24 h), the standard itself was not read; OPC 10000-9 leaves floods to it and IEC 62682"
evidence = "definition + simulator truth"
share = ["own", "alarms"]
finish = "alarm_rate"
by = "line"
chart = "flood_share"

[parameters.operators]
type = "int"
about = "operator positions that share the alarms of a row"
default = 1
[parameters.acceptable]
type = "float"
about = "alarms in 10 min and operator that are acceptable"
default = 1.0
[parameters.manageable]
type = "float"
about = "the most that is manageable"
default = 2.0
[parameters.flood_above]
type = "int"
about = "more than so many within flood_window: a flood begins"
default = 10
[parameters.flood_below]
type = "int"
about = "fewer than so many within flood_window: it ends"
default = 5
[parameters.flood_window]
type = "float"
about = "length of time that flood_above and flood_below are about, s"
default = 600.0
[parameters.stale_h]
type = "float"
about = "an alarm that stands for longer is stale, h"
default = 24.0
[parameters.top]
type = "int"
about = "how many of the most frequent alarms top_share is about"
default = 10
[columns.alarms]
about = "that came in [start, end)"
[columns.per_10min]
about = "of seen time and operator; null when nothing was seen"
[columns.verdict]
about = "of per_10min: acceptable, manageable, too many"
[columns.peak]
about = "most within any flood_window that ends in [start, end)"
[columns.floods]
about = "that have time in [start, end)"
[columns.flood_s]
unit = "s"
about = "their time in it"
[columns.flood_share]
unit = "1"
about = "of the window"
[columns.flood_alarms]
about = "alarms that came in floods"
[columns.top_share]
unit = "1"
about = "of all alarms, those of the most frequent ones; null without alarms"
[columns.stale]
about = "alarms that stood for longer than stale_h at some time of it"
[columns.standing]
about = "alarms that stand at its end"
*/
-- telemetry and table
elements AS (
  SELECT g.g, CAST(NULL AS INTEGER) AS p, a.m, a.source, a.alarm, a.since, a.till,
         CAST(NULL AS DOUBLE) AS coverage, CAST(NULL AS DOUBLE) AS percent_good
  FROM alarms a JOIN stands g ON g.m = a.m
  UNION ALL
  SELECT g, p, NULL, NULL, NULL, NULL, NULL, coverage, percent_good FROM seen
)
-- result
SELECT * FROM elements
