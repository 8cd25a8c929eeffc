-- rows: machine
-- compared: values points baseline_points baseline_mean baseline_sd mean slope slope_low slope_high change trend ewma ewma_signal ewma_point cusum_signal cusum_point began_point
points AS (
  SELECT machine, epoch_us(time) // 300000000 AS bucket, avg(value) AS mean, max(epoch_us(time)) AS us, count(*) AS n
  FROM telemetry WHERE tag = 'Power' AND time >= $start AND time < $end GROUP BY 1, 2
),
placed AS (
  SELECT *, row_number() OVER node AS point, (us - first_value(us) OVER node) / 8.64e10 AS x
  FROM points WINDOW node AS (PARTITION BY machine ORDER BY bucket)
),
flagged AS (SELECT *, x < 0.25 * max(x) OVER (PARTITION BY machine) AS first FROM placed),
bases AS (
  SELECT machine, sum(n) AS "values", count(*) AS points, count(*) FILTER (first) AS baseline_points,
         avg(mean) FILTER (first) AS baseline_mean, stddev_samp(mean) FILTER (first) AS baseline_sd,
         avg(mean) FILTER (NOT first) AS mean, max(x) AS length
  FROM flagged GROUP BY 1
),
away AS (
  SELECT f.machine, f.point, f.first, (f.mean - b.baseline_mean) / b.baseline_sd AS z FROM flagged f JOIN bases b USING (machine)
),
-- few points: the powers of 0.8 stay far from the least that a DOUBLE holds
plain AS (
  SELECT *, pow(0.8, point) * sum(0.2 * z * pow(0.8, -point)) OVER so_far AS average,
         sum(z - 0.5) OVER so_far AS up, sum(-z - 0.5) OVER so_far AS down
  FROM away WINDOW so_far AS (PARTITION BY machine ORDER BY point ROWS UNBOUNDED PRECEDING)
),
sums AS (
  SELECT *, abs(average) > 3 * sqrt(0.2 / 1.8 * (1 - pow(0.8, 2 * point))) AND NOT first AS beyond,
         up - least(0, min(up) OVER so_far) AS rise, down - least(0, min(down) OVER so_far) AS fall
  FROM plain WINDOW so_far AS (PARTITION BY machine ORDER BY point ROWS UNBOUNDED PRECEDING)
),
since AS (
  SELECT *, coalesce(max(CASE WHEN rise = 0 THEN point END) OVER so_far, 0) + 1 AS rises,
         coalesce(max(CASE WHEN fall = 0 THEN point END) OVER so_far, 0) + 1 AS falls
  FROM sums WINDOW so_far AS (PARTITION BY machine ORDER BY point ROWS UNBOUNDED PRECEDING)
),
signals AS (
  SELECT machine, arg_max(average, point) AS average, min(point) FILTER (beyond) AS ewma_point,
         arg_min(average > 0, point) FILTER (beyond) AS upward,
         min(point) FILTER (NOT first AND (rise > 5 OR fall > 5)) AS cusum_point,
         arg_min(CASE WHEN rise > 5 THEN 'up' ELSE 'down' END, point) FILTER (NOT first AND (rise > 5 OR fall > 5)) AS cusum_signal,
         arg_min(CASE WHEN rise > 5 THEN rises ELSE falls END, point) FILTER (NOT first AND (rise > 5 OR fall > 5)) AS began_point
  FROM since GROUP BY 1
),
-- Theil-Sen with Sen's interval, without ties
pairs AS (
  SELECT a.machine, list_sort(list((b.mean - a.mean) / (b.x - a.x))) AS slopes
  FROM placed a JOIN placed b ON a.machine = b.machine AND a.point < b.point GROUP BY 1
),
ranked AS (
  SELECT *, len(slopes) AS pairs,
         floor((len(slopes) - 1.959963984540054 * sqrt(points * (points - 1) * (2 * points + 5) / 18)) / 2)::BIGINT AS below
  FROM pairs JOIN bases USING (machine)
),
slopes AS (
  SELECT * EXCLUDE (slopes), (slopes[(pairs + 1) // 2] + slopes[pairs // 2 + 1]) / 2 AS slope, slopes[below] AS slope_low,
         slopes[pairs - below + 1] AS slope_high
  FROM ranked
)
SELECT machine, "values", points, baseline_points, baseline_mean, baseline_sd, mean, slope, slope_low, slope_high,
       slope * length AS change, CASE WHEN slope_low > 0 THEN 'up' WHEN slope_high < 0 THEN 'down' END AS trend,
       baseline_mean + baseline_sd * average AS ewma,
       CASE WHEN ewma_point IS NULL THEN NULL WHEN upward THEN 'up' ELSE 'down' END AS ewma_signal, ewma_point,
       cusum_signal, cusum_point, began_point
FROM slopes JOIN signals USING (machine)
