-- When each node said something first, its worst grade, and `wordy`: a counter that says something, but never a number.
firsts AS (
  SELECT node, min(nanos) AS nanos, max(grade) AS worst,
         max(CASE WHEN kind = 1 AND grade < 2 THEN CASE WHEN value IS NULL THEN 0 ELSE 1 END END) = 0 AS wordy
  FROM picked GROUP BY node
)
