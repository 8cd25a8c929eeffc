counts AS (
  SELECT machine, tag, time, seq, value, value - lag(value) OVER (PARTITION BY machine, tag ORDER BY time, seq) AS step
  FROM telemetry WHERE tag IN ('GoodCount', 'ScrapCount') AND time < $end
),
ideals AS (SELECT machine, time, value AS pri FROM telemetry WHERE tag = 'IdealCycleTime' AND time < $end),
made AS (
  SELECT c.machine, c.tag, c.time, c.seq, CASE WHEN c.step > 0 THEN c.step ELSE c.value END AS parts, i.pri
  FROM counts c ASOF LEFT JOIN ideals i ON i.machine = c.machine AND i.time <= c.time
  WHERE c.step > 0 OR (c.step < 0 AND c.value > 0)
)
