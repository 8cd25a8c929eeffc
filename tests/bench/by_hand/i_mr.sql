-- rows: machine point
-- compared: value center lcl ucl spread sigma violations
-- after: power placed
-- Western Electric 1 to 4, on either side
ruled AS (
  SELECT *, abs(z) > 3 AS wer1,
         point >= 3 AND ((z > 2 AND sum((z > 2)::INT) OVER three >= 2)
                         OR (z < -2 AND sum((z < -2)::INT) OVER three >= 2)) AS wer2,
         point >= 5 AND ((z > 1 AND sum((z > 1)::INT) OVER five >= 4)
                         OR (z < -1 AND sum((z < -1)::INT) OVER five >= 4)) AS wer3,
         sum((z > 0)::INT) OVER eight = 8 OR sum((z < 0)::INT) OVER eight = 8 AS wer4
  FROM placed
  WINDOW three AS (PARTITION BY machine ORDER BY point ROWS 2 PRECEDING),
         five AS (PARTITION BY machine ORDER BY point ROWS 4 PRECEDING),
         eight AS (PARTITION BY machine ORDER BY point ROWS 7 PRECEDING)
)
SELECT machine, point, time, value, mean AS center, mean - 3 * sigma AS lcl, mean + 3 * sigma AS ucl,
       abs(value - before) AS spread, sigma, sd_overall,
       nullif(concat_ws(' ', CASE WHEN wer1 THEN 'WER1' END, CASE WHEN wer2 THEN 'WER2' END,
                        CASE WHEN wer3 THEN 'WER3' END, CASE WHEN wer4 THEN 'WER4' END), '') AS violations
FROM ruled ORDER BY machine, point
