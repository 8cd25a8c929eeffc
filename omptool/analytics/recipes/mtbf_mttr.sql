/* omptool
title = "Time between failures and time to restore"
about = "How long machines run between failures, and how long a repair takes."
formula = [
  "a failure is a run of OutOfService (ADET); a planned stop does not end it, and is no part of its time",
  "mttr = mean time of failures whose start and end were seen",
  "a failure behind time that is not planned began there where the machine said something else meanwhile, or before; else its start was not seen",
  "mtbf = (apt + aust) / failures; with failures_plus_one: / (failures + 1), as ISO 22400-2:2014 is said to print it",
  "availability = mtbf / (mtbf + mttr)",
]
source = "ISO 22400-2 (MeanTimeToRestoration, OperatingTimeBetweenFailures); IEC 60050-191"
evidence = "definition + simulator truth"
parts = ["window", "captures", "heard", "picked", "firsts", "timeline", "elements", "stops"]
chart = "availability"

[roles.state]
about = "what the machine does: a word of OPC 40001-1, or a code that [states] of plant.toml explains"
[roles.mode]
about = "MachineryOperationMode of OPC 40001-1; without it, Executing is production"
required = false
[roles.product]
about = "product that is being made, for --by product"
required = false
[parameters.failures_plus_one]
type = "bool"
about = "divide by failures + 1"
default = false
[columns.failures]
about = "that began in the window"
[columns.restored]
about = "of them seen from start to end"
[columns.censored]
about = "cut by the window or a gap; not in mttr"
[columns.operating_s]
unit = "s"
about = "apt + aust"
[columns.repair_s]
unit = "s"
about = "time of the restored ones"
[columns.mtbf_s]
unit = "s"
about = "mean operating time between failures; null without failures"
[columns.mttr_s]
unit = "s"
about = "mean time to restore"
[columns.availability]
unit = "1"
about = "mtbf / (mtbf + mttr)"
[columns.coverage]
unit = "1"
about = "1 - time in gaps or before the first value / window"
[columns.percent_good]
unit = "%"
about = "time in which all values used were Good"
*/
-- telemetry
failures AS (
  SELECT g, p, sum(1 - began_before) AS failures, sum((1 - began_before) * (1 - ends_behind)) AS restored,
         sum(greatest(began_before, ends_behind)) AS censored,
         sum((1 - began_before) * (1 - ends_behind) * ns) AS repair
  FROM stops JOIN places USING (m) WHERE element = 'ADET' GROUP BY g, p
),
elements AS (
  SELECT t.g, t.p, coalesce(f.failures, 0) AS failures, coalesce(f.restored, 0) AS restored,
         coalesce(f.censored, 0) AS censored, t.apt + t.aust AS operating, coalesce(f.repair, 0) AS repair
  FROM times t LEFT JOIN failures f ON f.g = t.g AND f.p = t.p
)
-- result
SELECT *, mtbf_s / (mtbf_s + mttr_s) AS availability FROM (
  SELECT n.site, n.area, n.line, n.machine, n.product, w.start, w."end", CAST(e.failures AS BIGINT) AS failures,
         CAST(e.restored AS BIGINT) AS restored, CAST(e.censored AS BIGINT) AS censored,
         CAST(e.operating AS DOUBLE) / 1000000000 AS operating_s, CAST(e.repair AS DOUBLE) / 1000000000 AS repair_s,
         CAST(e.operating AS DOUBLE) / 1000000000 / nullif(e.failures + CASE WHEN $failures_plus_one THEN 1 ELSE 0 END, 0)
           AS mtbf_s,
         CAST(e.repair AS DOUBLE) / 1000000000 / nullif(e.restored, 0) AS mttr_s, s.coverage, s.percent_good
  FROM elements e JOIN seen s ON s.g = e.g AND s.p = e.p JOIN groups n ON n.g = e.g JOIN periods w ON w.p = e.p
) means
