-- rows: machine point
-- compared: value center spread spread_center
-- after: power
groups AS (
  SELECT machine, (point - 1) // 5 + 1 AS point, avg(value) AS value, max(value) - min(value) AS spread, max(time) AS time
  FROM power GROUP BY 1, 2
),
charts AS (SELECT machine, avg(value) AS center, avg(spread) AS spread_center FROM groups GROUP BY 1)
SELECT machine, point, g.value, center, spread, spread_center,
       center - 3 * spread_center / 2.325928947 / sqrt(5) AS lcl, center + 3 * spread_center / 2.325928947 / sqrt(5) AS ucl
FROM groups g JOIN charts USING (machine) ORDER BY machine, point
