-- rows: machine reason
-- compared: seconds share
events AS (
  SELECT machine, time, seq, value_text AS state, NULL AS reason FROM telemetry WHERE tag = 'State' AND time < $end
  UNION ALL
  SELECT machine, time, seq, NULL, value_text FROM telemetry WHERE tag = 'StateReason' AND time < $end
),
lasting AS (
  SELECT machine, epoch_us(lead(time, 1, $end) OVER ahead) - epoch_us(time) AS us,
         last_value(state IGNORE NULLS) OVER so_far AS state, last_value(reason IGNORE NULLS) OVER so_far AS reason
  FROM events
  WINDOW ahead AS (PARTITION BY machine ORDER BY time, seq),
         so_far AS (PARTITION BY machine ORDER BY time, seq ROWS UNBOUNDED PRECEDING)
)
SELECT machine, reason, sum(us) / 1e6 AS seconds, sum(us) / sum(sum(us)) OVER (PARTITION BY machine) AS share
FROM lasting WHERE state IN ('OutOfService', 'NotExecuting') AND us > 0 GROUP BY 1, 2
