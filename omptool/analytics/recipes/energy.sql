/* omptool
title = "Energy, per part, and while nothing is made"
about = "What the machines took, per good part, and how much of it without production."
formula = [
  "energy_kwh = sum of power * time; a value holds until the next one",
  "of a meter: its rise from one reading to the next, spread evenly over the time between; one that falls has started again at 0; the time behind its last reading is not known",
  "idle_kwh = the same while not APT; per_part = energy_kwh / pq",
  "units W, kW, MW, Wh, kWh, MWh, J, kJ, MJ and GJ of the node count as such, and the one before the end of the window for all of it; scale = kW, or kWh, per unit of the tag wins",
]
source = "ISO 22400-2 comprehensive energy; OPC 10000-13 5.4.3.9 Total2, stepped"
evidence = "definition + simulator truth"
parts = ["window", "captures", "heard", "picked", "firsts", "timeline", "elements", "counters", "parts"]
chart = "idle_share"
picture = "stack"

[roles.state]
about = "what the machine does: a word of OPC 40001-1, or a code that [states] of plant.toml explains"
[roles.mode]
about = "MachineryOperationMode of OPC 40001-1; without it, Executing is production"
required = false
[roles.power]
about = "active power, kW"
instead = "meter"
[roles.meter]
about = "counter of energy, kWh, of machines that do not say their power"
required = false
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
about = "kW per unit of power, kWh per unit of the meter; default: by the unit of the node, else 1"
[columns.energy_kwh]
unit = "kWh"
about = "all of it; of a meter, in gaps too"
[columns.idle_kwh]
unit = "kWh"
about = "while not producing; nothing of it in gaps"
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
scales AS (
  SELECT node, coalesce(factor, 1e0) AS factor, CASE WHEN factor IS NULL THEN unit END AS strange
  FROM (
    SELECT b.node, n.unit, coalesce(CAST($scale AS DOUBLE), CASE n.unit
             WHEN 'W' THEN 0.001e0 WHEN 'kW' THEN 1e0 WHEN 'MW' THEN 1000e0 WHEN 'Wh' THEN 0.001e0 WHEN 'W·h' THEN 0.001e0
             WHEN 'kWh' THEN 1e0 WHEN 'kW·h' THEN 1e0 WHEN 'MWh' THEN 1000e0 WHEN 'MW·h' THEN 1000e0
             WHEN 'J' THEN 1 / 3600000e0 WHEN 'kJ' THEN 1 / 3600e0 WHEN 'MJ' THEN 1 / 3.6e0 WHEN 'GJ' THEN 1000 / 3.6e0 END) AS factor,
           row_number() OVER (
             PARTITION BY b.node ORDER BY CASE WHEN n.unit IS NULL THEN 1 ELSE 0 END,
             CASE WHEN n.valid_from < $end THEN 0 ELSE 1 END, n.valid_from DESC, n.unit) AS place
    FROM bound b LEFT JOIN nodes n ON n.server = b.server AND n.node_id = b.node_id
    WHERE b.role IN ('power', 'meter')
  ) told WHERE place = 1
),
-- of one moment the last reading counts
last_readings AS (
  SELECT node, m, nanos, value FROM (
    SELECT node, m, nanos, value, row_number() OVER (PARTITION BY node, nanos ORDER BY tie DESC) AS place
    FROM counters WHERE kind = 4
  ) told WHERE place = 1
),
rises AS (
  SELECT node, m, nanos, value, lead(value) OVER meter AS later, lead(nanos) OVER meter - nanos AS ns
  FROM last_readings WINDOW meter AS (PARTITION BY node ORDER BY nanos)
),
-- an infinite or missing power is none
powers AS (
  SELECT p.m, p.nanos, p.tie,
         CASE WHEN p.grade < 2 AND abs(p.value) < 1e300 THEN p.value * u.factor ELSE CAST('NaN' AS DOUBLE) END AS kw
  FROM picked p JOIN bound b ON b.node = p.node JOIN scales u ON u.node = p.node WHERE b.role = 'power'
  UNION ALL
  SELECT r.m, r.nanos, 1,
         CASE WHEN r.ns > 0 THEN CASE WHEN r.later >= r.value THEN r.later - r.value ELSE r.later END * u.factor * 3600e9 / r.ns
              ELSE CAST('NaN' AS DOUBLE) END
  FROM rises r JOIN scales u ON u.node = r.node WHERE r.nanos < $end_nanos
),
meters AS (SELECT DISTINCT m FROM bound WHERE role = 'meter'),
places_in_time AS (
  SELECT m, w, nanos, p, element, covered, CAST(row_number() OVER (ORDER BY w, nanos) AS INTEGER) AS stretch FROM stretches
),
-- what a machine does and the power it takes; stretch 0 counts for nothing, and with it and no power each machine begins
moments AS (
  SELECT DISTINCT m, CAST(NULL AS BIGINT) AS nanos, 0 AS tie, 0 AS stretch, CAST('NaN' AS DOUBLE) AS kw FROM bound
  UNION ALL SELECT w.w, w.nanos, 0, CASE WHEN w.covered OR x.m IS NOT NULL THEN w.stretch ELSE 0 END, NULL
  FROM places_in_time w LEFT JOIN meters x ON x.m = w.w
  UNION ALL SELECT m, nanos, tie, NULL, kw FROM powers
),
merged AS (
  SELECT CASE WHEN lead(m) OVER machine = m THEN lead(nanos) OVER machine ELSE CAST($end_nanos AS BIGINT) END - nanos AS ns,
         last_value(stretch IGNORE NULLS) OVER so_far AS stretch, last_value(kw IGNORE NULLS) OVER so_far AS kw
  FROM moments
  WINDOW machine AS (PARTITION BY m ORDER BY nanos NULLS FIRST, tie),
         so_far AS (PARTITION BY m ORDER BY nanos NULLS FIRST, tie ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
-- whole thousandths of a joule: in any order to the same last digit
pieces AS (
  SELECT stretch, sum(CAST(round(kw * ns / 1000) AS DECIMAL(38, 0))) AS joules, sum(ns) AS ns
  FROM merged WHERE stretch > 0 AND abs(kw) < 1e300 AND ns > 0 GROUP BY stretch
),
used AS (
  SELECT g, w.p, sum(e.joules) AS total, sum(CASE WHEN w.covered AND w.element <> 'APT' THEN e.joules ELSE 0 END) AS idle,
         sum(e.ns) AS ns
  FROM pieces e JOIN places_in_time w ON w.stretch = e.stretch JOIN places l ON l.m = w.m GROUP BY g, w.p
),
elements AS (
  SELECT t.g, t.p, CAST(u.total AS DOUBLE) / 1000000 / 3600 AS energy_kwh,
         CAST(u.idle AS DOUBLE) / 1000000 / 3600 AS idle_kwh, coalesce(u.ns, 0) AS ns,
         CAST(coalesce(c.pq, 0) AS DOUBLE) / 1000000 AS pq
  FROM times t LEFT JOIN used u ON u.g = t.g AND u.p = t.p LEFT JOIN parts c ON c.g = t.g AND c.p = t.p
)
-- result
SELECT n.site, n.area, n.line, n.machine, n.product, w.start, w."end", e.energy_kwh, e.idle_kwh, e.idle_kwh / nullif(e.energy_kwh, 0) AS idle_share,
       e.energy_kwh * 3600 / nullif(CAST(e.ns AS DOUBLE) / 1000000000, 0) AS mean_kw, e.pq,
       e.energy_kwh / nullif(e.pq, 0) AS per_part_kwh, CAST(e.ns AS DOUBLE) / 1000000000 AS known_s,
       s.coverage, s.percent_good
FROM elements e JOIN seen s ON s.g = e.g AND s.p = e.p JOIN groups n ON n.g = e.g JOIN periods w ON w.p = e.p
-- notes
SELECT DISTINCT concat('the unit ', s.strange, ' of the ', b.role, ' of ', b.machine, ' is not known: its values count as ',
         CASE b.role WHEN 'power' THEN 'kW; --param scale=KW_PER_UNIT' ELSE 'kWh; --param scale=KWH_PER_UNIT' END) AS note
FROM scales s JOIN bound b ON b.node = s.node WHERE s.strange <> ''
