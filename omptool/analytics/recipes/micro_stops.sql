/* omptool
title = "Short stops against long ones"
about = "How much time goes in stops that nobody writes down."
formula = [
  "a stop is a run of OutOfService or NotExecuting; shorter than threshold: micro; planned stops within are no part of it",
  "a stop that the window or a gap cuts is long when what was seen of it is, else censored",
  "micro_share = micro_s / pbt",
]
source = "definition; 300 s is a common cut, plantservices.com puts breakdowns at 10 minutes or more"
evidence = "definition + simulator truth"
parts = ["window", "captures", "heard", "picked", "firsts", "timeline", "elements", "stops"]
chart = "micro_share"

[roles.state]
about = "what the machine does: a word of OPC 40001-1, or a code that [states] of plant.toml explains"
[roles.mode]
about = "MachineryOperationMode of OPC 40001-1; without it, Executing is production"
required = false
[roles.product]
about = "product that is being made, for --by product"
required = false
[parameters.threshold]
type = "float"
about = "length from which a stop is long, s"
least = 0
default = 300.0
[columns.micro_stops]
about = "shorter than the threshold"
[columns.micro_s]
unit = "s"
about = "their time"
[columns.micro_share]
unit = "1"
about = "of the planned busy time"
[columns.long_stops]
about = "the others"
[columns.long_s]
unit = "s"
about = "their time"
[columns.mean_micro_s]
unit = "s"
about = "mean of the short ones"
[columns.censored]
about = "of unknown length"
[columns.coverage]
unit = "1"
about = "1 - time in gaps or before the first value / window"
[columns.percent_good]
unit = "%"
about = "time in which all values used were Good"
*/
-- telemetry
-- a stop that changes from NotExecuting to OutOfService is one stop
whole AS (
  SELECT w, m, nanos, p, ns, began_before, ends_behind,
         CASE WHEN lag(run) OVER s = run - 1 THEN 0 ELSE 1 END AS fresh
  FROM stops WINDOW s AS (PARTITION BY w ORDER BY nanos)
),
counted AS (
  SELECT *, sum(fresh) OVER (PARTITION BY w ORDER BY nanos ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS stop
  FROM whole
),
joined AS (
  SELECT min(m) AS m, min(p) AS p, sum(ns) AS ns, greatest(max(began_before), max(ends_behind)) AS cut
  FROM counted GROUP BY w, stop
),
kinds AS (
  SELECT m, p, ns, CASE WHEN ns >= $threshold * 1000000000 THEN 'long' WHEN cut = 1 THEN 'cut' ELSE 'micro' END AS kind
  FROM joined
),
summed AS (
  SELECT g, p, sum(CASE WHEN kind = 'micro' THEN 1 ELSE 0 END) AS micro,
         sum(CASE WHEN kind = 'micro' THEN ns ELSE 0 END) AS micro_ns, sum(CASE WHEN kind = 'long' THEN 1 ELSE 0 END) AS long,
         sum(CASE WHEN kind = 'long' THEN ns ELSE 0 END) AS long_ns, sum(CASE WHEN kind = 'cut' THEN 1 ELSE 0 END) AS cut
  FROM kinds JOIN places USING (m) GROUP BY g, p
),
elements AS (
  SELECT t.g, t.p, t.apt + t.aust + t.adet + t.adot AS pbt, coalesce(s.micro, 0) AS micro, coalesce(s.long, 0) AS long,
         coalesce(s.micro_ns, 0) AS micro_ns, coalesce(s.long_ns, 0) AS long_ns, coalesce(s.cut, 0) AS cut
  FROM times t LEFT JOIN summed s ON s.g = t.g AND s.p = t.p
)
-- result
SELECT n.site, n.area, n.line, n.machine, n.product, w.start, w."end", CAST(e.micro AS BIGINT) AS micro_stops, CAST(e.micro_ns AS DOUBLE) / 1000000000 AS micro_s,
       CAST(e.micro_ns AS DOUBLE) / nullif(e.pbt, 0) AS micro_share, CAST(e.long AS BIGINT) AS long_stops,
       CAST(e.long_ns AS DOUBLE) / 1000000000 AS long_s, CAST(e.micro_ns AS DOUBLE) / 1000000000 / nullif(e.micro, 0) AS mean_micro_s,
       CAST(e.cut AS BIGINT) AS censored, s.coverage, s.percent_good
FROM elements e JOIN seen s ON s.g = e.g AND s.p = e.p JOIN groups n ON n.g = e.g JOIN periods w ON w.p = e.p
