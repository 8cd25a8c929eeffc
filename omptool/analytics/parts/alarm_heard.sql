-- Seen is a machine of a server with events from the first thing that was received from it, one with tags from the first
-- value of these.
first_heard AS (
  SELECT server, min(heard) AS heard FROM (
    SELECT server, epoch_us(coalesce(receive_time, time)) * 1000 AS heard FROM telemetry
    WHERE server IN (SELECT server FROM alarm_nodes WHERE role <> 'alarm')
    UNION ALL
    SELECT server, epoch_us(coalesce(receive_time, time)) * 1000 FROM events
  ) received GROUP BY server
),
begun AS (
  SELECT m, min(nanos) AS nanos FROM (
    SELECT b.m, h.heard AS nanos FROM alarm_nodes b JOIN first_heard h ON h.server = b.server WHERE b.role <> 'alarm'
    UNION ALL
    SELECT b.m, epoch_us(t.time) * 1000 + t.time_ns FROM telemetry t JOIN alarm_nodes b
      ON b.role = 'alarm' AND t.server = b.server AND t.node_id = b.node_id AND t.machine = b.machine AND t.site = b.site
    WHERE t.time < $end
  ) began GROUP BY m
),
variables AS (SELECT DISTINCT server, node_id FROM nodes WHERE node_class = 'Variable'),
-- a gap of a single Variable hides no event; one of the node that passes events on does
losses AS (
  SELECT DISTINCT b.m, g.server, g.capture, epoch_us(g.start_time) * 1000 AS since,
         CASE WHEN g.end_time IS NOT NULL THEN epoch_us(g.end_time) * 1000 END AS till
  FROM gaps g JOIN alarm_nodes b ON g.server = b.server
  LEFT JOIN variables v ON v.server = g.server AND v.node_id = g.node_id
  WHERE g.state <> 'backfilled' AND g.start_time < $end
    AND (g.node_id IS NULL OR (b.role <> 'alarm' AND v.node_id IS NULL) OR (b.role = 'alarm' AND g.node_id = b.node_id))
),
-- a gap without an end lasts until another capture hears of this server
resumed AS (
  SELECT l.m, l.server, l.capture, l.since, min(r.heard) AS till
  FROM losses l JOIN (
    SELECT server, capture, epoch_us(coalesce(receive_time, time)) * 1000 AS heard FROM telemetry
    WHERE server IN (SELECT server FROM losses WHERE till IS NULL)
  ) r ON r.server = l.server AND r.capture <> l.capture AND r.heard >= l.since
  WHERE l.till IS NULL
  GROUP BY l.m, l.server, l.capture, l.since
),
lost AS (
  SELECT l.m, l.since, coalesce(l.till, r.till, CAST($end_nanos AS BIGINT)) AS till
  FROM losses l LEFT JOIN resumed r
    ON r.m = l.m AND r.server = l.server AND r.capture = l.capture AND r.since = l.since AND l.till IS NULL
),
bad_tags AS (
  SELECT m, nanos, till FROM (
    SELECT b.m, t.quality, epoch_us(t.time) * 1000 + t.time_ns AS nanos,
           lead(epoch_us(t.time) * 1000 + t.time_ns, 1, CAST($end_nanos AS BIGINT)) OVER (
             PARTITION BY b.m, t.server, t.node_id ORDER BY t.time, t.time_ns, t.capture, t.seq) AS till
    FROM telemetry t JOIN alarm_nodes b
      ON b.role = 'alarm' AND t.server = b.server AND t.node_id = b.node_id AND t.machine = b.machine AND t.site = b.site
    WHERE t.time < $end
  ) told WHERE quality <> 'Good'
),
-- as in the timeline, `marks` counts several things at once: values that are not Good, from 1,000,000 on gaps, from 1e12
-- on that it has begun
moments AS (
  SELECT m, nanos, CAST(1000000000000 AS BIGINT) AS marks, CAST(NULL AS INTEGER) AS p FROM begun
  UNION ALL
  SELECT m, since, 1000000, NULL FROM lost
  UNION ALL
  SELECT m, till, -1000000, NULL FROM lost
  UNION ALL
  SELECT m, nanos, 1, NULL FROM bad_tags
  UNION ALL
  SELECT m, till, -1, NULL FROM bad_tags
  UNION ALL
  SELECT m.m, w.since, 0, w.p FROM (SELECT DISTINCT m FROM bound) m CROSS JOIN periods w
),
together AS (
  SELECT m, nanos, CAST(sum(marks) AS BIGINT) AS marks, max(p) AS p FROM moments WHERE nanos < $end_nanos GROUP BY m, nanos
),
swept AS (
  SELECT m, nanos, max(p) OVER so_far AS p, CAST(sum(marks) OVER so_far AS BIGINT) AS marks,
         lead(nanos, 1, CAST($end_nanos AS BIGINT)) OVER (PARTITION BY m ORDER BY nanos) - nanos AS ns
  FROM together
  WINDOW so_far AS (PARTITION BY m ORDER BY nanos ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
watched AS (
  SELECT m, p, nanos, ns, marks >= 1000000000000 AND (marks // 1000000) % 1000000 = 0 AS covered, marks % 1000000 AS poor
  FROM swept WHERE p IS NOT NULL AND ns > 0
),
seen AS (
  SELECT g, p, sum(ns) AS ns, sum(CASE WHEN covered THEN ns ELSE 0 END) / CAST(sum(ns) AS DOUBLE) AS coverage,
         100.0 * sum(CASE WHEN covered AND poor = 0 THEN ns ELSE 0 END) / CAST(sum(ns) AS DOUBLE) AS percent_good
  FROM watched JOIN stands USING (m) GROUP BY g, p
)
