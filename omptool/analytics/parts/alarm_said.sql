-- What is said of alarms: an event says whether its condition is active; a tag says the number of its alarm, or just that
-- there is one.
alarm_nodes AS (SELECT DISTINCT m, site, machine, role, server, node_id FROM bound),
heard AS (
  SELECT b.m, concat(e.server, ' ', coalesce(e.condition_id, concat(e.node_id, ' ', coalesce(e.condition_name, '')))) AS source,
         CASE WHEN e.active AND NOT coalesce(e.suppressed, false) THEN '1' ELSE '' END AS code,
         coalesce(e.condition_name, e.source_name, e.event_type, '') AS alarm, coalesce(e.message, '') AS message, e.severity,
         epoch_us(e.time) * 1000 + e.time_ns AS nanos, e.capture, e.seq, e.server, coalesce(e.receive_time, e.time) AS came
  FROM events e JOIN alarm_nodes b
    ON b.role = 'event' AND e.server = b.server AND e.node_id = b.node_id AND e.machine = b.machine AND e.site = b.site
  WHERE e.active IS NOT NULL AND e.time < $end
),
-- A new connection has the server say again what stands. What it does not say has gone since the last one; when, nobody
-- saw. Only of conditions that the same capture tells of elsewhere: another one may have asked for fewer.
refreshed AS (
  SELECT r.server, r.capture, r.time AS told, max(c.time) AS connected
  FROM journal r JOIN journal c ON c.server = r.server AND c.capture = r.capture AND c.seq < r.seq
  WHERE r.kind = 'conditions_refreshed' AND c.kind = 'connect'
  GROUP BY r.server, r.capture, r.time, r.seq
),
tells AS (SELECT DISTINCT source, capture FROM heard),
followed AS (
  SELECT *, lead(came) OVER later AS next_came, lead(nanos) OVER later AS next_nanos FROM heard
  WINDOW later AS (PARTITION BY m, source ORDER BY came, capture, seq)
),
unsaid AS (
  SELECT f.m, f.source, f.alarm, f.nanos, f.capture, f.seq, f.next_nanos, min(r.told) AS told
  FROM followed f
  JOIN refreshed r ON r.server = f.server AND r.connected > f.came AND (f.next_came IS NULL OR r.told < f.next_came)
  JOIN tells t ON t.source = f.source AND t.capture = r.capture
  WHERE f.code <> ''
  GROUP BY f.m, f.source, f.alarm, f.nanos, f.capture, f.seq, f.next_nanos
),
-- by the clock of the server, which may be another: not before it came, nor after it came again
gone AS (
  SELECT m, source, alarm, capture, seq,
         greatest(nanos + 1, least(epoch_us(told) * 1000, coalesce(next_nanos, epoch_us(told) * 1000))) AS nanos
  FROM unsaid
),
said AS (
  SELECT m, source, code, alarm, message, severity, nanos, capture, seq FROM heard
  UNION ALL
  SELECT m, source, '', alarm, '', NULL, nanos, capture, seq FROM gone WHERE nanos < $end_nanos
  UNION ALL
  SELECT b.m, concat(t.server, ' ', t.node_id),
         CASE WHEN t.value IS NULL AND TRY_CAST(t.value_text AS DOUBLE) = 0 THEN ''
              WHEN t.value IS NULL THEN coalesce(trim(t.value_text), '') WHEN t.value = 0 OR isnan(t.value) THEN ''
              WHEN t.type = 'Boolean' THEN '1'
              ELSE coalesce(t.value_text, CAST(t.value_exact AS VARCHAR), CAST(TRY_CAST(t.value AS BIGINT) AS VARCHAR), '') END,
         CASE WHEN t.type = 'Boolean' THEN t.tag ELSE concat(t.tag, ' ',
           coalesce(t.value_text, CAST(t.value_exact AS VARCHAR), CAST(TRY_CAST(t.value AS BIGINT) AS VARCHAR), '')) END,
         '', NULL, epoch_us(t.time) * 1000 + t.time_ns, t.capture, t.seq
  FROM telemetry t JOIN alarm_nodes b
    ON b.role = 'alarm' AND t.server = b.server AND t.node_id = b.node_id AND t.machine = b.machine AND t.site = b.site
  WHERE t.time < $end AND t.quality <> 'Bad'
)
