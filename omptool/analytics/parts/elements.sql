-- Runs of time elements, and their sums.
stretches AS (
  SELECT m, w, p, nanos, ns, covered, good, state, reason, element, CASE WHEN meaning IS NULL THEN state END AS unexplained
  FROM timeline
),
times AS (
  SELECT g, p, sum(CASE WHEN element = 'APT' THEN ns ELSE 0 END) AS apt,
         sum(CASE WHEN element = 'AUST' THEN ns ELSE 0 END) AS aust,
         sum(CASE WHEN element = 'ADET' THEN ns ELSE 0 END) AS adet,
         sum(CASE WHEN element = 'ADOT' THEN ns ELSE 0 END) AS adot,
         sum(CASE WHEN element = 'NOT_PLANNED' THEN ns ELSE 0 END) AS unplanned, min(unexplained) AS unexplained
  FROM stretches JOIN places USING (m) GROUP BY g, p
)
