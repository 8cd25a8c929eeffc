-- Stops: runs of not producing although planned, in one piece across periods and across time that is not planned: a
-- break does not repair a machine. That time is not part of their length. A stop is cut short (`censored`) where
-- the window or a gap hides its start or its end.
marked AS (
  SELECT m, w, p, nanos, ns, element, CASE WHEN $reasons THEN coalesce(reason, state, '') ELSE '' END AS reason,
         lag(element) OVER machine AS element_before, lead(element) OVER machine AS element_after,
         lag(CASE WHEN $reasons THEN coalesce(reason, state, '') ELSE '' END) OVER machine AS reason_before
  FROM stretches WHERE element <> 'NOT_PLANNED' WINDOW machine AS (PARTITION BY w ORDER BY nanos)
),
numbered AS (
  SELECT *, sum(CASE WHEN element = element_before AND reason = reason_before THEN 0 ELSE 1 END)
    OVER (PARTITION BY w ORDER BY nanos ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run
  FROM marked
),
stops AS (
  SELECT w, min(m) AS m, run, element, min(p) AS p, min(nanos) AS nanos, sum(ns) AS ns, min(reason) AS reason,
         max(CASE WHEN element_before IS NULL OR element_before = 'UNASSIGNED' THEN 1 ELSE 0 END) AS began_before,
         max(CASE WHEN element_after IS NULL OR element_after = 'UNASSIGNED' THEN 1 ELSE 0 END) AS ends_behind
  FROM numbered WHERE element IN ('ADET', 'ADOT') GROUP BY w, run, element
)
