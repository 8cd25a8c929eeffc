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
-- values outside the window that may not be used: each takes the place of what came to be before it at its moment;
-- x * 0 = 0 is true of a finite number only, and isnan() would be false of every value of a Parquet file with statistics
worse AS (
  SELECT b.node, t.time, t.time_ns, t.capture, t.seq
  FROM telemetry t JOIN bound b ON t.server = b.server AND t.node_id = b.node_id
  WHERE (t.time < $early OR t.time >= $late)
    AND NOT ((t.quality = 'Good' OR (t.quality = 'Uncertain' AND NOT $treat_uncertain_as_bad))
             AND (t.value_text IS NOT NULL
                  OR coalesce(t.value * 0 = 0 OR abs(t.value) = CAST('Infinity' AS DOUBLE), false)))
),
-- of each value outside: whether it is more than the mark of an end (BadNoData), has a text (then the Variable is stepped),
-- and is a number or a text to be used
told AS (
  SELECT b.node, t.time, CASE WHEN t.status NOT BETWEEN 2157641728 AND 2157707263 THEN t.time END AS real,
         CASE WHEN t.value_text IS NOT NULL THEN t.time END AS named,
         CASE WHEN w.node IS NULL AND (t.value * 0 = 0 OR abs(t.value) = CAST('Infinity' AS DOUBLE))
                   AND (t.quality = 'Good' OR (t.quality = 'Uncertain' AND NOT $treat_uncertain_as_bad))
              THEN t.time END AS number,
         CASE WHEN w.node IS NULL AND t.value_text IS NOT NULL
                   AND (t.quality = 'Good' OR (t.quality = 'Uncertain' AND NOT $treat_uncertain_as_bad))
              THEN t.time END AS words
  FROM telemetry t JOIN bound b ON t.server = b.server AND t.node_id = b.node_id
  LEFT JOIN worse w ON w.node = b.node AND w.time = t.time AND w.time_ns = t.time_ns
       AND (w.capture > t.capture OR (w.capture = t.capture AND w.seq > t.seq))
  WHERE t.time < $early OR t.time >= $late
),
-- what bounding values need from there: the nearest of each on either side, whatever the nearest one is worth
near AS (
  SELECT node, max(CASE WHEN time < $early THEN time END) AS before, min(CASE WHEN time >= $late THEN time END) AS after,
         max(CASE WHEN time < $early THEN real END) AS real_before, min(CASE WHEN time >= $late THEN real END) AS real_after,
         max(CASE WHEN time < $early THEN named END) AS named_before,
         min(CASE WHEN time >= $late THEN named END) AS named_after,
         max(CASE WHEN time < $early THEN number END) AS number_before,
         min(CASE WHEN time >= $late THEN number END) AS number_after,
         max(CASE WHEN time < $early THEN words END) AS words_before,
         min(CASE WHEN time >= $late THEN words END) AS words_after
  FROM told GROUP BY node
),
-- and the number before the nearest one, where the line of both goes on behind them
earlier_still AS (
  SELECT b.node, max(t.time) AS number_before
  FROM telemetry t JOIN bound b ON t.server = b.server AND t.node_id = b.node_id JOIN near n ON n.node = b.node
  LEFT JOIN worse w ON w.node = b.node AND w.time = t.time AND w.time_ns = t.time_ns
       AND (w.capture > t.capture OR (w.capture = t.capture AND w.seq > t.seq))
  WHERE $use_sloped_extrapolation AND t.time < n.number_before AND w.node IS NULL
    AND (t.value * 0 = 0 OR abs(t.value) = CAST('Infinity' AS DOUBLE))
    AND (t.quality = 'Good' OR (t.quality = 'Uncertain' AND NOT $treat_uncertain_as_bad))
  GROUP BY b.node
),
outside AS (
  SELECT node, before AS time FROM near
  UNION SELECT node, real_before FROM near
  UNION SELECT node, named_before FROM near
  UNION SELECT node, number_before FROM near
  UNION SELECT node, words_before FROM near
  UNION SELECT node, number_before FROM earlier_still
  UNION SELECT node, after FROM near
  UNION SELECT node, real_after FROM near
  UNION SELECT node, named_after FROM near
  UNION SELECT node, number_after FROM near
  UNION SELECT node, words_after FROM near
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
