-- Counters of parts, by how much each rose and since when; NaN, infinity and what DOUBLE cannot count exactly are no counts.
counted AS (
  SELECT node, m, nanos, tie, value, value - lag(value) OVER told AS step, lag(tie) OVER told AS tie_before,
         lag(nanos) OVER told AS before
  FROM picked WHERE kind = 1 AND grade < 2 AND abs(value) < 9007199254740992
  WINDOW told AS (PARTITION BY node ORDER BY nanos, tie)
),
-- A fall to what came earlier is no start at 0: the clock was set back, and values from before and after lie between each
-- other. Of these, the ones from before are left out where they contradict the newest that came so far. History that was
-- fetched later is behind in coming too, and is no such case: `tie` tells it apart.
set_back AS (
  SELECT DISTINCT node FROM counted
  WHERE step < 0 AND tie < tie_before AND tie // 549755813888 = tie_before // 549755813888 AND tie // 549755813888 % 2 = 0
),
as_they_came AS (
  SELECT c.node, c.m, c.nanos, c.tie, c.value, max(c.tie) OVER (PARTITION BY c.node, c.tie // 549755813888
           ORDER BY c.nanos, c.tie ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS newest
  FROM counted c JOIN set_back b ON b.node = c.node
),
held_against AS (
  SELECT *, last_value(CASE WHEN tie = newest THEN value END IGNORE NULLS) OVER (PARTITION BY node, tie // 549755813888
           ORDER BY nanos, tie ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS newest_value
  FROM as_they_came
),
counters AS (
  SELECT node, m, nanos, tie, value, step, before FROM counted
  WHERE NOT EXISTS (SELECT 1 FROM set_back b WHERE b.node = counted.node)
  UNION ALL
  SELECT node, m, nanos, tie, value, value - lag(value) OVER node AS step, lag(nanos) OVER node AS before
  FROM held_against WHERE tie = newest OR value >= newest_value WINDOW node AS (PARTITION BY node ORDER BY nanos, tie)
)
