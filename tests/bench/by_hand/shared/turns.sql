turns AS (
  SELECT *, CASE WHEN state = lag(state) OVER (PARTITION BY machine ORDER BY time) THEN 0 ELSE 1 END AS turn FROM stretches
),
numbered AS (
  SELECT *, sum(turn) OVER (PARTITION BY machine ORDER BY time ROWS UNBOUNDED PRECEDING) AS run FROM turns
)
