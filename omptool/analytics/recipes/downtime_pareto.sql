/* omptool
title = "Stops by reason"
about = "What costs the most time: stops by reason, the longest sum first."
formula = [
  "a stop is a run of OutOfService or NotExecuting with one reason; without a reason it has the name of its state; a planned stop does not end it",
  "share = seconds / all stops; cumulative = sum of the shares so far",
]
source = "definition; Pareto order by time, ties by name"
evidence = "definition + simulator truth"
parts = ["window", "captures", "heard", "picked", "firsts", "timeline", "elements", "stops"]
chart = "share"
picture = "pareto"
labels = ["reason"]
order = ["seconds DESC", "reason"]

[roles.state]
about = "what the machine does: a word of OPC 40001-1, or a code that [states] of plant.toml explains"
[roles.mode]
about = "MachineryOperationMode of OPC 40001-1; without it, Executing is production"
required = false
[roles.reason]
about = "why the machine stands; without it, its state"
required = false
[roles.product]
about = "product that is being made, for --by product"
required = false
[columns.reason]
about = "as the machine says it"
[columns.stops]
about = "that have time in [start, end); one that lasts over several periods counts in each"
[columns.seconds]
unit = "s"
about = "their time in [start, end)"
[columns.share]
unit = "1"
about = "of the time of all stops"
[columns.cumulative]
unit = "1"
about = "of this reason and those above"
[columns.longest_s]
unit = "s"
about = "longest of them, in all periods"
[columns.censored]
about = "cut by the window or a gap"
[columns.coverage]
unit = "1"
about = "1 - time in gaps or before the first value / window"
[columns.percent_good]
unit = "%"
about = "time in which all values used were Good"
*/
-- telemetry
spent AS (
  SELECT g, p, reason, sum(ns) AS ns FROM numbered JOIN places USING (m)
  WHERE element IN ('ADET', 'ADOT') GROUP BY g, p, reason
),
runs AS (
  SELECT g.g, t.p, s.reason, count(*) AS stops, max(s.ns) AS longest, sum(greatest(s.began_before, s.ends_behind)) AS censored
  FROM (SELECT DISTINCT w, m, run, p FROM numbered WHERE element IN ('ADET', 'ADOT')) t
  JOIN stops s ON s.w = t.w AND s.run = t.run JOIN places g ON g.m = t.m
  GROUP BY g.g, t.p, s.reason
),
elements AS (
  SELECT s.g, s.p, s.reason, s.ns, coalesce(r.stops, 0) AS stops, coalesce(r.longest, 0) AS longest,
         coalesce(r.censored, 0) AS censored, sum(s.ns) OVER (PARTITION BY s.g, s.p) AS everything,
         sum(s.ns) OVER (PARTITION BY s.g, s.p ORDER BY s.ns DESC, s.reason
                         ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS so_far
  FROM spent s LEFT JOIN runs r ON r.g = s.g AND r.p = s.p AND r.reason = s.reason
)
-- result
SELECT n.site, n.area, n.line, n.machine, n.product, w.start, w."end", CASE WHEN e.reason = '' THEN '(none)' ELSE e.reason END AS reason,
       CAST(e.stops AS BIGINT) AS stops, CAST(e.ns AS DOUBLE) / 1000000000 AS seconds,
       CAST(e.ns AS DOUBLE) / e.everything AS share, CAST(e.so_far AS DOUBLE) / e.everything AS cumulative,
       CAST(e.longest AS DOUBLE) / 1000000000 AS longest_s, CAST(e.censored AS BIGINT) AS censored,
       s.coverage, s.percent_good
FROM elements e JOIN seen s ON s.g = e.g AND s.p = e.p JOIN groups n ON n.g = e.g JOIN periods w ON w.p = e.p
