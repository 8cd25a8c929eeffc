turned AS (
  SELECT line, machine, value_text AS alarm, time, seq, lag(value_text) OVER (PARTITION BY machine ORDER BY time, seq) AS before
  FROM telemetry WHERE tag = 'StateReason' AND time < $end
),
alarms AS (
  SELECT line, machine, alarm, epoch_us(time) AS since,
         epoch_us(lead(time) OVER (PARTITION BY machine ORDER BY time, seq)) AS till
  FROM turned WHERE alarm IS DISTINCT FROM before
)
