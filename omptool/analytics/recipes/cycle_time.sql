/* omptool
title = "Cycle times of parts"
about = "How long a part takes, stops included, from one rise of a counter to the next."
formula = [
  "cycle = time since the rise before / parts of this rise; one observation per rise, counters that rise together are one",
  "a rise across a gap, or over a Bad value of a counter, is no observation",
  "by product no cycle reaches over a change: the first rise behind one is no observation, with a product per part there is none",
  "percentiles interpolate between observations; mad = median distance from the median",
  "slow_share = cycles longer than slow * ideal cycle time of the part",
]
source = "definition; ActualCycleTime of the DTC manufacturing ontologies"
evidence = "definition + simulator truth"
parts = ["window", "captures", "heard", "picked", "firsts", "timeline", "elements", "counters", "parts"]
finish = "cycle_time"
order = ["g", "p", "m", "nanos"]

[roles.state]
about = "what the machine does: a word of OPC 40001-1, or a code that [states] of plant.toml explains"
[roles.mode]
about = "MachineryOperationMode of OPC 40001-1; without it, Executing is production"
required = false
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
[roles.product]
about = "product that is being made, for [ideal_cycle] of plant.toml and for --by product"
required = false
[parameters.slow]
type = "float"
about = "a cycle is slow from this multiple of the ideal cycle time on"
above = 0
default = 1.5
[columns.cycles]
about = "observations"
[columns.p5_s]
unit = "s"
about = "5th percentile"
[columns.p50_s]
unit = "s"
about = "median"
[columns.p95_s]
unit = "s"
about = "95th percentile"
[columns.mean_s]
unit = "s"
about = "mean"
[columns.mad_s]
unit = "s"
about = "median absolute deviation"
[columns.fastest_s]
unit = "s"
about = "shortest cycle"
[columns.ideal_s]
unit = "s"
about = "mean ideal cycle time of these parts; null without one"
[columns.slow_share]
unit = "1"
about = "of the cycles, null without an ideal cycle time"
[columns.coverage]
unit = "1"
about = "1 - time in gaps or before the first value / window"
[columns.percent_good]
unit = "%"
about = "time in which all values used were Good"
*/
-- telemetry
-- counters that rise at one moment made these parts together; `before` is when the first of them had its last value
rises AS (
  SELECT c.m, c.nanos, min(c.pri) AS pri, min(c.before) AS before,
         CAST(sum(CAST(round(c.parts * 1000000) AS DECIMAL(38, 0))) AS DOUBLE) / 1000000 AS parts
  FROM made c JOIN makers k ON k.node = c.node WHERE k.fresh GROUP BY c.m, c.nanos
),
-- when nobody saw the counters: until `till`
unseen AS (
  SELECT m, since, till FROM lost
  UNION ALL SELECT m, nanos, nanos FROM picked WHERE kind = 1 AND grade = 2
),
cycles AS (
  SELECT m, nanos, pri, parts, before, kind, nanos - lag(nanos) OVER (PARTITION BY m, kind ORDER BY nanos) AS ns,
         max(till) OVER (PARTITION BY w ORDER BY nanos, kind ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS unseen
  FROM (
    SELECT m, m % $machine_count AS w, nanos, pri, parts, before, 0 AS kind, CAST(NULL AS BIGINT) AS till FROM rises
    UNION ALL SELECT m, m, since, NULL, NULL, NULL, 1, till FROM unseen
  ) moments
),
placed AS (
  SELECT g.g, w.p, c.m, c.nanos, c.ns / c.parts AS cycle_ns, c.pri
  FROM cycles c JOIN places g ON g.m = c.m JOIN periods w ON c.nanos >= w.since AND c.nanos < w.till
  WHERE c.kind = 0 AND c.ns > 0 AND (c.unseen IS NULL OR c.unseen <= least(c.nanos - c.ns, c.before))
),
elements AS (
  SELECT s.g, s.p, c.m, c.nanos, c.cycle_ns / 1000000000 AS cycle_s, c.pri, s.coverage, s.percent_good
  FROM seen s LEFT JOIN placed c ON c.g = s.g AND c.p = s.p
)
-- result
SELECT * FROM elements
