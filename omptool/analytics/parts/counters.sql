-- Counters of parts and meters, by how much each rose and since when; NaN, infinity and what DOUBLE cannot count exactly
-- are no counts.
counted AS (
  SELECT node, m, kind, nanos, tie, value, value - lag(value) OVER told AS step, lag(tie) OVER told AS tie_before,
         lag(nanos) OVER told AS before
  FROM spoken WHERE kind IN (1, 4) AND grade < 2 AND abs(value) < 9007199254740992
  WINDOW told AS (PARTITION BY node ORDER BY nanos, tie)
),
-- A fall to what came earlier is no start at 0: the clock was set back, and values from before and after lie between each
-- other. Of these, the ones from before are left out where they contradict the newest that came so far. History that was
-- fetched later is behind in coming too, and is no such case: `tie` tells it apart. Nor is one a start that only lies
-- between two captures: the other one is behind, and is left out until it is where the first one was. A start is seen by
-- one of them itself, or lies between one that has ended and the next.
doubtful AS (
  SELECT node FROM counted
  WHERE step < 0 AND tie < tie_before AND tie // 549755813888 = tie_before // 549755813888 AND tie // 549755813888 % 2 = 0
  UNION SELECT node FROM unheard
),
as_they_came AS (
  SELECT h.node, h.m, h.kind, h.nanos, h.tie, h.value, max(h.tie) OVER (PARTITION BY h.node, h.tie // 549755813888
           ORDER BY h.nanos, h.tie ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS newest
  FROM heard h JOIN doubtful d ON d.node = h.node WHERE h.kind IN (1, 4) AND h.grade < 2 AND abs(h.value) < 9007199254740992
),
held_against AS (
  SELECT *, last_value(CASE WHEN tie = newest THEN value END IGNORE NULLS) OVER (PARTITION BY node, tie // 549755813888
           ORDER BY nanos, tie ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS newest_value
  FROM as_they_came
),
of_captures AS (
  SELECT node, m, kind, nanos, tie, value, coalesce(value < lag(value) OVER capture, false) AS fell,
         max(nanos) OVER (PARTITION BY node, tie // 1099511627776) AS till
  FROM held_against WHERE tie = newest OR value >= newest_value
  WINDOW capture AS (PARTITION BY node, tie // 1099511627776 ORDER BY nanos, tie)
),
told_starts AS (
  SELECT node, m, kind, nanos, tie, value, spoken,
         sum(CASE WHEN fell OR ended < nanos THEN 1 ELSE 0 END)
           OVER (PARTITION BY node ORDER BY nanos, tie ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS start
  FROM (
    SELECT o.node, o.m, o.kind, o.nanos, o.tie, o.value, o.fell, max(u.node) IS NULL AS spoken,
           max(o.till) OVER (PARTITION BY o.node ORDER BY o.nanos, o.tie
                             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS ended
    FROM of_captures o LEFT JOIN unheard u
      ON u.node = o.node AND u.capture = o.tie // 1099511627776 AND o.nanos >= u.since AND o.nanos <= u.till
    GROUP BY o.node, o.m, o.kind, o.nanos, o.tie, o.value, o.fell, o.till
  ) told
),
levels AS (
  SELECT *, max(CASE WHEN spoken THEN value END) OVER (PARTITION BY node, start ORDER BY nanos, tie
           ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS level
  FROM told_starts
),
counters AS (
  SELECT node, m, kind, nanos, tie, value, step, before FROM counted
  WHERE NOT EXISTS (SELECT 1 FROM doubtful d WHERE d.node = counted.node)
  UNION ALL
  SELECT node, m, kind, nanos, tie, value, value - lag(value) OVER node AS step, lag(nanos) OVER node AS before
  FROM levels WHERE spoken AND value >= level WINDOW node AS (PARTITION BY node ORDER BY nanos, tie)
)
