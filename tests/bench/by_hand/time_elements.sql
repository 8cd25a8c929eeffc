-- rows: machine element
-- compared: seconds visits
WITH
states AS (
  SELECT machine, time, value_text AS state, epoch_us(lead(time, 1, $end) OVER node) - epoch_us(time) AS us
  FROM telemetry WHERE tag = 'State' AND time < $end WINDOW node AS (PARTITION BY machine ORDER BY time, seq)
),
stretches AS (SELECT * FROM states WHERE us > 0)
, told AS (SELECT machine, time, us, CASE state WHEN 'Executing' THEN 'APT' WHEN 'Setup' THEN 'AUST' WHEN
  'OutOfService' THEN 'ADET' WHEN 'NotExecuting' THEN 'ADOT' ELSE 'NOT_PLANNED' END AS element FROM stretches), turns
  AS (SELECT *, CASE WHEN element = lag(element) OVER m THEN 0 ELSE 1 END AS turn FROM told WINDOW m AS (PARTITION BY
  machine ORDER BY time)) SELECT machine, element, sum(us) / 1e6 AS seconds, sum(turn) AS visits FROM turns GROUP BY
  1, 2
