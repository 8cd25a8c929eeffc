-- rows: machine
-- compared: cycles p5_s p50_s p95_s mean_s mad_s fastest_s
-- after: made
cycles AS (
  SELECT machine, parts, pri, epoch_us(time) - epoch_us(lag(time) OVER (PARTITION BY machine ORDER BY time)) AS us
  FROM (SELECT machine, time, sum(parts) AS parts, min(pri) AS pri FROM made GROUP BY 1, 2) moments
),
each AS (SELECT machine, pri, us / parts / 1e6 AS s FROM cycles WHERE us > 0)
SELECT machine, count(*) AS cycles, quantile_cont(s, 0.05) AS p5_s, quantile_cont(s, 0.5) AS p50_s,
       quantile_cont(s, 0.95) AS p95_s, avg(s) AS mean_s, mad(s) AS mad_s, min(s) AS fastest_s
FROM each GROUP BY 1
