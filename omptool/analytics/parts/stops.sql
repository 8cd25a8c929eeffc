-- Stops: runs of not producing although planned, in one piece across periods and across time that is not planned: a
-- break does not repair a machine. That time is not part of their length. A stop is cut short (`censored`) where
-- the window or a gap hides its start or its end. One that begins as the window does is not: what the machine did last
-- before the window is looked at too, as a stretch of no period.
last_before AS (SELECT w, max(nanos) AS nanos FROM lived WHERE p IS NULL AND element <> 'NOT_PLANNED' GROUP BY w),
marked AS (
  SELECT *, lag(element) OVER machine AS element_before, lead(element) OVER machine AS element_after,
         lag(reason) OVER machine AS reason_before
  FROM (
    SELECT l.m, l.w, l.p, l.nanos, l.ns, l.element,
           CASE WHEN $reasons THEN coalesce(l.reason, l.state, '') ELSE '' END AS reason
    FROM lived l LEFT JOIN last_before b ON b.w = l.w AND b.nanos = l.nanos
    WHERE l.element <> 'NOT_PLANNED' AND (l.p IS NOT NULL OR b.w IS NOT NULL)
  ) told WINDOW machine AS (PARTITION BY w ORDER BY nanos)
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
         max(CASE WHEN p IS NULL OR element_before IS NULL OR element_before = 'UNASSIGNED' THEN 1 ELSE 0 END) AS began_before,
         max(CASE WHEN element_after IS NULL OR element_after = 'UNASSIGNED' THEN 1 ELSE 0 END) AS ends_behind
  FROM numbered WHERE element IN ('ADET', 'ADOT') GROUP BY w, run, element
)
