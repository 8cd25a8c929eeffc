-- What is said of alarms: an event says whether its condition is active; a tag says the number of its alarm, or just that
-- there is one.
alarm_nodes AS (SELECT DISTINCT m, site, machine, role, server, node_id FROM bound),
said AS (
  SELECT b.m, concat(e.server, ' ', coalesce(e.condition_id, concat(e.node_id, ' ', coalesce(e.condition_name, '')))) AS source,
         CASE WHEN e.active AND NOT coalesce(e.suppressed, false) THEN '1' ELSE '' END AS code,
         coalesce(e.condition_name, e.source_name, e.event_type, '') AS alarm, coalesce(e.message, '') AS message, e.severity,
         epoch_us(e.time) * 1000 + e.time_ns AS nanos, e.capture, e.seq
  FROM events e JOIN alarm_nodes b
    ON b.role = 'event' AND e.server = b.server AND e.node_id = b.node_id AND e.machine = b.machine AND e.site = b.site
  WHERE e.active IS NOT NULL AND e.time < $end
  UNION ALL
  SELECT b.m, concat(t.server, ' ', t.node_id),
         CASE WHEN t.value IS NULL AND TRY_CAST(t.value_text AS DOUBLE) = 0 THEN ''
              WHEN t.value IS NULL THEN coalesce(trim(t.value_text), '') WHEN t.value = 0 OR isnan(t.value) THEN ''
              WHEN t.type = 'Boolean' THEN '1' ELSE coalesce(t.value_text, CAST(TRY_CAST(t.value AS BIGINT) AS VARCHAR), '') END,
         CASE WHEN t.type = 'Boolean' THEN t.tag ELSE concat(t.tag, ' ',
           coalesce(t.value_text, CAST(TRY_CAST(t.value AS BIGINT) AS VARCHAR), '')) END,
         '', NULL, epoch_us(t.time) * 1000 + t.time_ns, t.capture, t.seq
  FROM telemetry t JOIN alarm_nodes b
    ON b.role = 'alarm' AND t.server = b.server AND t.node_id = b.node_id AND t.machine = b.machine AND t.site = b.site
  WHERE t.time < $end AND t.quality <> 'Bad'
)
