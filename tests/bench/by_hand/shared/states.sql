states AS (
  SELECT machine, time, value_text AS state, epoch_us(lead(time, 1, $end) OVER node) - epoch_us(time) AS us
  FROM telemetry WHERE tag = 'State' AND time < $end WINDOW node AS (PARTITION BY machine ORDER BY time, seq)
),
stretches AS (SELECT * FROM states WHERE us > 0)
