/* omptool
title = "What each part met on its way"
about = "Per serial number and station: when it came and left, and the process values meanwhile."
formula = [
  "a serial number is in a station from its value on the tag to the next value; a Bad value of that tag says nothing, and the part stays",
  "values in [entered, left) count; the value before entering is not among them; a part that met none has a row without a tag",
  "a child is a serial number that a tag of the role child begins to say in [entered, left): it was built into serial, and one said before its part is only counted in a note; parent is the last into which serial itself was built, on any machine",
]
source = "ESMF Industry Core Information Model, traceability; ASOF of serial number and values"
evidence = "definition + simulator truth"
parts = ["window", "captures", "heard", "picked", "firsts", "timeline"]
single = true
notes_of = ["child"]
labels = ["serial", "tag", "child"]
order = ["entered", "serial", "tag", "child", "left_at", "minimum", "maximum", "mean"]

[roles.serial]
about = "number of the part in the station; empty when there is none"
globs = ["SerialNumber", "**/SerialNumber", "Order"]
[roles.value]
about = "process values of the station"
globs = ["{Vibration,Temperature*,PressForce,Power}"]
many = true
[roles.child]
about = "number of a part that is built into the one in the station; empty when there is none"
globs = ["ChildSerialNumber", "**/ChildSerialNumber", "**/ComponentSerialNumber"]
many = true
required = false
[roles.product]
about = "product that is being made, for --by product"
required = false
[table.serial]
about = "number of the part into which child was built"
type = "any"
globs = ["parent", "parent_serial", "assembly"]
[table.child]
about = "number of the part that was built in"
type = "any"
globs = ["child_serial", "component"]
[table.time]
about = "when; without it the last row of a child says where it is"
type = "time"
required = false
[columns.serial]
about = "number of the part"
[columns.child]
about = "number of the part that was built in, in rows of the role child; else null"
[columns.parent]
about = "number of the part into which this one was built; null when nobody said so"
[columns.tag]
about = "process value, or the tag that said the child; null where the part met neither"
[columns.entered]
about = "when the number came"
[columns.left_at]
about = "when the next one came; null when it was still there"
[columns.values]
about = "Good values meanwhile; null in rows of a child"
[columns.mean]
about = "of them"
[columns.minimum]
about = "of them"
[columns.maximum]
about = "of them"
[columns.coverage]
unit = "1"
about = "1 - time in gaps or before the first value / window"
[columns.percent_good]
unit = "%"
about = "time in which all values used were Good"
*/
-- telemetry
told AS (
  SELECT b.m, b.node, b.role, t.tag, epoch_us(t.time) * 1000 + t.time_ns AS nanos, t.time, t.capture, t.seq, t.quality,
         t.value, CASE WHEN t.quality = 'Good' THEN t.value END AS good,
         coalesce(t.value_text, CAST(t.value_exact AS VARCHAR), CAST(TRY_CAST(t.value AS BIGINT) AS VARCHAR)) AS label
  FROM telemetry t JOIN bound b
    ON t.server = b.server AND t.node_id = b.node_id AND t.machine = b.machine AND t.site = b.site
  JOIN captures c ON c.capture = t.capture
  WHERE t.time < $end AND NOT EXISTS (
    SELECT 1 FROM unheard u WHERE u.node = b.node AND u.capture = c.base // 1099511627776
      AND epoch_us(t.time) * 1000 + t.time_ns >= u.since AND epoch_us(t.time) * 1000 + t.time_ns <= u.till)
),
changes AS (
  SELECT m, nanos, time, capture, seq, label AS serial,
         lag(label) OVER (PARTITION BY m ORDER BY nanos, capture, seq) AS before
  FROM told WHERE role = 'serial' AND quality <> 'Bad'
),
stays AS (
  SELECT m, serial, time AS entered, nanos AS since, lead(time) OVER s AS left_at,
         lead(nanos, 1, CAST($end_nanos AS BIGINT)) OVER s AS till
  FROM changes WHERE serial IS DISTINCT FROM before WINDOW s AS (PARTITION BY m ORDER BY nanos, capture, seq)
),
numbered AS (SELECT *, CAST(row_number() OVER (ORDER BY m, since) AS INTEGER) AS stay FROM stays WHERE since < till),
present AS (
  SELECT coalesce(x.run, s.m) AS m, s.serial, s.entered, s.left_at, s.stay, w.p
  FROM numbered s JOIN periods w ON s.since >= w.since AND s.since < w.till
  LEFT JOIN product_runs x ON x.m = s.m AND s.since >= x.since AND s.since < x.till
  WHERE s.serial IS NOT NULL AND s.serial <> ''
),
-- one line of time: what is in the station when a value comes
stations AS (
  SELECT m, node, tag, good, last_value(stay IGNORE NULLS) OVER (
           PARTITION BY m ORDER BY nanos, tie ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS stay
  FROM (
    SELECT m, since AS nanos, 0 AS tie, CAST(NULL AS INTEGER) AS node, '' AS tag, CAST(NULL AS DOUBLE) AS good, stay
    FROM numbered
    UNION ALL
    SELECT m, nanos, 1, node, tag, good, NULL FROM told WHERE role = 'value' AND isfinite(value)
  ) moments
),
-- numbers of one size, [2^size, 2^(size + 16)), are whole in units of 2^(size - 54): their sums are exact, small numbers
-- keep their digits beside large ones, and no order of the rows changes any
sized AS (
  SELECT stay, tag, size, count(good) AS found, min(good) AS minimum, max(good) AS maximum,
         CAST(sum(CAST(good * pow(2, 54 - size) AS DECIMAL(38, 0))) AS DOUBLE) AS total
  FROM (
    SELECT stay, tag, good, greatest(16 * floor(coalesce(log2(nullif(abs(good), 0)), 0) / 16), -896) AS size
    FROM stations WHERE node IS NOT NULL AND stay IS NOT NULL
  ) met GROUP BY stay, tag, size
),
-- 2^64 less while they are added, so that no sum is too large. Rounding puts no mean outside of its values
sums AS (
  SELECT stay, tag, CAST(sum(found) AS BIGINT) AS found, min(minimum) AS minimum, max(maximum) AS maximum,
         least(greatest(sum(total * pow(2, size - 118) ORDER BY size) / nullif(sum(found), 0) * pow(2, 64), min(minimum)),
               max(maximum)) AS mean
  FROM sized GROUP BY stay, tag
),
said_children AS (
  SELECT m, tag, nanos, capture, seq, child FROM (
    SELECT m, tag, nanos, capture, seq, label AS child,
           lag(CASE WHEN quality <> 'Bad' THEN label END) OVER (PARTITION BY node ORDER BY nanos, capture, seq) AS before
    FROM told WHERE role = 'child' AND quality <> 'Bad'
  ) said WHERE child IS DISTINCT FROM before AND child <> ''
),
built AS (
  SELECT s.stay, s.serial, s.m, c.tag, c.child, c.nanos
  FROM said_children c JOIN numbered s ON s.m = c.m AND c.nanos >= s.since AND c.nanos < s.till WHERE s.serial <> ''
),
parents AS (
  SELECT child, serial FROM (
    SELECT child, serial, row_number() OVER (PARTITION BY child ORDER BY nanos DESC, serial) AS place FROM built
  ) told WHERE place = 1
),
rows_of AS (
  SELECT stay, tag, CAST(NULL AS VARCHAR) AS child, found, minimum, maximum, mean FROM sums
  UNION ALL
  SELECT stay, tag, child, NULL, NULL, NULL, NULL FROM built GROUP BY stay, tag, child
),
elements AS (
  SELECT n.site, n.area, n.line, n.machine, n.product, w.start, w."end", r.serial, v.child, q.serial AS parent, v.tag, r.entered,
         r.left_at, CASE WHEN v.child IS NULL THEN CAST(coalesce(v.found, 0) AS BIGINT) END AS "values",
         v.mean, v.minimum, v.maximum, s.coverage, s.percent_good
  FROM present r LEFT JOIN rows_of v ON v.stay = r.stay LEFT JOIN parents q ON q.child = r.serial
  JOIN places g ON g.m = r.m JOIN seen s ON s.g = g.g AND s.p = r.p JOIN groups n ON n.g = g.g JOIN periods w ON w.p = r.p
)
-- table
edges AS (
  SELECT CAST(child AS VARCHAR) AS part, CAST(serial AS VARCHAR) AS whole,
         row_number() OVER (PARTITION BY CAST(child AS VARCHAR) ORDER BY time DESC NULLS LAST, omp_row DESC) AS place
  FROM input WHERE CAST(serial AS VARCHAR) <> '' AND child IS NOT NULL
),
elements AS (
  SELECT i.*, e.whole AS parent, CAST(NULL AS VARCHAR) AS tag, i.time AS entered, CAST(NULL AS TIMESTAMPTZ) AS left_at,
         CAST(NULL AS BIGINT) AS "values", CAST(NULL AS DOUBLE) AS mean, CAST(NULL AS DOUBLE) AS minimum,
         CAST(NULL AS DOUBLE) AS maximum,
         CASE WHEN CAST(i.serial AS VARCHAR) <> '' AND CAST(i.child AS VARCHAR) <> '' THEN 1.0 ELSE 0.0 END AS coverage,
         CASE WHEN CAST(i.serial AS VARCHAR) <> '' AND CAST(i.child AS VARCHAR) <> '' THEN 100.0 ELSE 0.0 END AS percent_good
  FROM input i LEFT JOIN edges e ON e.part = CAST(i.serial AS VARCHAR) AND e.place = 1
  WHERE (CAST($start AS TIMESTAMPTZ) IS NULL OR i.time >= $start) AND (CAST($end AS TIMESTAMPTZ) IS NULL OR i.time < $end)
)
-- result
SELECT * FROM elements
-- notes
SELECT concat('children said while no part was there, which were built into none: ', count(*)) AS note
FROM said_children c
WHERE c.nanos >= (SELECT min(since) FROM periods)
  AND NOT EXISTS (SELECT 1 FROM built b WHERE b.m = c.m AND b.tag = c.tag AND b.nanos = c.nanos AND b.child = c.child)
HAVING count(*) > 0
