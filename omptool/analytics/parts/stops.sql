-- Stops: runs of not producing although planned, in one piece across periods and across time that is not planned: a
-- break does not repair a machine. That time is not part of their length. A stop is cut short (`censored`) where
-- the window or a gap hides its start or its end. One that begins as the window does is not: what the machine did last
-- before the window is looked at too, as stretches of no period. Nor is one that begins behind time that is not planned,
-- when the machine was seen there at something that is no stop: `awake` counts such stretches.
last_before AS (SELECT w, max(nanos) AS nanos FROM lived WHERE p IS NULL AND element <> 'NOT_PLANNED' GROUP BY w),
watched AS (
  SELECT l.m, l.w, l.p, l.nanos, l.ns, l.element,
         CASE WHEN $reasons THEN coalesce(l.reason, l.state, '') ELSE '' END AS reason,
         sum(CASE WHEN l.element = 'NOT_PLANNED' AND l.own NOT IN ('OutOfService', 'NotExecuting') THEN 1 ELSE 0 END) OVER (
           PARTITION BY l.w ORDER BY l.nanos ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS awake
  FROM lived l LEFT JOIN last_before b ON b.w = l.w WHERE l.p IS NOT NULL OR b.w IS NULL OR l.nanos >= b.nanos
),
marked AS (
  SELECT *, lag(element) OVER machine AS element_before, lead(element) OVER machine AS element_after,
         lag(reason) OVER machine AS reason_before, lag(awake, 1, 0) OVER machine AS awake_before
  FROM watched WHERE element <> 'NOT_PLANNED' WINDOW machine AS (PARTITION BY w ORDER BY nanos)
),
numbered AS (
  SELECT *, sum(CASE WHEN element = element_before AND reason = reason_before THEN 0 ELSE 1 END)
    OVER (PARTITION BY w ORDER BY nanos ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run
  FROM marked
),
-- of what lies before the window only that there was something
stops AS (
  SELECT w, min(CASE WHEN p IS NOT NULL THEN m END) AS m, run, element, min(p) AS p, min(nanos) AS nanos,
         sum(CASE WHEN p IS NOT NULL THEN ns ELSE 0 END) AS ns, min(reason) AS reason,
         max(CASE WHEN p IS NULL OR (coalesce(element_before, 'UNASSIGNED') = 'UNASSIGNED' AND awake = awake_before)
             THEN 1 ELSE 0 END) AS began_before,
         max(CASE WHEN element_after IS NULL OR element_after = 'UNASSIGNED' THEN 1 ELSE 0 END) AS ends_behind
  FROM numbered WHERE element IN ('ADET', 'ADOT') GROUP BY w, run, element
)
