/* omptool
title = "Data quality of every tag"
about = "How many values came, how good they were, and where the record is doubtful."
formula = [
  "percent_good = time in which the last value was Good and no gap was / window * 100",
  "duplicates = rows equal to the one before in time, value and status; backward = rows whose time lies before that of the row received before",
  "longest_silence_s = longest time in the window without a row; its ends count; working_silence_s = the same with the planned stops of plant.toml left out: who rests need not speak",
  "max_skew_s = largest difference between server time and time; without first values of a subscription, which are sent when asked for and not when they change",
]
source = "OPC 10000-13 5.4.3.33 PercentGood and its kin, by duration"
evidence = "definition + simulator truth"
parts = ["window"]
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
  SELECT b.node, b.m, t.tag, epoch_us(t.time) * 1000 + t.time_ns AS nanos, t.capture, t.seq, t.status,
         CASE t.quality WHEN 'Good' THEN 0 WHEN 'Uncertain' THEN 1 ELSE 2 END AS grade,
         CASE WHEN t.overflow THEN 1 ELSE 0 END AS overflow,
         CASE WHEN t.origin <> 'initial' THEN abs(epoch_us(t.server_time) - epoch_us(t.time)) END AS skew,
         t.value, t.value_exact, t.value_text, t.value_list, t.raw
  FROM telemetry t JOIN bound b
    ON t.server = b.server AND t.node_id = b.node_id AND t.machine = b.machine AND t.site = b.site
  WHERE t.time < $end
),
-- captures and tags as numbers, so that rows are sorted by numbers alone: `tie` orders those of one moment
captures AS (
  SELECT capture, row_number() OVER (ORDER BY capture) * 1099511627776 AS base FROM (SELECT DISTINCT capture FROM picked) one
),
tags AS (
  SELECT node, m, tag, CAST(row_number() OVER (ORDER BY node, tag) AS INTEGER) AS k
  FROM (SELECT DISTINCT node, m, tag FROM picked) one
),
samples AS (
  SELECT t.k, p.nanos, c.base + p.seq AS tie, p.grade, p.overflow, p.skew,
         CASE WHEN lag(p.nanos) OVER (PARTITION BY p.node, c.base ORDER BY p.seq) > p.nanos THEN 1 ELSE 0 END AS backward
  FROM picked p JOIN captures c ON c.capture = p.capture JOIN tags t ON t.node = p.node AND t.tag = p.tag
),
-- only rows of one moment can repeat each other
crowded AS (SELECT node, nanos FROM picked GROUP BY node, nanos HAVING count(*) > 1),
repeats AS (
  SELECT p.node, p.tag, p.nanos,
         CASE WHEN lag(p.status) OVER same = p.status AND lag(p.value) OVER same IS NOT DISTINCT FROM p.value
               AND lag(p.value_exact) OVER same IS NOT DISTINCT FROM p.value_exact
               AND lag(p.value_text) OVER same IS NOT DISTINCT FROM p.value_text
               AND lag(p.value_list) OVER same IS NOT DISTINCT FROM p.value_list
               AND lag(p.raw) OVER same IS NOT DISTINCT FROM p.raw THEN 1 ELSE 0 END AS duplicate
  FROM picked p JOIN crowded w ON w.node = p.node AND w.nanos = p.nanos
  WINDOW same AS (PARTITION BY p.node, p.nanos ORDER BY p.capture, p.seq)
),
losses AS (
  SELECT DISTINCT server, node_id, capture, epoch_us(start_time) * 1000 AS since,
         CASE WHEN end_time IS NOT NULL THEN epoch_us(end_time) * 1000 END AS till
  FROM gaps WHERE state <> 'backfilled' AND start_time < $end
),
-- a gap without an end lasts until another capture has a value of this server
resumed AS (
  SELECT l.server, l.capture, l.since, min(p.nanos) AS till
  FROM losses l JOIN bound b ON b.server = l.server
  JOIN picked p ON p.node = b.node AND p.capture <> l.capture AND p.nanos >= l.since
  WHERE l.till IS NULL
  GROUP BY l.server, l.capture, l.since
),
lost AS (
  SELECT t.k, l.since, coalesce(l.till, r.till, CAST($end_nanos AS BIGINT)) AS till
  FROM losses l JOIN bound b ON b.server = l.server AND (l.node_id IS NULL OR l.node_id = b.node_id)
  JOIN tags t ON t.node = b.node
  LEFT JOIN resumed r ON r.server = l.server AND r.capture = l.capture AND r.since = l.since AND l.till IS NULL
),
-- one line of time per tag: periods begin (0), gaps and planned stops begin and end (1), values come (2)
events AS (
  SELECT k, nanos, 2 AS kind, tie, grade, overflow, skew, backward, 0 AS gaps, 0 AS stops, CAST(NULL AS INTEGER) AS p
  FROM samples
  UNION ALL SELECT k, since, 1, 0, NULL, 0, NULL, 0, 1, 0, NULL FROM lost
  UNION ALL SELECT k, till, 1, 0, NULL, 0, NULL, 0, -1, 0, NULL FROM lost WHERE till < $end_nanos
  UNION ALL SELECT t.k, s.since, 1, 0, NULL, 0, NULL, 0, 0, 1, NULL FROM tags t CROSS JOIN planned_stops s
  UNION ALL SELECT t.k, s.till, 1, 0, NULL, 0, NULL, 0, 0, -1, NULL FROM tags t CROSS JOIN planned_stops s
  WHERE s.till < $end_nanos
  UNION ALL SELECT t.k, w.since, 0, 0, NULL, 0, NULL, 0, 0, 0, w.p FROM tags t CROSS JOIN periods w
),
counted_off AS (
  SELECT k, kind, grade, overflow, skew, backward, lead(nanos, 1, CAST($end_nanos AS BIGINT)) OVER ahead - nanos AS ns,
         max(p) OVER so_far AS p, sum(gaps) OVER so_far AS gaps, sum(stops) OVER so_far AS stops,
         last_value(grade IGNORE NULLS) OVER so_far AS lasting,
         sum(CASE WHEN kind = 2 THEN 1 ELSE 0 END) OVER so_far AS sample_no
  FROM events
  WINDOW ahead AS (PARTITION BY k ORDER BY nanos, kind, tie),
         so_far AS (PARTITION BY k ORDER BY nanos, kind, tie ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
silences AS (
  SELECT k, p, sample_no, sum(ns) AS ns, sum(CASE WHEN stops = 0 THEN ns ELSE 0 END) AS working,
         sum(CASE WHEN gaps = 0 AND lasting IS NOT NULL THEN ns ELSE 0 END) AS covered,
         sum(CASE WHEN gaps = 0 AND lasting = 0 THEN ns ELSE 0 END) AS good_ns, count(CASE WHEN kind = 2 THEN 1 END) AS all_rows,
         count(CASE WHEN grade = 0 THEN 1 END) AS good, count(CASE WHEN grade = 1 THEN 1 END) AS uncertain,
         count(CASE WHEN grade = 2 THEN 1 END) AS bad, sum(overflow) AS overflows, sum(backward) AS backward, max(skew) AS skew
  FROM counted_off WHERE p IS NOT NULL
  GROUP BY k, p, sample_no
),
repeated AS (
  SELECT l.g, r.tag, w.p, sum(r.duplicate) AS duplicates
  FROM repeats r JOIN tags t ON t.node = r.node AND t.tag = r.tag JOIN stands l ON l.m = t.m
  JOIN periods w ON r.nanos >= w.since AND r.nanos < w.till
  GROUP BY l.g, r.tag, w.p
),
elements AS (
  SELECT l.g, t.tag, s.p, sum(s.ns) AS ns, sum(s.covered) AS covered, max(s.ns) AS silence, max(s.working) AS working,
         sum(s.good_ns) AS good_ns,
         sum(s.all_rows) AS all_rows, sum(s.good) AS good, sum(s.uncertain) AS uncertain, sum(s.bad) AS bad,
         sum(s.overflows) AS overflows, sum(s.backward) AS backward, max(s.skew) AS skew
  FROM silences s JOIN tags t ON t.k = s.k JOIN stands l ON l.m = t.m
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
