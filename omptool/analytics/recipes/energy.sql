/* omptool
title = "Energy, per part, and while nothing is made"
about = "What the machines took, per good part, and how much of it without production."
formula = [
  "energy_kwh = sum of power * time; a value holds until the next one",
  "idle_kwh = the same while not APT; per_part = energy_kwh / pq",
  "scale = kW per unit of the tag: 0.001 for W",
]
source = "ISO 22400-2 comprehensive energy; OPC 10000-13 5.4.3.9 Total2, stepped"
evidence = "definition + simulator truth"
parts = ["window", "captures", "picked", "timeline", "elements", "counters", "parts"]
chart = "idle_share"
picture = "stack"

[roles.state]
about = "what the machine does: a word of OPC 40001-1, or a code that [states] of plant.toml explains"
[roles.mode]
about = "MachineryOperationMode of OPC 40001-1; without it, Executing is production"
required = false
[roles.power]
about = "active power, kW"
[roles.good]
about = "counter of good parts"
required = false
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
about = "product that is being made, for --by product"
required = false
[parameters.scale]
type = "float"
about = "kW per unit of the tag"
default = 1.0
[columns.energy_kwh]
unit = "kWh"
about = "all of it"
[columns.idle_kwh]
unit = "kWh"
about = "while not producing"
[columns.idle_share]
unit = "1"
about = "of the energy"
[columns.mean_kw]
unit = "kW"
about = "over the time in which power was known"
[columns.pq]
about = "parts made"
[columns.per_part_kwh]
unit = "kWh"
about = "energy_kwh / pq"
[columns.known_s]
unit = "s"
about = "time in which power was known"
[columns.coverage]
unit = "1"
about = "1 - time in gaps or before the first value / window"
[columns.percent_good]
unit = "%"
about = "time in which all values used were Good"
*/
-- telemetry
-- an infinite or missing power is none
powers AS (
  SELECT p.m, p.nanos, p.tie,
         CASE WHEN p.grade < 2 AND abs(p.value) < 1e300 THEN p.value ELSE CAST('NaN' AS DOUBLE) END AS kw
  FROM picked p JOIN bound b ON b.node = p.node WHERE b.role = 'power'
),
places_in_time AS (
  SELECT m, w, nanos, p, element, covered, CAST(row_number() OVER (ORDER BY w, nanos) AS INTEGER) AS stretch FROM stretches
),
merged AS (
  SELECT m, nanos, lead(nanos, 1, CAST($end_nanos AS BIGINT)) OVER (PARTITION BY m ORDER BY nanos, tie) - nanos AS ns,
         last_value(stretch IGNORE NULLS) OVER so_far AS stretch, last_value(kw IGNORE NULLS) OVER so_far AS kw
  FROM (
    SELECT w AS m, nanos, 0 AS tie, stretch, CAST(NULL AS DOUBLE) AS kw FROM places_in_time
    UNION ALL SELECT m, nanos, tie, NULL, kw FROM powers
  ) moments
  WINDOW so_far AS (PARTITION BY m ORDER BY nanos, tie ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
used AS (
  SELECT g, p, sum(joules) AS total, sum(CASE WHEN element <> 'APT' THEN joules ELSE 0 END) AS idle, sum(ns) AS ns
  FROM (
    -- whole microjoules of the tag's unit: in any order to the same last digit
    SELECT w.m, w.p, w.element, e.ns, CAST(round(e.kw * e.ns / 1000) AS DECIMAL(38, 0)) AS joules
    FROM merged e JOIN places_in_time w ON w.stretch = e.stretch WHERE w.covered AND abs(e.kw) < 1e300 AND e.ns > 0
  ) pieces JOIN places USING (m) GROUP BY g, p
),
elements AS (
  SELECT t.g, t.p, CAST(u.total AS DOUBLE) / 1000000 * $scale / 3600 AS energy_kwh,
         CAST(u.idle AS DOUBLE) / 1000000 * $scale / 3600 AS idle_kwh, coalesce(u.ns, 0) AS ns,
         CAST(coalesce(c.pq, 0) AS DOUBLE) / 1000000 AS pq
  FROM times t LEFT JOIN used u ON u.g = t.g AND u.p = t.p LEFT JOIN parts c ON c.g = t.g AND c.p = t.p
)
-- result
SELECT n.site, n.area, n.line, n.machine, n.product, w.start, w."end", e.energy_kwh, e.idle_kwh, e.idle_kwh / nullif(e.energy_kwh, 0) AS idle_share,
       e.energy_kwh * 3600 / nullif(CAST(e.ns AS DOUBLE) / 1000000000, 0) AS mean_kw, e.pq,
       e.energy_kwh / nullif(e.pq, 0) AS per_part_kwh, CAST(e.ns AS DOUBLE) / 1000000000 AS known_s,
       s.coverage, s.percent_good
FROM elements e JOIN seen s ON s.g = e.g AND s.p = e.p JOIN groups n ON n.g = e.g JOIN periods w ON w.p = e.p
