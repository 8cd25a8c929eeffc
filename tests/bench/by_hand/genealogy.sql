-- rows: machine serial tag
-- compared: values mean minimum maximum
serials AS (
  SELECT machine, time, seq, value_text AS serial, lag(value_text) OVER (PARTITION BY machine ORDER BY time, seq) AS before
  FROM telemetry WHERE tag = 'SerialNumber' AND time < $end
),
stays AS (SELECT machine, time AS entered, serial FROM serials WHERE serial IS DISTINCT FROM before),
measured AS (
  SELECT s.machine, s.serial, p.tag, s.entered, count(*) AS "values", avg(p.value) AS mean, min(p.value) AS minimum,
         max(p.value) AS maximum
  FROM telemetry p ASOF JOIN stays s ON s.machine = p.machine AND s.entered <= p.time
  WHERE p.value IS NOT NULL AND p.tag = 'Power' AND p.time < $end GROUP BY ALL
)
SELECT s.machine, s.serial, m.tag, s.entered, coalesce(m."values", 0) AS "values", m.mean, m.minimum, m.maximum
FROM stays s LEFT JOIN measured m USING (machine, serial, entered)
