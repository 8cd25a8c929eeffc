-- rows: machine
-- compared: micro_stops micro_s long_stops
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
, stops AS (SELECT machine, sum(us) / 1e6 AS s, any_value(stopped) AS stopped, stop > 1 AND stop < max(stop) OVER
  (PARTITION BY machine) AS whole FROM numbered GROUP BY machine, stop) SELECT machine, count(*) FILTER (s < 300 AND
  whole) AS micro_stops, sum(s) FILTER (s < 300 AND whole) AS micro_s, count(*) FILTER (s >= 300) AS long_stops FROM
  stops WHERE stopped GROUP BY 1
