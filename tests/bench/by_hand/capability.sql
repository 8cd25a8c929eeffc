-- rows: machine
-- compared: n mean sd_within sd_overall cp pp cpk
-- after: power
SELECT machine, count(*) AS n, avg(value) AS mean, avg(abs(value - before)) / 1.1283791670955126 AS sd_within,
       stddev_samp(value) AS sd_overall, 100 / (6 * sd_within) AS cp, 100 / (6 * sd_overall) AS pp,
       least(mean - 0, 100 - mean) / (3 * sd_within) AS cpk
FROM power GROUP BY 1
