-- rows: machine
-- compared: failures operating_s repair_s
WITH
states AS (
  SELECT machine, time, value_text AS state, epoch_us(lead(time, 1, $end) OVER node) - epoch_us(time) AS us
  FROM telemetry WHERE tag = 'State' AND time < $end WINDOW node AS (PARTITION BY machine ORDER BY time, seq)
),
stretches AS (SELECT * FROM states WHERE us > 0)
,
planned AS (
  SELECT machine, time, us, state, state IN ('OutOfService', 'NotExecuting') AS stopped,
         CASE WHEN state = lag(state) OVER machine THEN 0 ELSE 1 END AS turn,
         CASE WHEN (state IN ('OutOfService', 'NotExecuting')) = lag(state IN ('OutOfService', 'NotExecuting')) OVER
           machine
         THEN 0 ELSE 1 END AS change
  FROM stretches WHERE state <> 'NotAvailable' WINDOW machine AS (PARTITION BY machine ORDER BY time)
),
numbered AS (
  SELECT *, sum(turn) OVER machine AS run, sum(change) OVER machine AS stop
  FROM planned WINDOW machine AS (PARTITION BY machine ORDER BY time ROWS UNBOUNDED PRECEDING)
)
, runs AS (SELECT machine, run, any_value(state) AS state, sum(us) AS us, max(run) OVER (PARTITION BY machine) AS last
  FROM numbered GROUP BY 1, 2) SELECT machine, count(*) FILTER (state = 'OutOfService' AND run > 1) AS failures,
  sum(us) FILTER (state IN ('Executing', 'Setup')) / 1e6 AS operating_s, sum(us) FILTER (state = 'OutOfService' AND
  run > 1 AND run < last) / 1e6 AS repair_s FROM runs GROUP BY 1
