-- rows: line
-- compared: alarms per_10min peak floods flood_s flood_share flood_alarms top_share stale standing
-- after: alarms
-- a flood begins with more than ten within ten minutes, and ends when fewer than five are left of them
recent AS (
  SELECT line, since AS moment, 1 AS step, since FROM alarms
  UNION ALL
  SELECT line, since + 600000000, -1, since FROM alarms
),
dense AS (
  SELECT *, sum(step) OVER (PARTITION BY line ORDER BY moment, step, since ROWS UNBOUNDED PRECEDING) AS within FROM recent
),
turns AS (
  SELECT *, last_value(CASE WHEN step = 1 AND within > 10 THEN 1 WHEN step = -1 AND within < 5 THEN 0 END IGNORE NULLS)
              OVER (PARTITION BY line ORDER BY moment, step, since ROWS UNBOUNDED PRECEDING) AS flooded
  FROM dense
),
edges AS (
  SELECT line, moment, flooded FROM turns
  QUALIFY coalesce(flooded, 0) <> lag(coalesce(flooded, 0), 1, 0) OVER (PARTITION BY line ORDER BY moment, step, since)
),
floods AS (
  SELECT line, moment AS since, least(till, epoch_us($end)) AS till
  FROM (SELECT *, lead(moment) OVER (PARTITION BY line ORDER BY moment) AS till FROM edges) e
  WHERE flooded = 1 AND moment < epoch_us($end) AND till > epoch_us($start)
),
flooded AS (
  SELECT line, count(*) AS floods, sum(till - since) AS us FROM floods GROUP BY 1
),
inside AS (
  SELECT a.line, count(*) AS alarms FROM alarms a ASOF JOIN floods f ON f.line = a.line AND f.since <= a.since
  WHERE a.since < f.till GROUP BY 1
),
peaks AS (SELECT line, max(within) AS peak FROM dense WHERE step = 1 GROUP BY 1),
kinds AS (SELECT line, machine, alarm, count(*) AS n FROM alarms GROUP BY ALL),
top AS (
  SELECT line, sum(n) FILTER (place <= 10) / sum(n) AS top_share
  FROM (SELECT *, row_number() OVER (PARTITION BY line ORDER BY n DESC) AS place FROM kinds) ranked GROUP BY 1
),
counted AS (
  SELECT line, count(*) AS alarms, count(*) FILTER (coalesce(till, epoch_us($end)) - since > 86400000000) AS stale,
         count(*) FILTER (till IS NULL) AS standing
  FROM alarms GROUP BY 1
)
SELECT line, c.alarms, c.alarms * 6e8 / (epoch_us($end) - epoch_us($start)) AS per_10min, peak, f.floods, f.us / 1e6 AS flood_s,
       f.us / (epoch_us($end) - epoch_us($start)) AS flood_share, i.alarms AS flood_alarms, top_share, stale, standing
FROM counted c JOIN peaks USING (line) JOIN top USING (line) LEFT JOIN flooded f USING (line) LEFT JOIN inside i USING (line)
