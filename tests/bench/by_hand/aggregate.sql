-- rows: machine tag time
-- compared: value
-- part: yes
-- numbers alone; texts have no mean
ahead AS (
  SELECT machine, tag, epoch_us(time) AS since, value,
         value_text IS NOT NULL AS named, epoch_us(lead(time) OVER node) AS next, lead(value) OVER node AS next_value,
         epoch_us(lead(time, 2) OVER node) AS second, lead(value, 2) OVER node AS second_value
  FROM telemetry WHERE value IS NOT NULL AND time >= $start AND time < $end
  WINDOW node AS (PARTITION BY machine, tag ORDER BY time, seq)
),
-- of two values of a moment the later one counts; what has a name holds, and so does the last one
lines AS (
  SELECT machine, tag, since, value, coalesce(next, epoch_us($end)) AS till,
         CASE WHEN named OR next IS NULL THEN value WHEN second = next THEN second_value ELSE next_value END AS till_value
  FROM ahead WHERE next IS DISTINCT FROM since
),
-- most lines lie within an hour
pieces AS (
  SELECT machine, tag, since // 3600000000 AS hour, (value + till_value) / 2 * (till - since) AS area, till - since AS us
  FROM lines WHERE since // 3600000000 = (till - 1) // 3600000000
  UNION ALL
  SELECT machine, tag, hour,
         (value + (till_value - value) * ((begun + ended) / 2 - since) / (till - since)) * (ended - begun), ended - begun
  FROM (
    SELECT *, greatest(since, hour * 3600000000) AS begun, least(till, (hour + 1) * 3600000000) AS ended
    FROM (
      SELECT *, unnest(range(since // 3600000000, (till - 1) // 3600000000 + 1)) AS hour FROM lines
      WHERE since // 3600000000 <> (till - 1) // 3600000000
    ) crossing
  ) cut
)
SELECT machine, tag, make_timestamptz(hour * 3600000000) AS time, sum(area) / sum(us) AS value FROM pieces GROUP BY ALL
