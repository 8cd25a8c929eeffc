/* omptool
title = "Key performance indicators of ISO 22400"
about = "One row per indicator that states and counters give."
formula = [
  "A: Availability = APT / PBT",
  "E: Effectiveness = PRI * PQ / APT",
  "Q: Quality ratio = GQ / PQ",
  "OEE: OEE index = A * E * Q",
  "NEE: NEE index = AUPT / PBT * E * Q",
  "SeR: Setup rate = AUST / AUPT",
  "TE: Technical efficiency = APT / (APT + ADET)",
  "UE: Utilization efficiency = APT / AUBT",
  "AE: Allocation efficiency = AUBT / PBT",
  "AR: Allocation ratio = AUBT / AOET",
  "PR: Production process ratio = APT / AOET",
  "TR: Throughput rate, per s = PQ / AOET",
  "SR: Scrap ratio = SQ / PQ",
  "RR: Rework ratio = RQ / PQ",
  "AUPT = APT + AUST; AUBT = AUPT + ADET; PBT = AOET = AUBT + ADOT",
]
source = "ISO 22400-2; time elements as OPC 40501-1 C.2.3 maps them to OPC 40001-1"
evidence = "published formula"
parts = ["window", "captures", "heard", "picked", "firsts", "timeline", "elements", "counters", "parts"]
labels = ["kpi"]
order = ["place"]

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
parameter = "ideal_cycle"
[roles.product]
about = "product that is being made, for [ideal_cycle] of plant.toml and for --by product"
required = false
[parameters.ideal_cycle]
type = "float"
about = "ideal cycle time in seconds, instead of the role ideal"
above = 0
[columns.kpi]
about = "short name"
[columns.name]
about = "of ISO 22400-2"
[columns.value]
unit = "1"
about = "the indicator; not cut at 1; OEE and NEE are 0 when nothing was produced in planned time"
[columns.formula]
about = "from time elements and quantities"
[columns.coverage]
unit = "1"
about = "1 - time in gaps or before the first value / window"
[columns.percent_good]
unit = "%"
about = "time in which all values used were Good"
*/
-- telemetry
elements AS (
  SELECT site, area, line, machine, product, start, "end", ideal_s, pq, gq, sq, rq, coverage, percent_good,
         CAST(apt AS DOUBLE) AS apt, CAST(aust AS DOUBLE) AS aust, CAST(adet AS DOUBLE) AS adet,
         CAST(adot AS DOUBLE) AS adot, CAST(pbt AS DOUBLE) AS pbt
  FROM (
  SELECT n.site, n.area, n.line, n.machine, n.product, w.start, w."end", t.apt, t.aust, t.adet, t.adot, t.apt + t.aust + t.adet + t.adot AS pbt,
         s.ns AS calendar, t.unexplained, s.coverage, s.percent_good,
         CASE WHEN coalesce(p.unpriced, 0) = 0 AND u.role IS NULL THEN CAST(coalesce(p.ideal_us, 0) AS DOUBLE) / 1000000 END AS ideal_s,
         CASE WHEN u.role IS NULL THEN CAST(coalesce(p.pq, 0) AS DOUBLE) / 1000000 END AS pq,
         CASE WHEN u.role IS NULL THEN CAST(coalesce(p.gq, 0) AS DOUBLE) / 1000000 END AS gq,
         CAST(coalesce(p.sq, 0) AS DOUBLE) / 1000000 AS sq, CAST(coalesce(p.rq, 0) AS DOUBLE) / 1000000 AS rq
  FROM times t JOIN seen s ON s.g = t.g AND s.p = t.p JOIN groups n ON n.g = t.g JOIN periods w ON w.p = t.p
  LEFT JOIN parts p ON p.g = t.g AND p.p = t.p LEFT JOIN unread u ON u.g = t.g // $product_count
  ) whole
)
-- result
SELECT site, area, line, machine, product, start, "end", 1 AS place, 'A' AS kpi, 'Availability' AS name, 'APT / PBT' AS formula,
       apt / nullif(pbt, 0) AS value, coverage, percent_good FROM elements
UNION ALL
SELECT site, area, line, machine, product, start, "end", 2 AS place, 'E' AS kpi, 'Effectiveness' AS name, 'PRI * PQ / APT' AS formula,
       ideal_s * 1000000000 / nullif(apt, 0) AS value, coverage, percent_good FROM elements
UNION ALL
SELECT site, area, line, machine, product, start, "end", 3 AS place, 'Q' AS kpi, 'Quality ratio' AS name, 'GQ / PQ' AS formula,
       gq / nullif(pq, 0) AS value, coverage, percent_good FROM elements
UNION ALL
SELECT site, area, line, machine, product, start, "end", 4 AS place, 'OEE' AS kpi, 'OEE index' AS name, 'A * E * Q' AS formula,
       CASE WHEN pq = 0 AND pbt > 0 AND coverage > 0 THEN 0.0 ELSE ideal_s * 1000000000 / nullif(pbt, 0) * (gq / nullif(pq, 0)) END AS value, coverage, percent_good FROM elements
UNION ALL
SELECT site, area, line, machine, product, start, "end", 5 AS place, 'NEE' AS kpi, 'NEE index' AS name, 'AUPT / PBT * E * Q' AS formula,
       CASE WHEN pq = 0 AND pbt > 0 AND coverage > 0 THEN 0.0 ELSE (apt + aust) / nullif(pbt, 0) * (ideal_s * 1000000000 / nullif(apt, 0)) * (gq / nullif(pq, 0)) END AS value, coverage, percent_good FROM elements
UNION ALL
SELECT site, area, line, machine, product, start, "end", 6 AS place, 'SeR' AS kpi, 'Setup rate' AS name, 'AUST / AUPT' AS formula,
       aust / nullif(apt + aust, 0) AS value, coverage, percent_good FROM elements
UNION ALL
SELECT site, area, line, machine, product, start, "end", 7 AS place, 'TE' AS kpi, 'Technical efficiency' AS name, 'APT / (APT + ADET)' AS formula,
       apt / nullif(apt + adet, 0) AS value, coverage, percent_good FROM elements
UNION ALL
SELECT site, area, line, machine, product, start, "end", 8 AS place, 'UE' AS kpi, 'Utilization efficiency' AS name, 'APT / AUBT' AS formula,
       apt / nullif(apt + aust + adet, 0) AS value, coverage, percent_good FROM elements
UNION ALL
SELECT site, area, line, machine, product, start, "end", 9 AS place, 'AE' AS kpi, 'Allocation efficiency' AS name, 'AUBT / PBT' AS formula,
       (apt + aust + adet) / nullif(pbt, 0) AS value, coverage, percent_good FROM elements
UNION ALL
SELECT site, area, line, machine, product, start, "end", 10 AS place, 'AR' AS kpi, 'Allocation ratio' AS name, 'AUBT / AOET' AS formula,
       (apt + aust + adet) / nullif(apt + aust + adet + adot, 0) AS value, coverage, percent_good FROM elements
UNION ALL
SELECT site, area, line, machine, product, start, "end", 11 AS place, 'PR' AS kpi, 'Production process ratio' AS name, 'APT / AOET' AS formula,
       apt / nullif(apt + aust + adet + adot, 0) AS value, coverage, percent_good FROM elements
UNION ALL
SELECT site, area, line, machine, product, start, "end", 12 AS place, 'TR' AS kpi, 'Throughput rate, per s' AS name, 'PQ / AOET' AS formula,
       pq * 1000000000 / nullif(apt + aust + adet + adot, 0) AS value, coverage, percent_good FROM elements
UNION ALL
SELECT site, area, line, machine, product, start, "end", 13 AS place, 'SR' AS kpi, 'Scrap ratio' AS name, 'SQ / PQ' AS formula,
       sq / nullif(pq, 0) AS value, coverage, percent_good FROM elements
UNION ALL
SELECT site, area, line, machine, product, start, "end", 14 AS place, 'RR' AS kpi, 'Rework ratio' AS name, 'RQ / PQ' AS formula,
       rq / nullif(pq, 0) AS value, coverage, percent_good FROM elements
