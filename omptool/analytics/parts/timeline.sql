-- One line of time per machine, cut wherever something changes: a state, a quality, a gap, a period.
codes AS (
  SELECT unnest(CAST($codes AS VARCHAR[])) AS code, unnest(CAST($meanings AS VARCHAR[])) AS meaning
),
picked AS (
  SELECT t.site, t.area, t.line, t.machine, t.server, t.node_id, b.role, b.needed, t.time, t.time_ns, t.capture, t.seq,
         t.quality, t.value, coalesce(t.value_text, CAST(TRY_CAST(t.value AS BIGINT) AS VARCHAR)) AS label
  FROM telemetry t JOIN bound b ON t.server = b.server AND t.node_id = b.node_id
  WHERE t.time < $end
),
machines AS (SELECT DISTINCT site, area, line, machine, server, node_id FROM picked),
losses AS (
  SELECT DISTINCT m.site, m.area, m.line, m.machine, g.capture, g.start_time, g.end_time, g.server
  FROM gaps g JOIN machines m ON g.server = m.server AND (g.node_id IS NULL OR g.node_id = m.node_id)
  WHERE g.state <> 'backfilled' AND g.start_time < $end
),
-- a gap without an end lasts until another capture has a value of this machine
lost AS (
  SELECT l.site, l.area, l.line, l.machine, l.start_time, coalesce(l.end_time, min(p.time), $end) AS end_time
  FROM losses l LEFT JOIN picked p
    ON l.end_time IS NULL AND p.server = l.server AND p.machine = l.machine AND p.site = l.site
   AND p.capture <> l.capture AND p.time >= l.start_time
  GROUP BY l.site, l.area, l.line, l.machine, l.server, l.capture, l.start_time, l.end_time
),
-- most nodes are always Good: only the others are looked at row by row
poor_nodes AS (SELECT DISTINCT server, node_id, role FROM picked WHERE quality <> 'Good'),
graded AS (
  SELECT p.site, p.area, p.line, p.machine, p.time, p.time_ns, p.capture, p.seq,
         CASE WHEN p.quality = 'Good' THEN 0 ELSE 1 END
         - lag(CASE WHEN p.quality = 'Good' THEN 0 ELSE 1 END, 1, 0) OVER node AS poor_change
  FROM picked p JOIN poor_nodes n ON n.server = p.server AND n.node_id = p.node_id AND n.role = p.role
  WINDOW node AS (PARTITION BY p.server, p.node_id, p.role ORDER BY p.time, p.time_ns, p.capture, p.seq)
),
begins AS (
  SELECT site, area, line, machine, role, min(time) AS time FROM picked WHERE needed
  GROUP BY site, area, line, machine, role
),
begins_exactly AS (
  SELECT b.site, b.area, b.line, b.machine, b.role, b.time, min(p.time_ns) AS time_ns
  FROM begins b JOIN picked p ON p.site = b.site AND coalesce(p.area, '') = coalesce(b.area, '')
    AND coalesce(p.line, '') = coalesce(b.line, '') AND p.machine = b.machine AND p.role = b.role AND p.time = b.time
  GROUP BY b.site, b.area, b.line, b.machine, b.role, b.time
),
events AS (
  SELECT site, area, line, machine, time, time_ns, capture, seq, role, quality, value, label, 0 AS poor_change,
         0 AS begins, 0 AS lost_change, CAST(NULL AS TIMESTAMPTZ) AS period
  FROM picked WHERE role IN ('state', 'mode')
  UNION ALL
  SELECT site, area, line, machine, time, time_ns, capture, seq, 'quality', 'Good', NULL, NULL, poor_change, 0, 0, NULL
  FROM graded WHERE poor_change <> 0
  UNION ALL
  SELECT site, area, line, machine, time, time_ns, '', 0, 'begin', 'Good', NULL, NULL, 0, 1, 0, NULL
  FROM begins_exactly
  UNION ALL
  SELECT site, area, line, machine, start_time, 0, '', 0, 'gap', 'Good', NULL, NULL, 0, 0, 1, NULL FROM lost
  UNION ALL
  SELECT site, area, line, machine, end_time, 0, '', 0, 'gap', 'Good', NULL, NULL, 0, 0, -1, NULL FROM lost
  WHERE end_time < $end
  UNION ALL
  SELECT m.site, m.area, m.line, m.machine, p.period, 0, '', 0, 'cut', 'Good', NULL, NULL, 0, 0, 0, p.period
  FROM (SELECT DISTINCT site, area, line, machine FROM machines) m CROSS JOIN periods p
),
counted_off AS (
  SELECT *, lead(time, 1, CAST($end AS TIMESTAMPTZ)) OVER ahead AS next_time, lead(time_ns, 1, 0) OVER ahead AS next_ns,
         max(period) OVER so_far AS current_period, sum(lost_change) OVER so_far AS lost,
         sum(poor_change) OVER so_far AS poor, sum(begins) OVER so_far AS begun,
         sum(CASE WHEN role = 'state' THEN 1 ELSE 0 END) OVER so_far AS state_no,
         sum(CASE WHEN role = 'mode' THEN 1 ELSE 0 END) OVER so_far AS mode_no
  FROM events
  WINDOW ahead AS (PARTITION BY site, area, line, machine ORDER BY time, time_ns, role, capture, seq),
         so_far AS (PARTITION BY site, area, line, machine ORDER BY time, time_ns, role, capture, seq
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
held AS (
  SELECT *,
         max(CASE WHEN role = 'state' AND quality <> 'Bad' THEN label END)
           OVER (PARTITION BY site, area, line, machine, state_no) AS state_text,
         max(CASE WHEN role = 'state' AND quality <> 'Bad' THEN CAST(TRY_CAST(value AS BIGINT) AS VARCHAR) END)
           OVER (PARTITION BY site, area, line, machine, state_no) AS state_number,
         CASE WHEN mode_no = 0 THEN 'Processing' ELSE max(CASE WHEN role = 'mode' AND quality <> 'Bad' THEN label END)
           OVER (PARTITION BY site, area, line, machine, mode_no) END AS mode
  FROM counted_off
),
-- stretches of a period in which nothing changes; ns is their length, known whether their state is
timeline AS (
  SELECT h.site, h.area, h.line, h.machine, h.current_period AS period, h.time, h.time_ns, h.mode,
         CASE WHEN h.lost = 0 AND h.begun >= $needed_roles THEN h.state_text END AS state,
         CASE WHEN h.lost = 0 AND h.begun >= $needed_roles THEN coalesce(a.meaning, b.meaning) END AS meaning,
         h.lost = 0 AND h.begun >= $needed_roles AS covered,
         h.lost = 0 AND h.begun >= $needed_roles AND h.poor = 0 AS good,
         date_diff('microsecond', h.time, h.next_time) * 1000 + h.next_ns - h.time_ns AS ns
  FROM held h LEFT JOIN codes a ON a.code = h.state_text LEFT JOIN codes b ON b.code = h.state_number
  WHERE h.current_period IS NOT NULL
),
seen AS (
  SELECT CASE WHEN $by_site THEN site END AS site, CASE WHEN $by_area THEN area END AS area,
         CASE WHEN $by_line THEN line END AS line, CASE WHEN $by_machine THEN machine END AS machine, period,
         sum(ns) AS ns, sum(CASE WHEN covered THEN ns ELSE 0 END) / CAST(sum(ns) AS DOUBLE) AS coverage,
         100.0 * sum(CASE WHEN good THEN ns ELSE 0 END) / CAST(sum(ns) AS DOUBLE) AS percent_good
  FROM timeline GROUP BY 1, 2, 3, 4, 5
)
