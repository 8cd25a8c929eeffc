power AS (
  SELECT machine, time, seq, value, row_number() OVER node AS point, lag(value) OVER node AS before
  FROM telemetry WHERE tag = 'Power' AND time >= $start AND time < $end
  WINDOW node AS (PARTITION BY machine ORDER BY time, seq)
)
