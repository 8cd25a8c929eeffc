-- One line of time per machine, cut wherever something changes: a state, a quality, a gap, a period.
codes AS (
  SELECT unnest(CAST($codes AS VARCHAR[])) AS code, unnest(CAST($meanings AS VARCHAR[])) AS meaning
),
picked AS (
  SELECT b.node, b.m, b.role, b.needed, epoch_us(t.time) * 1000 + t.time_ns AS nanos, t.capture, t.seq, t.quality,
         t.value, t.value_text
  FROM telemetry t JOIN bound b
    ON t.server = b.server AND t.node_id = b.node_id AND t.machine = b.machine AND t.site = b.site
  WHERE t.time < $end
),
losses AS (
  SELECT DISTINCT b.m, g.server, g.capture, epoch_us(g.start_time) * 1000 AS since,
         CASE WHEN g.end_time IS NOT NULL THEN epoch_us(g.end_time) * 1000 END AS till
  FROM gaps g JOIN bound b ON g.server = b.server AND (g.node_id IS NULL OR g.node_id = b.node_id)
  WHERE g.state <> 'backfilled' AND g.start_time < $end
),
-- a gap without an end lasts until another capture has a value of this machine
resumed AS (
  SELECT l.m, l.server, l.capture, l.since, min(p.nanos) AS till
  FROM losses l JOIN bound b ON b.m = l.m AND b.server = l.server
  JOIN picked p ON p.node = b.node AND p.capture <> l.capture AND p.nanos >= l.since
  WHERE l.till IS NULL
  GROUP BY l.m, l.server, l.capture, l.since
),
lost AS (
  SELECT l.m, l.since, coalesce(l.till, r.till, CAST($end_nanos AS BIGINT)) AS till
  FROM losses l LEFT JOIN resumed r
    ON r.m = l.m AND r.server = l.server AND r.capture = l.capture AND r.since = l.since AND l.till IS NULL
),
-- most nodes are always Good: only the others are looked at row by row
poor_nodes AS (SELECT DISTINCT node FROM picked WHERE quality <> 'Good'),
graded AS (
  SELECT p.m, p.nanos, p.capture, p.seq,
         CASE WHEN p.quality = 'Good' THEN 0 ELSE 1 END
         - lag(CASE WHEN p.quality = 'Good' THEN 0 ELSE 1 END, 1, 0) OVER node AS poor_change
  FROM picked p JOIN poor_nodes n ON n.node = p.node
  WINDOW node AS (PARTITION BY p.node ORDER BY p.nanos, p.capture, p.seq)
),
labels AS (
  SELECT m, role, nanos, capture, seq, quality <> 'Bad' AS known,
         coalesce(value_text, CAST(TRY_CAST(value AS BIGINT) AS VARCHAR)) AS label,
         CAST(TRY_CAST(value AS BIGINT) AS VARCHAR) AS number
  FROM picked WHERE role IN ('state', 'mode', 'reason', 'product')
  UNION ALL
  -- an infinite or missing power is none
  SELECT m, role, nanos, capture, seq, quality <> 'Bad' AND abs(value) < 1e300, CAST(value AS VARCHAR), NULL
  FROM picked WHERE role = 'power'
),
-- `marks` counts three things at once, values that are not Good, from 1,000 on gaps, from 1e9 on
-- roles that have begun, from 1e15 on planned stops
events AS (
  SELECT l.m, l.nanos, l.role, l.capture, l.seq, CAST(0 AS BIGINT) AS marks,
         CASE WHEN l.role = 'state' THEN CASE WHEN l.known THEN coalesce(l.label, '') ELSE '' END END AS state,
         CASE WHEN l.role = 'state' THEN CASE WHEN l.known THEN coalesce(a.meaning, b.meaning, '') ELSE '' END END
           AS meaning,
         CASE WHEN l.role = 'mode' THEN CASE WHEN l.known THEN coalesce(l.label, '') ELSE '' END END AS mode,
         CASE WHEN l.role NOT IN ('state', 'mode') THEN CASE WHEN l.known THEN coalesce(l.label, '') ELSE '' END END
           AS other,
         CAST(NULL AS INTEGER) AS p
  FROM labels l LEFT JOIN codes a ON a.code = l.label LEFT JOIN codes b ON b.code = l.number
  UNION ALL
  SELECT m, nanos, 'quality', capture, seq, poor_change, NULL, NULL, NULL, NULL, NULL FROM graded WHERE poor_change <> 0
  UNION ALL
  SELECT m, min(nanos), 'begin', '', 0, 1000000000, NULL, NULL, NULL, NULL, NULL FROM picked WHERE needed
  GROUP BY m, role
  UNION ALL
  SELECT m, since, 'gap', '', 0, 1000, NULL, NULL, NULL, NULL, NULL FROM lost
  UNION ALL
  SELECT m, till, 'gap', '', 0, -1000, NULL, NULL, NULL, NULL, NULL FROM lost WHERE till < $end_nanos
  UNION ALL
  SELECT m.m, s.since, 'stop', '', 0, 1000000000000000, NULL, NULL, NULL, NULL, NULL
  FROM (SELECT DISTINCT m FROM picked) m CROSS JOIN planned_stops s
  UNION ALL
  SELECT m.m, s.till, 'stop', '', 0, -1000000000000000, NULL, NULL, NULL, NULL, NULL
  FROM (SELECT DISTINCT m FROM picked) m CROSS JOIN planned_stops s WHERE s.till < $end_nanos
  UNION ALL
  SELECT m.m, p.since, 'cut', '', 0, 0, NULL, NULL, NULL, NULL, p.p
  FROM (SELECT DISTINCT m FROM picked) m CROSS JOIN periods p
),
counted_off AS (
  SELECT m, nanos, lead(nanos, 1, CAST($end_nanos AS BIGINT)) OVER (
           PARTITION BY m ORDER BY nanos, role, capture, seq) - nanos AS ns,
         last_value(state IGNORE NULLS) OVER so_far AS state, last_value(meaning IGNORE NULLS) OVER so_far AS meaning,
         last_value(mode IGNORE NULLS) OVER so_far AS mode, last_value(other IGNORE NULLS) OVER so_far AS other,
         last_value(p IGNORE NULLS) OVER so_far AS p,
         CAST(sum(marks) OVER so_far AS BIGINT) AS marks
  FROM events
  WINDOW so_far AS (PARTITION BY m ORDER BY nanos, role, capture, seq
                    ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
-- stretches of a period in which nothing changes; `ns` is their length, `covered` whether their state is known, `other`
-- what the roles reason, product or power say
timeline AS (
  SELECT m, p, nanos, ns, coalesce(mode, 'Processing') AS mode, nullif(other, '') AS other, covered AND poor = 0 AS good, covered,
         CASE WHEN covered THEN nullif(state, '') END AS state, CASE WHEN covered AND planned_stops > 0 THEN 'NotAvailable' WHEN covered THEN nullif(meaning, '') END AS meaning
  FROM (
    SELECT m, p, nanos, ns, state, meaning, mode, other, marks % 1000 AS poor,
           (marks // 1000) % 1000000 = 0 AND (marks // 1000000000) % 1000000 >= $needed_roles AS covered,
           marks // 1000000000000000 AS planned_stops
    FROM counted_off WHERE p IS NOT NULL AND ns > 0
  ) marked
),
seen AS (
  SELECT g, p, sum(ns) AS ns, sum(CASE WHEN covered THEN ns ELSE 0 END) / CAST(sum(ns) AS DOUBLE) AS coverage,
         100.0 * sum(CASE WHEN good THEN ns ELSE 0 END) / CAST(sum(ns) AS DOUBLE) AS percent_good
  FROM timeline JOIN places USING (m) GROUP BY g, p
)
