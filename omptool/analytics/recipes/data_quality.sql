/* omptool
title = "Data quality of every tag"
about = "How many values came, how good they were, and where the record is doubtful."
formula = [
  "percent_good = time in which the last value was Good and no gap was / window * 100",
  "duplicates = rows equal to the one before in time, value and status; backward = rows whose time lies before that of the row received before",
  "longest_silence_s = longest time in the window without a row; its ends count",
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
samples AS (
  SELECT t.site, t.area, t.line, t.machine, t.tag, t.server, t.node_id, t.time, t.time_ns, t.capture, t.seq, t.quality,
         CASE WHEN t.overflow THEN 1 ELSE 0 END AS overflow,
         CASE WHEN t.origin = 'initial' THEN NULL
              WHEN t.server_time >= t.time THEN date_diff('microsecond', t.time, t.server_time)
              ELSE date_diff('microsecond', t.server_time, t.time) END AS skew,
         CASE WHEN lag(t.time) OVER received > t.time THEN 1 ELSE 0 END AS backward,
         CASE WHEN lag(t.time) OVER stamped = t.time AND lag(t.time_ns) OVER stamped = t.time_ns
               AND lag(t.status) OVER stamped = t.status AND lag(t.value) OVER stamped IS NOT DISTINCT FROM t.value
               AND lag(t.value_exact) OVER stamped IS NOT DISTINCT FROM t.value_exact
               AND lag(t.value_text) OVER stamped IS NOT DISTINCT FROM t.value_text
               AND lag(t.value_list) OVER stamped IS NOT DISTINCT FROM t.value_list
               AND lag(t.raw) OVER stamped IS NOT DISTINCT FROM t.raw THEN 1 ELSE 0 END AS duplicate
  FROM telemetry t JOIN bound b ON t.server = b.server AND t.node_id = b.node_id
  WHERE t.time < $end
  WINDOW received AS (PARTITION BY t.server, t.node_id, t.capture ORDER BY t.seq),
         stamped AS (PARTITION BY t.server, t.node_id ORDER BY t.time, t.time_ns, t.capture, t.seq)
),
tags AS (SELECT DISTINCT site, area, line, machine, tag, server, node_id FROM samples),
-- a gap without an end lasts until another capture has a value of this server
lost AS (
  SELECT g.server, g.node_id, g.start_time, coalesce(g.end_time, min(s.time), $end) AS end_time
  FROM gaps g LEFT JOIN samples s
    ON g.end_time IS NULL AND s.server = g.server AND s.capture <> g.capture AND s.time >= g.start_time
  WHERE g.state <> 'backfilled' AND g.start_time < $end
  GROUP BY g.server, g.node_id, g.capture, g.sub, g.start_time, g.end_time
),
lost_tags AS (
  SELECT t.site, t.area, t.line, t.machine, t.tag, t.server, t.node_id, l.start_time, l.end_time
  FROM lost l JOIN tags t ON l.server = t.server AND (l.node_id IS NULL OR l.node_id = t.node_id)
),
events AS (
  SELECT site, area, line, machine, tag, server, node_id, time, time_ns, 'sample' AS kind, capture, seq, quality,
         0 AS lost_change, CAST(NULL AS TIMESTAMPTZ) AS period
  FROM samples
  UNION ALL
  SELECT site, area, line, machine, tag, server, node_id, start_time, 0, 'gap', '', 0, NULL, 1, NULL FROM lost_tags
  UNION ALL
  SELECT site, area, line, machine, tag, server, node_id, end_time, 0, 'gap', '', 0, NULL, -1, NULL FROM lost_tags
  WHERE end_time < $end
  UNION ALL
  SELECT t.site, t.area, t.line, t.machine, t.tag, t.server, t.node_id, p.start, 0, 'cut', '', 0, NULL, 0, p.start
  FROM tags t CROSS JOIN periods p
),
counted_off AS (
  SELECT *, lead(time, 1, CAST($end AS TIMESTAMPTZ)) OVER ahead AS next_time, lead(time_ns, 1, 0) OVER ahead AS next_ns,
         max(period) OVER so_far AS current_period, sum(lost_change) OVER so_far AS lost,
         sum(CASE WHEN kind = 'sample' THEN 1 ELSE 0 END) OVER so_far AS sample_no
  FROM events
  WINDOW ahead AS (PARTITION BY site, area, line, machine, tag, server, node_id
                   ORDER BY time, time_ns, kind, capture, seq),
         so_far AS (PARTITION BY site, area, line, machine, tag, server, node_id
                    ORDER BY time, time_ns, kind, capture, seq ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
silences AS (
  SELECT site, area, line, machine, tag, server, node_id, sample_no, current_period AS period,
         sum(date_diff('microsecond', time, next_time) * 1000 + next_ns - time_ns) AS ns,
         sum(CASE WHEN lost = 0 AND sample_no > 0
             THEN date_diff('microsecond', time, next_time) * 1000 + next_ns - time_ns ELSE 0 END) AS covered
  FROM counted_off WHERE current_period IS NOT NULL
  GROUP BY site, area, line, machine, tag, server, node_id, sample_no, current_period
),
qualities AS (
  SELECT site, area, line, machine, tag, server, node_id, sample_no, max(quality) AS quality
  FROM counted_off GROUP BY site, area, line, machine, tag, server, node_id, sample_no
),
times AS (
  SELECT CASE WHEN $by_site THEN s.site END AS site, CASE WHEN $by_area THEN s.area END AS area,
         CASE WHEN $by_line THEN s.line END AS line, CASE WHEN $by_machine THEN s.machine END AS machine,
         s.tag, s.period, sum(s.ns) AS ns, sum(s.covered) AS covered, max(s.ns) AS silence,
         sum(CASE WHEN q.quality = 'Good' THEN s.covered ELSE 0 END) AS good
  FROM silences s JOIN qualities q
    ON q.server = s.server AND q.node_id = s.node_id AND q.tag = s.tag AND q.machine = s.machine AND q.site = s.site
   AND coalesce(q.area, '') = coalesce(s.area, '') AND coalesce(q.line, '') = coalesce(s.line, '')
   AND q.sample_no = s.sample_no
  GROUP BY 1, 2, 3, 4, 5, 6
),
counts AS (
  SELECT CASE WHEN $by_site THEN s.site END AS site, CASE WHEN $by_area THEN s.area END AS area,
         CASE WHEN $by_line THEN s.line END AS line, CASE WHEN $by_machine THEN s.machine END AS machine,
         s.tag, p.start AS period, count(*) AS all_rows, sum(CASE WHEN s.quality = 'Good' THEN 1 ELSE 0 END) AS good,
         sum(CASE WHEN s.quality = 'Uncertain' THEN 1 ELSE 0 END) AS uncertain,
         sum(CASE WHEN s.quality = 'Bad' THEN 1 ELSE 0 END) AS bad, sum(s.overflow) AS overflows,
         sum(s.duplicate) AS duplicates, sum(s.backward) AS backward, max(s.skew) AS skew
  FROM samples s JOIN periods p ON s.time >= p.start AND s.time < p."end"
  GROUP BY 1, 2, 3, 4, 5, 6
),
elements AS (
  SELECT t.site, t.area, t.line, t.machine, t.period AS start, p."end", t.tag, t.ns, t.covered, t.silence,
         t.good AS good_ns, c.all_rows, c.good, c.uncertain, c.bad, c.overflows, c.duplicates, c.backward, c.skew
  FROM times t JOIN periods p ON p.start = t.period
  LEFT JOIN counts c ON c.period = t.period AND c.tag = t.tag AND coalesce(c.site, '') = coalesce(t.site, '')
    AND coalesce(c.area, '') = coalesce(t.area, '') AND coalesce(c.line, '') = coalesce(t.line, '')
    AND coalesce(c.machine, '') = coalesce(t.machine, '')
)
-- result
SELECT site, area, line, machine, start, "end", tag, CAST(coalesce(all_rows, 0) AS BIGINT) AS "rows",
       CAST(coalesce(good, 0) AS BIGINT) AS good, CAST(coalesce(uncertain, 0) AS BIGINT) AS uncertain,
       CAST(coalesce(bad, 0) AS BIGINT) AS bad, CAST(coalesce(overflows, 0) AS BIGINT) AS overflows,
       CAST(coalesce(duplicates, 0) AS BIGINT) AS duplicates, CAST(coalesce(backward, 0) AS BIGINT) AS backward,
       CAST(silence AS DOUBLE) / 1000000000 AS longest_silence_s, CAST(skew AS DOUBLE) / 1000000 AS max_skew_s,
       CAST(covered AS DOUBLE) / ns AS coverage, 100.0 * CAST(good_ns AS DOUBLE) / ns AS percent_good
FROM elements
