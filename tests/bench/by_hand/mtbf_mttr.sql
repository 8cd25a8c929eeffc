-- rows: machine
-- compared: failures operating_s repair_s
-- after: states stops
runs AS (
  SELECT machine, run, any_value(state) AS state, sum(us) AS us, max(run) OVER (PARTITION BY machine) AS last
  FROM numbered GROUP BY 1, 2
)
SELECT machine, count(*) FILTER (state = 'OutOfService' AND run > 1) AS failures,
       sum(us) FILTER (state IN ('Executing', 'Setup')) / 1e6 AS operating_s,
       sum(us) FILTER (state = 'OutOfService' AND run > 1 AND run < last) / 1e6 AS repair_s
FROM runs GROUP BY 1
