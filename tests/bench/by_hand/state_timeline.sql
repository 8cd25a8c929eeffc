-- rows: machine since
-- compared: state seconds
-- after: states turns
SELECT machine, min(time) AS since, any_value(state) AS state, sum(us) / 1e6 AS seconds
FROM numbered GROUP BY machine, run
