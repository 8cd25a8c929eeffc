-- Counters of parts, by how much each rose, and since when; NaN, infinity and what DOUBLE cannot count exactly are no counts.
counters AS (
  SELECT node, m, nanos, tie, value, value - lag(value) OVER node AS step, lag(nanos) OVER node AS before
  FROM picked WHERE kind = 1 AND grade < 2 AND abs(value) < 9007199254740992
  WINDOW node AS (PARTITION BY node ORDER BY nanos, tie)
)
