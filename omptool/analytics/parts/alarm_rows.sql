-- What rows of a plain table say of alarms: that one came or went, or when it came and when it went.
rows_of AS (
  SELECT i.*, b.m, CASE WHEN alarm IS NULL THEN CAST(source AS VARCHAR) ELSE concat(source, ' ', alarm) END AS kind,
         epoch_us(time) * 1000 AS nanos, lower(trim(CAST(active AS VARCHAR))) AS word,
         coalesce(lower(trim(CAST(suppressed AS VARCHAR))) IN ('1', '1.0', 'on', 't', 'true', 'y', 'yes'), false) AS hidden
  FROM input i JOIN bound b
    ON b.node_id = concat(i.site, chr(31), i.area, chr(31), i.line, chr(31), coalesce(nullif(CAST(i.machine AS VARCHAR), ''), $table_name))
),
-- a journal may be written the newest row first: rows of one moment are then read backwards, too
falling AS (SELECT coalesce(arg_min(time, omp_row) > arg_max(time, omp_row), false) AS falls FROM input),
active_words AS (SELECT unnest(CAST($active_words AS VARCHAR[])) AS word),
gone_words AS (SELECT unnest(CAST($gone_words AS VARCHAR[])) AS word),
said AS (
  SELECT m, kind AS source, CASE WHEN word IN (SELECT word FROM active_words) AND NOT hidden THEN '1' ELSE '' END AS code,
         kind AS alarm, coalesce(CAST(message AS VARCHAR), '') AS message, TRY_CAST(severity AS DOUBLE) AS severity, nanos,
         0 AS capture, CASE WHEN falls THEN -omp_row ELSE omp_row END AS seq
  FROM rows_of CROSS JOIN falling
  WHERE NOT $by_row AND time < $end
    AND (word IN (SELECT word FROM active_words) OR word IN (SELECT word FROM gone_words))
  UNION ALL
  -- a row that says both is an alarm of its own, whatever other rows say of its source
  SELECT m, CAST(omp_row AS VARCHAR), '1', kind, coalesce(CAST(message AS VARCHAR), ''), TRY_CAST(severity AS DOUBLE), nanos, 0, 0
  FROM rows_of
  WHERE $by_row AND time < $end AND NOT hidden AND NOT coalesce(till < time, false)
  UNION ALL
  SELECT m, CAST(omp_row AS VARCHAR), '', kind, '', NULL, epoch_us(till) * 1000, 0, 1
  FROM rows_of
  WHERE $by_row AND time < $end AND NOT hidden AND till >= time AND till < $end
)
