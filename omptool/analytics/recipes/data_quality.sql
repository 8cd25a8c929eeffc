/* omptool
title = "Data quality of every tag"
about = "How many values came, how good they were, and where the record is doubtful."
formula = [
  "percent_good = time in which the last value was Good and no gap was / window * 100",
  "duplicates = rows equal to the one before in time, value and status; backward = rows whose time lies before that of the row received before",
  "a tag that was recorded and has not said anything before the end of the window has a row: no values, coverage 0",
  "longest_silence_s = longest time in the window without a row; its ends count; working_silence_s = the same with the planned stops of plant.toml left out: who rests need not speak",
  "max_skew_s = largest difference between server time and time; without first values of a subscription, which are sent when asked for and not when they change",
]
source = "OPC 10000-13 5.4.3.33 PercentGood and its kin, by duration"
evidence = "definition + simulator truth"
parts = ["window", "captures"]
chart = "coverage"
labels = ["tag"]
order = ["tag"]

[roles.value]
about = "tags to look at"
globs = ["**"]
many = true

[columns.tag]
about = "path below the machine"
[columns.rows]
about = "values in the window"
[columns.good]
about = "of them Good"
[columns.uncertain]
about = "of them Uncertain"
[columns.bad]
about = "of them Bad"
[columns.overflows]
about = "rows that mark a queue that ran over in the server"
[columns.duplicates]
about = "rows that repeat the one before"
[columns.backward]
about = "rows that step back in time"
[columns.longest_silence_s]
unit = "s"
about = "longest time without a row"
[columns.working_silence_s]
unit = "s"
about = "longest time without a row, planned stops left out of it"
[columns.max_skew_s]
unit = "s"
about = "server time against time, null without changes that have both"
[columns.coverage]
unit = "1"
about = "1 - time in gaps or before the first value / window"
[columns.percent_good]
unit = "%"
about = "time in which the value was Good"
*/
-- telemetry
picked AS (
  SELECT b.node, b.m, t.tag, epoch_us(t.time) * 1000 + t.time_ns AS nanos, c.base + t.seq AS tie,
         CAST(CASE t.quality WHEN 'Good' THEN 0 WHEN 'Uncertain' THEN 1 ELSE 2 END AS SMALLINT) AS grade,
         CAST(CASE WHEN t.overflow THEN 1 ELSE 0 END AS SMALLINT) AS overflow,
         CASE WHEN t.origin <> 'initial' THEN abs(epoch_us(t.server_time) - epoch_us(t.time)) END AS skew
  FROM telemetry t JOIN bound b
    ON t.server = b.server AND t.node_id = b.node_id AND t.machine = b.machine AND t.site = b.site
  JOIN captures c ON c.capture = t.capture
  WHERE t.time < $end
),
-- tags as numbers, so that rows are sorted by numbers alone; those that were recorded and said nothing have a row too
spoken AS (SELECT DISTINCT node, m, tag FROM picked),
silent AS (
  SELECT b.node, b.m, max(n.tag) AS tag FROM bound b JOIN nodes n ON n.server = b.server AND n.node_id = b.node_id
  WHERE n.valid_from < $end AND NOT EXISTS (
    SELECT 1 FROM spoken s JOIN bound o ON o.node = s.node WHERE o.server = b.server AND o.node_id = b.node_id)
  GROUP BY b.node, b.m
),
tags AS (
  SELECT node, m, tag, CAST(row_number() OVER (ORDER BY node, tag) AS INTEGER) AS k
  FROM (SELECT node, m, tag FROM spoken UNION ALL SELECT node, m, tag FROM silent) one
),
samples AS (
  SELECT t.k, p.nanos, p.tie, p.grade, p.overflow, p.skew,
         CASE WHEN lag(p.nanos) OVER (PARTITION BY p.node, p.tie // 1099511627776 ORDER BY p.tie) > p.nanos THEN 1 ELSE 0 END
           AS backward
  FROM picked p JOIN tags t ON t.node = p.node AND t.tag = p.tag
),
losses AS (
  SELECT DISTINCT server, node_id, capture, epoch_us(start_time) * 1000 AS since,
         CASE WHEN end_time IS NOT NULL THEN epoch_us(end_time) * 1000 END AS till
  FROM gaps WHERE state <> 'backfilled' AND start_time < $end
),
-- a gap without an end lasts until another capture has a value of this server
resumed AS (
  SELECT l.server, l.capture, l.since, min(p.nanos) AS till
  FROM picked p JOIN bound b ON b.node = p.node
  JOIN (
    SELECT o.server, o.capture, o.since, c.base
    FROM losses o LEFT JOIN captures c ON c.capture = o.capture WHERE o.till IS NULL
  ) l ON l.server = b.server AND p.nanos >= l.since
   AND (l.base IS NULL OR p.tie < l.base OR p.tie >= l.base + 1099511627776)
  GROUP BY l.server, l.capture, l.since
),
lost AS (
  SELECT t.k, l.since, coalesce(l.till, r.till, CAST($end_nanos AS BIGINT)) AS till
  FROM losses l JOIN bound b ON b.server = l.server AND (l.node_id IS NULL OR l.node_id = b.node_id)
  JOIN tags t ON t.node = b.node
  LEFT JOIN resumed r ON r.server = l.server AND r.capture = l.capture AND r.since = l.since AND l.till IS NULL
),
-- a tag's time cut where periods begin and gaps begin or end
marks AS (
  SELECT k, since AS nanos, 1 AS gaps, CAST(NULL AS INTEGER) AS p FROM lost
  UNION ALL SELECT k, till, -1, NULL FROM lost WHERE till < $end_nanos
  UNION ALL SELECT t.k, w.since, 0, w.p FROM tags t CROSS JOIN periods w
),
spans AS (
  SELECT k, nanos, CAST(row_number() OVER (ORDER BY k, nanos) AS INTEGER) AS span, max(p) OVER so_far AS p,
         sum(gaps) OVER so_far = 0 AS whole, CASE WHEN moments.p IS NULL THEN 1 ELSE 0 END AS kind
  FROM (SELECT k, nanos, sum(gaps) AS gaps, max(p) AS p FROM marks GROUP BY k, nanos) moments
  WINDOW so_far AS (PARTITION BY k ORDER BY nanos ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
-- one line of time per tag: periods begin (0), gaps begin and end (1), values come (2)
events AS (
  SELECT k, nanos, CAST(2 AS SMALLINT) AS kind, tie, grade, overflow, skew, backward, CAST(NULL AS INTEGER) AS span FROM samples
  UNION ALL SELECT k, nanos, CAST(kind AS SMALLINT), 0, NULL, 0, NULL, 0, span FROM spans
),
-- `ns` is the time until the next event, `silence` that until the next value or period
lasting AS (
  SELECT k, nanos, kind, grade, overflow, skew, backward,
         lead(nanos, 1, CAST($end_nanos AS BIGINT)) OVER ahead - nanos AS ns,
         CASE WHEN kind <> 1
              THEN coalesce(lead(CASE WHEN kind <> 1 THEN nanos END IGNORE NULLS) OVER ahead, CAST($end_nanos AS BIGINT)) - nanos
         END AS silence,
         last_value(span IGNORE NULLS) OVER so_far AS span, last_value(grade IGNORE NULLS) OVER so_far AS lasts
  FROM events
  WINDOW ahead AS (PARTITION BY k ORDER BY nanos, kind, tie),
         so_far AS (PARTITION BY k ORDER BY nanos, kind, tie ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
-- planned stops in one piece each, and how much of a silence lies in them
rests AS (
  SELECT calendar, min(since) AS since, max(till) AS till FROM (
    SELECT calendar, since, till, sum(fresh) OVER (
             PARTITION BY calendar ORDER BY since, till ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS rest
    FROM (
      SELECT calendar, since, till, CASE WHEN since <= max(till) OVER (
               PARTITION BY calendar ORDER BY since, till ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) THEN 0 ELSE 1 END AS fresh
      FROM planned_stops
    ) told
  ) joined GROUP BY calendar, rest
),
rested AS (
  SELECT e.k, e.nanos, sum(least(e.nanos + e.silence, r.till) - greatest(e.nanos, r.since)) AS ns
  FROM lasting e JOIN tags t ON t.k = e.k JOIN stands c ON c.m = t.m
  JOIN rests r ON r.calendar = c.calendar AND r.since < e.nanos + e.silence AND r.till > e.nanos
  WHERE e.silence > 0 GROUP BY e.k, e.nanos
),
summed AS (
  SELECT e.k, s.p, sum(e.ns) AS ns, sum(CASE WHEN s.whole AND e.lasts IS NOT NULL THEN e.ns ELSE 0 END) AS covered,
         max(e.silence) AS silence, max(e.silence - coalesce(r.ns, 0)) AS working,
         sum(CASE WHEN s.whole AND e.lasts = 0 THEN e.ns ELSE 0 END) AS good_ns,
         sum(CASE WHEN e.kind = 2 THEN 1 ELSE 0 END) AS all_rows, sum(CASE WHEN e.grade = 0 THEN 1 ELSE 0 END) AS good,
         sum(CASE WHEN e.grade = 1 THEN 1 ELSE 0 END) AS uncertain, sum(CASE WHEN e.grade = 2 THEN 1 ELSE 0 END) AS bad,
         sum(e.overflow) AS overflows, sum(e.backward) AS backward, max(e.skew) AS skew,
         sum(CASE WHEN e.kind = 2 AND e.ns = 0 THEN 1 ELSE 0 END) AS crowds
  FROM lasting e JOIN spans s ON s.span = e.span LEFT JOIN rested r ON r.k = e.k AND r.nanos = e.nanos
  WHERE s.p IS NOT NULL
  GROUP BY e.k, s.p
),
-- only rows of one moment can repeat each other; most tags have none
crowded_nodes AS (
  SELECT DISTINCT t.node FROM summed s JOIN tags t ON t.k = s.k WHERE s.crowds > 0
  UNION SELECT node FROM tags GROUP BY node HAVING count(*) > 1
),
crowded AS (
  SELECT p.node, p.nanos FROM picked p JOIN crowded_nodes c ON c.node = p.node GROUP BY p.node, p.nanos HAVING count(*) > 1
),
repeats AS (
  SELECT p.node, p.tag, p.nanos,
         CASE WHEN lag(p.status) OVER same = p.status AND lag(p.value) OVER same IS NOT DISTINCT FROM p.value
               AND lag(p.value_exact) OVER same IS NOT DISTINCT FROM p.value_exact
               AND lag(p.value_text) OVER same IS NOT DISTINCT FROM p.value_text
               AND lag(p.value_list) OVER same IS NOT DISTINCT FROM p.value_list
               AND lag(p.raw) OVER same IS NOT DISTINCT FROM p.raw THEN 1 ELSE 0 END AS duplicate
  FROM (
    SELECT b.node, t.tag, epoch_us(t.time) * 1000 + t.time_ns AS nanos, t.capture, t.seq, t.status, t.value, t.value_exact,
           t.value_text, t.value_list, t.raw
    FROM telemetry t JOIN (SELECT b.* FROM bound b JOIN (SELECT DISTINCT node FROM crowded) c ON c.node = b.node) b
      ON t.server = b.server AND t.node_id = b.node_id AND t.machine = b.machine AND t.site = b.site
    WHERE t.time < $end
  ) p JOIN crowded w ON w.node = p.node AND w.nanos = p.nanos
  WINDOW same AS (PARTITION BY p.node, p.nanos ORDER BY p.capture, p.seq)
),
repeated AS (
  SELECT l.g, r.tag, w.p, sum(r.duplicate) AS duplicates
  FROM repeats r JOIN tags t ON t.node = r.node AND t.tag = r.tag JOIN stands l ON l.m = t.m
  JOIN periods w ON r.nanos >= w.since AND r.nanos < w.till
  GROUP BY l.g, r.tag, w.p
),
elements AS (
  SELECT l.g, t.tag, s.p, sum(s.ns) AS ns, sum(s.covered) AS covered, max(s.silence) AS silence, max(s.working) AS working,
         sum(s.good_ns) AS good_ns,
         sum(s.all_rows) AS all_rows, sum(s.good) AS good, sum(s.uncertain) AS uncertain, sum(s.bad) AS bad,
         sum(s.overflows) AS overflows, sum(s.backward) AS backward, max(s.skew) AS skew
  FROM summed s JOIN tags t ON t.k = s.k JOIN stands l ON l.m = t.m
  GROUP BY l.g, t.tag, s.p
)
-- result
SELECT o.site, o.area, o.line, o.machine, w.start, w."end", e.tag, CAST(e.all_rows AS BIGINT) AS "rows",
       CAST(e.good AS BIGINT) AS good, CAST(e.uncertain AS BIGINT) AS uncertain, CAST(e.bad AS BIGINT) AS bad,
       CAST(e.overflows AS BIGINT) AS overflows, CAST(coalesce(r.duplicates, 0) AS BIGINT) AS duplicates,
       CAST(e.backward AS BIGINT) AS backward, CAST(e.silence AS DOUBLE) / 1000000000 AS longest_silence_s,
       CAST(e.working AS DOUBLE) / 1000000000 AS working_silence_s, CAST(e.skew AS DOUBLE) / 1000000 AS max_skew_s, CAST(e.covered AS DOUBLE) / e.ns AS coverage,
       100.0 * CAST(e.good_ns AS DOUBLE) / e.ns AS percent_good
FROM elements e JOIN groups o ON o.g = e.g JOIN periods w ON w.p = e.p
LEFT JOIN repeated r ON r.g = e.g AND r.tag = e.tag AND r.p = e.p
