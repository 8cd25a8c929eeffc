-- rows: machine point rule
-- compared: first_point value z center sigma
-- after: power placed
steps AS (
  SELECT *, sign(value - before) AS step, sign(value - before) * sign(before - lag(before) OVER (PARTITION BY machine ORDER BY point)) AS turned
  FROM placed
),
summed AS (
  SELECT machine, point, time, value, z, mean, sigma,
         abs(z) > 3 AS far,
         sum((z > 2)::INT) OVER three AS above2, sum((z < -2)::INT) OVER three AS below2,
         sum((z > 1)::INT) OVER five AS above1, sum((z < -1)::INT) OVER five AS below1,
         sum((step > 0)::INT) OVER five AS rising, sum((step < 0)::INT) OVER five AS falling,
         sum((z > 0)::INT) OVER eight AS above8, sum((z < 0)::INT) OVER eight AS below8,
         sum((abs(z) > 1)::INT) OVER eight AS outer8,
         sum((z > 0)::INT) OVER nine AS above9, sum((z < 0)::INT) OVER nine AS below9,
         sum((turned < 0)::INT) OVER twelve AS turns, sum((abs(z) < 1)::INT) OVER fifteen AS inner15
  FROM steps
  WINDOW three AS (PARTITION BY machine ORDER BY point ROWS 2 PRECEDING),
         five AS (PARTITION BY machine ORDER BY point ROWS 4 PRECEDING),
         eight AS (PARTITION BY machine ORDER BY point ROWS 7 PRECEDING),
         nine AS (PARTITION BY machine ORDER BY point ROWS 8 PRECEDING),
         twelve AS (PARTITION BY machine ORDER BY point ROWS 11 PRECEDING),
         fifteen AS (PARTITION BY machine ORDER BY point ROWS 14 PRECEDING)
),
-- names with the length of their patterns
ruled AS (
  SELECT machine, point, time, value, z, mean, sigma, unnest(list_filter([
           CASE WHEN far THEN {'rule': 'WER1', 'length': 1} END, CASE WHEN far THEN {'rule': 'NEL1', 'length': 1} END,
           CASE WHEN point >= 3 AND ((z > 2 AND above2 >= 2) OR (z < -2 AND below2 >= 2)) THEN {'rule': 'WER2', 'length': 3} END,
           CASE WHEN point >= 3 AND ((z > 2 AND above2 >= 2) OR (z < -2 AND below2 >= 2)) THEN {'rule': 'NEL5', 'length': 3} END,
           CASE WHEN point >= 5 AND ((z > 1 AND above1 >= 4) OR (z < -1 AND below1 >= 4)) THEN {'rule': 'WER3', 'length': 5} END,
           CASE WHEN point >= 5 AND ((z > 1 AND above1 >= 4) OR (z < -1 AND below1 >= 4)) THEN {'rule': 'NEL6', 'length': 5} END,
           CASE WHEN above8 = 8 OR below8 = 8 THEN {'rule': 'WER4', 'length': 8} END,
           CASE WHEN above9 = 9 OR below9 = 9 THEN {'rule': 'NEL2', 'length': 9} END,
           CASE WHEN rising = 5 OR falling = 5 THEN {'rule': 'NEL3', 'length': 6} END,
           CASE WHEN turns = 12 THEN {'rule': 'NEL4', 'length': 14} END,
           CASE WHEN inner15 = 15 THEN {'rule': 'NEL7', 'length': 15} END,
           CASE WHEN outer8 = 8 AND above8 < 8 AND below8 < 8 THEN {'rule': 'NEL8', 'length': 8} END
         ], lambda x: x IS NOT NULL), recursive := true)
  FROM summed
  WHERE far OR above2 >= 2 OR below2 >= 2 OR above1 >= 4 OR below1 >= 4 OR above8 = 8 OR below8 = 8 OR rising = 5
     OR falling = 5 OR turns = 12 OR inner15 = 15 OR outer8 = 8
)
SELECT machine, point, rule, point + 1 - length AS first_point, time, value, z, mean AS center, sigma FROM ruled
