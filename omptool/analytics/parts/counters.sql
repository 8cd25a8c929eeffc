-- Counters of parts, and by how much each rose; NaN, infinity and what DOUBLE cannot count exactly are no counts.
counters AS (
  SELECT node, m, nanos, tie, value, value - lag(value) OVER (PARTITION BY node ORDER BY nanos, tie) AS step
  FROM picked WHERE kind = 1 AND grade < 2 AND abs(value) < 9007199254740992
)
