-- rows: machine tag
-- compared: rows good uncertain bad overflows duplicates backward longest_silence_s percent_good
told AS (
  SELECT machine, tag, quality, overflow, lag(time) OVER (PARTITION BY node_id, capture ORDER BY seq) > time AS backward,
         epoch_us(lead(time, 1, $end) OVER node) - epoch_us(time) AS us, epoch_us(time) - epoch_us($start) AS since,
         lag(time) OVER node = time AND lag(status) OVER node = status
           AND lag(value) OVER node IS NOT DISTINCT FROM value
           AND lag(value_text) OVER node IS NOT DISTINCT FROM value_text AS same,
         CASE WHEN origin <> 'initial' THEN abs(epoch_us(server_time) - epoch_us(time)) END AS skew
  FROM telemetry WHERE time < $end WINDOW node AS (PARTITION BY node_id ORDER BY time, capture, seq)
)
SELECT machine, tag, count(*) AS "rows", count(*) FILTER (quality = 'Good') AS good,
       count(*) FILTER (quality = 'Uncertain') AS uncertain, count(*) FILTER (quality = 'Bad') AS bad,
       count(*) FILTER (overflow) AS overflows, count(*) FILTER (same) AS duplicates,
       count(*) FILTER (backward) AS backward, greatest(max(us), min(since)) / 1e6 AS longest_silence_s,
       100.0 * sum(us) FILTER (quality = 'Good') / (epoch_us($end) - epoch_us($start)) AS percent_good,
       max(skew) / 1e6 AS max_skew_s
FROM told GROUP BY 1, 2
