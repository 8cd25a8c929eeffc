-- rows: machine
-- compared: pbt apt pq gq ideal_s oee_index
WITH
states AS (
  SELECT machine, time, value_text AS state, epoch_us(lead(time, 1, $end) OVER node) - epoch_us(time) AS us
  FROM telemetry WHERE tag = 'State' AND time < $end WINDOW node AS (PARTITION BY machine ORDER BY time, seq)
),
stretches AS (SELECT * FROM states WHERE us > 0)
,
counts AS (
  SELECT machine, tag, time, seq, value, value - lag(value) OVER (PARTITION BY machine, tag ORDER BY time, seq) AS
    step
  FROM telemetry WHERE tag IN ('GoodCount', 'ScrapCount') AND time < $end
),
ideals AS (SELECT machine, time, value AS pri FROM telemetry WHERE tag = 'IdealCycleTime' AND time < $end),
made AS (
  SELECT c.machine, c.tag, c.time, c.seq, CASE WHEN c.step > 0 THEN c.step ELSE c.value END AS parts, i.pri
  FROM counts c ASOF LEFT JOIN ideals i ON i.machine = c.machine AND i.time <= c.time
  WHERE c.step > 0 OR (c.step < 0 AND c.value > 0)
)
,
times AS (
  SELECT machine, sum(us) FILTER (state <> 'NotAvailable') / 1e6 AS pbt, sum(us) FILTER (state = 'Executing') / 1e6 AS
    apt,
         sum(us) FILTER (state = 'Setup') / 1e6 AS aust, sum(us) / 1e6 AS calendar_s
  FROM states GROUP BY 1
),
parts AS (
  SELECT machine, sum(parts) AS pq, coalesce(sum(parts) FILTER (tag = 'GoodCount'), 0) AS gq, sum(parts * pri) AS
    ideal_s
  FROM made GROUP BY 1
)
 SELECT machine, pbt, apt, pq, gq, ideal_s, apt / pbt * (ideal_s / apt) * (gq / pq) AS oee_index FROM times JOIN parts
   USING (machine)
