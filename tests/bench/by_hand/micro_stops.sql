-- rows: machine
-- compared: micro_stops micro_s long_stops
-- after: states stops
stops AS (
  SELECT machine, sum(us) / 1e6 AS s, any_value(stopped) AS stopped,
         stop > 1 AND stop < max(stop) OVER (PARTITION BY machine) AS whole
  FROM numbered GROUP BY machine, stop
)
SELECT machine, count(*) FILTER (s < 300 AND whole) AS micro_stops, sum(s) FILTER (s < 300 AND whole) AS micro_s,
       count(*) FILTER (s >= 300) AS long_stops
FROM stops WHERE stopped GROUP BY 1
