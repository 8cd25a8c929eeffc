/* omptool
title = "Changeovers: last good part of one product to the first of the next"
about = "How long each change of product took, and what the machine did meanwhile."
formula = [
  "from the last good part of the old product to the first good part of the new one (SMED)",
  "a part belongs to the product that is set at its moment",
]
source = "SMED definition of changeover time"
evidence = "definition + simulator truth"
parts = ["window", "captures", "heard", "picked", "firsts", "timeline", "elements", "counters", "parts"]
single = true
labels = ["from_product", "to_product"]
order = ["first_part", "from_product", "to_product", "seconds", "setup_s", "stopped_s"]

[roles.state]
about = "what the machine does: a word of OPC 40001-1, or a code that [states] of plant.toml explains"
[roles.mode]
about = "MachineryOperationMode of OPC 40001-1; without it, Executing is production"
required = false
[roles.product]
about = "product or recipe that is being made"
[roles.good]
about = "counter of good parts"
instead = "produced"
[roles.produced]
about = "counter of all parts, good or not, of machines that do not count the good ones"
required = false
[roles.scrap]
about = "counter of scrapped parts; without it there are none"
required = false
[roles.rework]
about = "counter of parts to be reworked; without it there are none"
required = false
[roles.ideal]
about = "ideal cycle time of a part (PRI), s"
required = false
[columns.from_product]
about = "before"
[columns.to_product]
about = "after"
[columns.last_part]
about = "time of the last good part before"
[columns.first_part]
about = "time of the first good part after"
[columns.seconds]
unit = "s"
about = "between the two, also where the last part was made before the window"
[columns.setup_s]
unit = "s"
about = "of them in setup (AUST), within the window"
[columns.stopped_s]
unit = "s"
about = "of them not producing: OutOfService, NotExecuting, not planned; within the window"
[columns.coverage]
unit = "1"
about = "1 - time in gaps or before the first value / window"
[columns.percent_good]
unit = "%"
about = "time in which all values used were Good"
*/
-- telemetry
products AS (
  SELECT m, value_text AS product, nanos AS since,
         lead(nanos, 1, CAST($end_nanos AS BIGINT)) OVER (PARTITION BY m ORDER BY nanos, tie) AS till
  FROM (SELECT p.m, coalesce(p.value_text, CAST(TRY_CAST(p.value AS BIGINT) AS VARCHAR)) AS value_text, p.nanos, p.tie
        FROM picked p JOIN bound b ON b.node = p.node WHERE b.role = 'product' AND p.grade < 2) told
),
good_parts AS (
  SELECT c.m, c.nanos, r.product FROM made c JOIN makers k ON k.node = c.node
  JOIN products r ON r.m = c.m AND c.nanos >= r.since AND c.nanos < r.till
  WHERE k.role = 'good'
),
changes AS (
  SELECT m, nanos AS till, product AS to_product, lag(product) OVER part AS from_product, lag(nanos) OVER part AS since
  FROM good_parts WINDOW part AS (PARTITION BY m ORDER BY nanos, product)
),
found AS (
  SELECT c.m, w.p, c.from_product, c.to_product, c.since, c.till
  FROM changes c JOIN periods w ON c.till >= w.since AND c.till < w.till WHERE c.from_product <> c.to_product
),
elements AS (
  SELECT f.m, f.p, f.from_product, f.to_product, f.since, f.till,
         sum(CASE WHEN s.element = 'AUST' THEN least(s.nanos + s.ns, f.till) - greatest(s.nanos, f.since) ELSE 0 END) AS setup,
         sum(CASE WHEN s.element IN ('ADET', 'ADOT', 'NOT_PLANNED')
             THEN least(s.nanos + s.ns, f.till) - greatest(s.nanos, f.since) ELSE 0 END) AS stopped
  FROM found f LEFT JOIN stretches s ON s.m = f.m AND s.nanos < f.till AND s.nanos + s.ns > f.since
  GROUP BY f.m, f.p, f.from_product, f.to_product, f.since, f.till
)
-- result
SELECT n.site, n.area, n.line, n.machine, w.start, w."end", e.from_product, e.to_product,
       CAST('1970-01-01T00:00:00Z' AS TIMESTAMPTZ) + to_microseconds(e.since // 1000) AS last_part,
       CAST('1970-01-01T00:00:00Z' AS TIMESTAMPTZ) + to_microseconds(e.till // 1000) AS first_part,
       CAST(e.till - e.since AS DOUBLE) / 1000000000 AS seconds, CAST(e.setup AS DOUBLE) / 1000000000 AS setup_s,
       CAST(e.stopped AS DOUBLE) / 1000000000 AS stopped_s, s.coverage, s.percent_good
FROM elements e JOIN places g ON g.m = e.m JOIN seen s ON s.g = g.g AND s.p = e.p
JOIN groups n ON n.g = g.g JOIN periods w ON w.p = e.p
