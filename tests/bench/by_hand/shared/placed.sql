charts AS (
  SELECT machine, avg(value) AS mean, avg(abs(value - before)) AS spread_center, count(*) AS n,
         stddev_samp(value) AS sd_overall, spread_center / 1.1283791670955126 AS sigma
  FROM power GROUP BY 1
),
placed AS (SELECT p.*, c.mean, c.sd_overall, c.sigma, c.n, (p.value - c.mean) / c.sigma AS z FROM power p JOIN charts c USING (machine))
