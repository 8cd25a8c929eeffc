-- rows: machine first_part
-- compared: from_product to_product seconds setup_s stopped_s
-- after: states
counts AS (
  SELECT machine, time, seq, value, value - lag(value) OVER (PARTITION BY machine ORDER BY time, seq) AS step
  FROM telemetry WHERE tag = 'GoodCount' AND time < $end
),
products AS (SELECT machine, time, value_text AS product FROM telemetry WHERE tag = 'Product' AND time < $end),
made AS (
  SELECT c.machine, c.time, c.seq, p.product
  FROM counts c ASOF JOIN products p ON p.machine = c.machine AND p.time <= c.time
  WHERE c.step > 0 OR (c.step < 0 AND c.value > 0)
),
changes AS (
  SELECT machine, product AS to_product, lag(product) OVER part AS from_product, time AS first_part,
         lag(time) OVER part AS last_part
  FROM made WINDOW part AS (PARTITION BY machine ORDER BY time, seq)
),
inside AS (
  SELECT c.*, s.state, epoch_us(least(s.time + to_microseconds(s.us), c.first_part)) - epoch_us(greatest(s.time, c.last_part)) AS us
  FROM changes c JOIN stretches s
    ON s.machine = c.machine AND s.time < c.first_part AND s.time + to_microseconds(s.us) > c.last_part
  WHERE c.from_product <> c.to_product AND c.first_part >= $start
)
SELECT machine, from_product, to_product, last_part, first_part,
       (epoch_us(first_part) - epoch_us(last_part)) / 1e6 AS seconds,
       coalesce(sum(us) FILTER (state = 'Setup'), 0) / 1e6 AS setup_s,
       coalesce(sum(us) FILTER (state NOT IN ('Setup', 'Executing')), 0) / 1e6 AS stopped_s
FROM inside GROUP BY ALL
