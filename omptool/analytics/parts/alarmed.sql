-- Alarms: what stood when. What is said again (refresh, acknowledgement) is no new alarm.
turned AS (
  SELECT *, lag(code) OVER (PARTITION BY m, source ORDER BY nanos, capture, seq) AS before FROM said
),
-- `till` is null for what still stands at the end
stood AS (
  SELECT m, source, code, alarm, message, severity, nanos AS since,
         lead(nanos) OVER (PARTITION BY m, source ORDER BY nanos, capture, seq) AS till
  FROM turned WHERE code IS DISTINCT FROM before
),
alarms AS (
  SELECT m, source, CASE WHEN $by_message AND message <> '' THEN message ELSE alarm END AS alarm, severity, since, till
  FROM stood WHERE code <> '' AND coalesce(severity, 1000) >= $min_severity
)
