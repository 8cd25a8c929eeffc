-- rows: machine
-- compared: cycles p5_s p50_s p95_s mean_s mad_s fastest_s
WITH
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
, cycles AS (SELECT machine, parts, pri, epoch_us(time) - epoch_us(lag(time) OVER (PARTITION BY machine ORDER BY time,
  tag, seq)) AS us FROM made), each AS (SELECT machine, pri, us / parts / 1e6 AS s FROM cycles WHERE us > 0) SELECT
  machine, count(*) AS cycles, quantile_cont(s, 0.05) AS p5_s, quantile_cont(s, 0.5) AS p50_s, quantile_cont(s, 0.95)
  AS p95_s, avg(s) AS mean_s, mad(s) AS mad_s, min(s) AS fastest_s FROM each GROUP BY 1
