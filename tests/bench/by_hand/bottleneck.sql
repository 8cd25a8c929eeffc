-- rows: line station
-- compared: sole_s shifting_s share active_share
active AS (
  SELECT line, machine, time, value_text IN ('Executing', 'Setup', 'OutOfService') AS works,
         epoch_us(time) AS since, epoch_us(lead(time, 1, $end) OVER (PARTITION BY machine ORDER BY time, seq)) AS till
  FROM telemetry WHERE tag = 'State' AND time < $end
),
turns AS (
  SELECT *, CASE WHEN works = lag(works) OVER (PARTITION BY machine ORDER BY since) THEN 0 ELSE 1 END AS turn
  FROM active WHERE till > since
),
numbered AS (
  SELECT *, sum(turn) OVER (PARTITION BY machine ORDER BY since ROWS UNBOUNDED PRECEDING) AS run FROM turns
),
runs AS (
  SELECT line, machine, min(since) AS since, max(till) AS till FROM numbered WHERE works GROUP BY line, machine, run
),
edges AS (SELECT line, since AS edge FROM runs UNION SELECT line, till FROM runs),
moments AS (SELECT line, edge AS since, lead(edge) OVER (PARTITION BY line ORDER BY edge) AS till FROM edges),
stations AS (SELECT DISTINCT line, machine FROM active),
asked AS (SELECT m.line, m.since, m.till, s.machine FROM moments m JOIN stations s USING (line) WHERE m.till IS NOT NULL),
-- at each moment the run that is longest as a whole
longest AS (
  SELECT a.line, a.since, a.till,
         arg_min({'machine': r.machine, 'since': r.since, 'till': r.till}, {'l': r.since - r.till, 'm': r.machine}) AS run
  FROM asked a ASOF JOIN runs r ON r.machine = a.machine AND r.since <= a.since
  WHERE r.till > a.since GROUP BY ALL
),
starts AS (
  SELECT *, CASE WHEN run = lag(run) OVER (PARTITION BY line ORDER BY since) THEN 0 ELSE 1 END AS turn FROM longest
),
counted AS (SELECT *, sum(turn) OVER (PARTITION BY line ORDER BY since ROWS UNBOUNDED PRECEDING) AS number FROM starts),
stretches AS (
  SELECT line, number, any_value(run) AS run, min(since) AS since, max(till) AS till FROM counted GROUP BY line, number
),
neighbours AS (
  SELECT *, lead(run) OVER s AS next, lead(since) OVER s = till AS adjoins, lead(till) OVER s AS next_till
  FROM stretches WINDOW s AS (PARTITION BY line ORDER BY since)
),
-- where the runs of two bottlenecks overlap, both are
ends AS (SELECT *, CASE WHEN adjoins THEN least(run.till, next.till, next_till) END AS shared_till FROM neighbours),
begins AS (
  SELECT *, greatest(run.since, next.since, since, coalesce(lag(shared_till) OVER s, since)) AS shared_since
  FROM ends WINDOW s AS (PARTITION BY line ORDER BY since)
),
shared AS (
  SELECT *, coalesce(shared_since < shared_till, false) AS shifts FROM begins
),
sole AS (
  SELECT line, run.machine AS station,
         greatest(0, CASE WHEN shifts THEN shared_since ELSE till END
                     - greatest(since, coalesce(lag(CASE WHEN shifts THEN shared_till END) OVER s, since))) AS us
  FROM shared WINDOW s AS (PARTITION BY line ORDER BY since)
),
shares AS (
  SELECT line, station, us AS sole, 0 AS shifting, 0 AS active FROM sole
  UNION ALL
  SELECT line, unnest([run.machine, next.machine]), 0, shared_till - shared_since, 0 FROM shared WHERE shifts
  UNION ALL
  SELECT line, machine, 0, 0, till - since FROM runs
)
SELECT line, station, sum(sole) / 1e6 AS sole_s, sum(shifting) / 1e6 AS shifting_s,
       (sum(sole) + sum(shifting)) / (epoch_us($end) - epoch_us($start)) AS share,
       sum(active) / (epoch_us($end) - epoch_us($start)) AS active_share
FROM shares GROUP BY 1, 2
