-- rows: machine since
-- compared: state seconds
WITH
states AS (
  SELECT machine, time, value_text AS state, epoch_us(lead(time, 1, $end) OVER node) - epoch_us(time) AS us
  FROM telemetry WHERE tag = 'State' AND time < $end WINDOW node AS (PARTITION BY machine ORDER BY time, seq)
),
stretches AS (SELECT * FROM states WHERE us > 0)
, turns AS (SELECT *, CASE WHEN state = lag(state) OVER m THEN 0 ELSE 1 END AS turn FROM stretches WINDOW m AS
  (PARTITION BY machine ORDER BY time)), numbered AS (SELECT *, sum(turn) OVER (PARTITION BY machine ORDER BY time
  ROWS UNBOUNDED PRECEDING) AS run FROM turns) SELECT machine, min(time) AS since, any_value(state) AS state, sum(us)
  / 1e6 AS seconds FROM numbered GROUP BY machine, run
