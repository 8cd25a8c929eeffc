-- A table knows no gaps. Good are its rows that say when, and whether an alarm came or went.
usable AS (
  SELECT g, 100.0 * sum(CASE WHEN time IS NULL OR (NOT $by_row AND word IS NULL) OR ($by_row AND coalesce(till < time, false))
                             THEN 0 ELSE 1 END) / count(*) AS percent_good
  FROM rows_of JOIN stands USING (m) GROUP BY g
),
seen AS (
  SELECT u.g, w.p, w.till - w.since AS ns, CAST(1 AS DOUBLE) AS coverage, u.percent_good
  FROM usable u CROSS JOIN periods w
)
