-- rows: machine state
-- compared: seconds visits longest_s
-- after: states turns
runs AS (SELECT machine, state, run, sum(us) AS us FROM numbered GROUP BY ALL)
SELECT machine, state, sum(us) / 1e6 AS seconds, count(*) AS visits, max(us) / 1e6 AS longest_s FROM runs GROUP BY 1, 2
