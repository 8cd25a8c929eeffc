-- rows: machine point
-- compared: value target cusum_pos cusum_neg n_pos n_neg sigma violations
-- about: 1e-6
-- after: power placed
-- a sum that is cut off at 0 is the plain sum less its least so far
plain AS (
  SELECT *, sum(z - 0.5) OVER so_far AS up, sum(-z - 0.5) OVER so_far AS down
  FROM placed WINDOW so_far AS (PARTITION BY machine ORDER BY point ROWS UNBOUNDED PRECEDING)
),
sums AS (
  SELECT *, up - least(0, min(up) OVER so_far) AS cusum_pos, down - least(0, min(down) OVER so_far) AS cusum_neg
  FROM plain WINDOW so_far AS (PARTITION BY machine ORDER BY point ROWS UNBOUNDED PRECEDING)
)
SELECT machine, point, time, value, mean AS target, cusum_pos, cusum_neg, sigma, sd_overall,
       nullif(concat_ws(' ', CASE WHEN cusum_pos > 5 THEN 'above' END, CASE WHEN cusum_neg > 5 THEN 'below' END), '') AS violations,
       point - coalesce(max(CASE WHEN cusum_pos = 0 THEN point END) OVER so_far, 0) AS n_pos,
       point - coalesce(max(CASE WHEN cusum_neg = 0 THEN point END) OVER so_far, 0) AS n_neg
FROM sums WINDOW so_far AS (PARTITION BY machine ORDER BY point ROWS UNBOUNDED PRECEDING)
ORDER BY machine, point
