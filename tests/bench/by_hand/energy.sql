-- rows: machine
-- compared: energy_kwh idle_kwh pq
events AS (
  SELECT machine, time, seq, value_text AS state, NULL::DOUBLE AS kw FROM telemetry WHERE tag = 'State' AND time < $end
  UNION ALL
  SELECT machine, time, seq, NULL, value FROM telemetry WHERE tag = 'Power' AND time < $end
),
lasting AS (
  SELECT machine, epoch_us(lead(time, 1, $end) OVER ahead) - epoch_us(time) AS us,
         last_value(state IGNORE NULLS) OVER so_far AS state, last_value(kw IGNORE NULLS) OVER so_far AS kw
  FROM events
  WINDOW ahead AS (PARTITION BY machine ORDER BY time, seq),
         so_far AS (PARTITION BY machine ORDER BY time, seq ROWS UNBOUNDED PRECEDING)
),
counts AS (
  SELECT machine, value, value - lag(value) OVER (PARTITION BY machine, tag ORDER BY time, seq) AS step
  FROM telemetry WHERE tag IN ('GoodCount', 'ScrapCount') AND time < $end
),
parts AS (SELECT machine, sum(CASE WHEN step > 0 THEN step WHEN step < 0 THEN value END) AS pq FROM counts GROUP BY 1)
SELECT machine, sum(kw * us) / 3.6e9 AS energy_kwh, sum(kw * us) FILTER (state <> 'Executing') / 3.6e9 AS idle_kwh,
       any_value(pq) AS pq
FROM lasting JOIN parts USING (machine) GROUP BY 1
