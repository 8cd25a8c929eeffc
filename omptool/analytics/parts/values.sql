-- Every value of some nodes in the window, and the one before it: what `coverage` begins with.
bound AS (
  SELECT unnest(CAST($numbers AS INTEGER[])) AS node, unnest(CAST($servers AS VARCHAR[])) AS server,
         unnest(CAST($node_ids AS VARCHAR[])) AS node_id
),
before AS (
  SELECT b.node, max(t.time) AS time
  FROM telemetry t JOIN bound b ON t.server = b.server AND t.node_id = b.node_id
  WHERE t.time < $early GROUP BY b.node
),
measured AS (
  SELECT b.node, t.time, t.time_ns, t.capture, t.seq, t.value,
         coalesce(t.value_text, CAST(t.value_exact AS VARCHAR)) AS value_text, t.quality = 'Good' AS good
  FROM telemetry t JOIN bound b ON t.server = b.server AND t.node_id = b.node_id
  WHERE t.time >= $early AND t.time < $late
  UNION ALL
  SELECT b.node, t.time, t.time_ns, t.capture, t.seq, t.value,
         coalesce(t.value_text, CAST(t.value_exact AS VARCHAR)) AS value_text, t.quality = 'Good' AS good
  FROM telemetry t JOIN bound b ON t.server = b.server AND t.node_id = b.node_id
  JOIN before o ON o.node = b.node AND o.time = t.time
)
