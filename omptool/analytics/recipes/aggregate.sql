/* omptool
title = "Any of the 37 standard aggregates of OPC UA"
about = "One value per interval, as a historian with OPC UA Aggregates would answer: with its status and info bits."
formula = [
  "each aggregate as its clause of OPC 10000-13 5.4.3 says; Bad results have no value",
  "the last interval is the rest of the window; --start behind --end walks back; the value's status is the full code",
  "intervals begin at --start; without it at a whole one, counted from midnight of the zone, of weeks and months from their first day",
  "behind the last value nothing is known, unless the aggregate extrapolates: Interpolative, TimeAverage, Total",
]
source = "OPC 10000-13 v1.05; where its text and Annex A differ, Annex A"
evidence = "published value"
labels = ["tag"]
finish = "aggregate"
stream = true

[roles.value]
about = "tags to aggregate, each for itself"
globs = ["**"]
many = true

[table.time]
about = "when the value was"
type = "time"
[table.value]
about = "number, Boolean or text"
type = "any"
[table.status]
about = "StatusCode as a number or a name; without it everything is Good"
type = "any"
required = false

[parameters.aggregate]
type = "text"
about = "which one, by its BrowseName: TimeAverage, Maximum, DurationInStateNonZero …"
[parameters.interval]
type = "interval"
about = "length of an interval: 5s, 10m, 1h; 1d, 1w and 1mo are days, weeks and months of the zone; 0: the whole window"
default = "0"
[parameters.stepped]
type = "bool"
about = "a value holds until the next one; Boolean and text always do; default: what the node table says, else false"
[parameters.treat_uncertain_as_bad]
type = "bool"
about = "Uncertain values are not used"
default = true
[parameters.use_sloped_extrapolation]
type = "bool"
about = "behind the last value the line goes on, instead of the value"
default = false
[parameters.percent_data_bad]
type = "float"
about = "from this share of Bad on, the result is Bad, %"
least = 0
most = 100
default = 100.0
[parameters.percent_data_good]
type = "float"
about = "from this share of Good on, the result is Good, %"
least = 0
most = 100
default = 100.0

[columns.tag]
about = "path below the machine"
[columns.time]
about = "start of the interval, or where the aggregate says so the time of the value"
[columns.value]
about = "the aggregate; null when the status is Bad"
[columns.value_text]
about = "the same of a text"
[columns.status]
about = "StatusCode with the info bits Calculated, Interpolated, Partial, ExtraData, MultipleValues"
[columns.status_name]
about = "the same in words"
[columns.coverage]
unit = "1"
about = "1 - time in gaps or before the first value / interval"
[columns.percent_good]
unit = "%"
about = "time in which the value was Good"
*/
-- telemetry
bound AS (
  SELECT unnest(CAST($numbers AS INTEGER[])) AS node, unnest(CAST($servers AS VARCHAR[])) AS server,
         unnest(CAST($node_ids AS VARCHAR[])) AS node_id
),
-- what bounding values need from outside the window: the nearest value on each side, and the nearest that may be used
earlier AS (
  SELECT b.node, max(t.time) AS nearest,
         max(CASE WHEN t.quality = 'Good' OR (t.quality = 'Uncertain' AND NOT $treat_uncertain_as_bad) THEN t.time END)
           AS usable
  FROM telemetry t JOIN bound b ON t.server = b.server AND t.node_id = b.node_id
  WHERE t.time < $early GROUP BY b.node
),
earlier_still AS (
  SELECT b.node, max(t.time) AS usable
  FROM telemetry t JOIN bound b ON t.server = b.server AND t.node_id = b.node_id JOIN earlier e ON e.node = b.node
  WHERE $use_sloped_extrapolation AND t.time < e.usable
    AND (t.quality = 'Good' OR (t.quality = 'Uncertain' AND NOT $treat_uncertain_as_bad))
  GROUP BY b.node
),
later AS (
  SELECT b.node, min(t.time) AS nearest,
         min(CASE WHEN t.quality = 'Good' OR (t.quality = 'Uncertain' AND NOT $treat_uncertain_as_bad) THEN t.time END)
           AS usable
  FROM telemetry t JOIN bound b ON t.server = b.server AND t.node_id = b.node_id
  WHERE t.time >= $late GROUP BY b.node
),
outside AS (
  SELECT node, nearest AS time FROM earlier
  UNION SELECT node, usable FROM earlier
  UNION SELECT node, usable FROM earlier_still
  UNION SELECT node, nearest FROM later
  UNION SELECT node, usable FROM later
),
elements AS (
  SELECT b.node, t.time, t.time_ns, t.capture, t.seq, t.value, t.value_text, t.status, t.type
  FROM telemetry t JOIN bound b ON t.server = b.server AND t.node_id = b.node_id
  WHERE t.time >= $early AND t.time < $late
  UNION ALL
  SELECT b.node, t.time, t.time_ns, t.capture, t.seq, t.value, t.value_text, t.status, t.type
  FROM telemetry t JOIN bound b ON t.server = b.server AND t.node_id = b.node_id
  JOIN outside o ON o.node = b.node AND o.time = t.time
)
-- table
elements AS (
  SELECT 0 AS node, time, 0 AS time_ns, '' AS capture, omp_row AS seq, value, status FROM input WHERE time IS NOT NULL
)
-- result
SELECT * FROM elements
