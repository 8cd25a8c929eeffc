-- rows: machine element
-- compared: seconds visits
-- after: states
told AS (
  SELECT machine, time, us,
         CASE state WHEN 'Executing' THEN 'APT' WHEN 'Setup' THEN 'AUST' WHEN 'OutOfService' THEN 'ADET'
              WHEN 'NotExecuting' THEN 'ADOT' ELSE 'NOT_PLANNED' END AS element
  FROM stretches
),
turns AS (
  SELECT *, CASE WHEN element = lag(element) OVER (PARTITION BY machine ORDER BY time) THEN 0 ELSE 1 END AS turn FROM told
)
SELECT machine, element, sum(us) / 1e6 AS seconds, sum(turn) AS visits FROM turns GROUP BY 1, 2
