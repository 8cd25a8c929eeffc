-- rows: machine rank
-- compared: alarm alarms share cumulative chattering episodes fleeting stale standing mean_s longest_s
-- after: alarms
-- three of a kind within a minute chatter, and so does every one of them
near AS (
  SELECT *, lead(since, 2) OVER kind - since <= 60000000 AS begins FROM alarms
  WINDOW kind AS (PARTITION BY machine, alarm ORDER BY since)
),
marked AS (
  SELECT *, coalesce(begins OR lag(begins) OVER kind OR lag(begins, 2) OVER kind, false) AS noisy,
         coalesce(lag(begins) OVER kind OR lag(begins, 2) OVER kind, false) AS goes_on
  FROM near WINDOW kind AS (PARTITION BY machine, alarm ORDER BY since)
),
kinds AS (
  SELECT machine, alarm, count(*) AS alarms, count(*) FILTER (noisy) AS chattering,
         count(*) FILTER (begins AND NOT goes_on) AS episodes,
         count(*) FILTER (NOT noisy AND till - since < 10000000) AS fleeting,
         count(*) FILTER (coalesce(till, epoch_us($end)) - since > 86400000000) AS stale,
         count(*) FILTER (till IS NULL) AS standing, avg(till - since) / 1e6 AS mean_s,
         max(coalesce(till, epoch_us($end)) - since) / 1e6 AS longest_s
  FROM marked GROUP BY 1, 2
)
SELECT machine, row_number() OVER ranked AS rank, 'StateReason ' || alarm AS alarm, alarms,
       alarms / sum(alarms) OVER (PARTITION BY machine) AS share,
       sum(alarms) OVER (ranked ROWS UNBOUNDED PRECEDING) / sum(alarms) OVER (PARTITION BY machine) AS cumulative,
       chattering, episodes, fleeting, stale, standing, mean_s, longest_s
FROM kinds WINDOW ranked AS (PARTITION BY machine ORDER BY alarms DESC, longest_s DESC, alarm)
