-- Parts made, by the rise of their counters, and the ideal time of each.
-- NaN, infinity and what DOUBLE cannot count exactly are no counts. PackML counts in structures, one per material: the first
-- is what the machine makes, and AccCount does not start again with each order
read_counts AS (
  SELECT p.node, p.nanos, c.base + p.seq AS tie, p.quality,
         coalesce(p.value, TRY_CAST(regexp_extract(p.value_text, '"AccCount": ?([0-9]+)', 1) AS DOUBLE)) AS value
  FROM picked p JOIN captures c ON c.capture = p.capture WHERE p.role IN ('good', 'produced', 'scrap', 'rework')
),
counts AS (
  SELECT node, nanos, tie, value FROM read_counts WHERE quality <> 'Bad' AND abs(value) < 9007199254740992
),
-- machines that count all parts: scrap and rework are among them, and what remains is good
totals AS (SELECT DISTINCT m FROM bound WHERE role = 'produced'),
counters AS (
  SELECT node, nanos, value, value - lag(value) OVER (PARTITION BY node ORDER BY nanos, tie) AS step FROM counts
),
product_ideals AS (
  SELECT unnest(CAST($ideal_products AS VARCHAR[])) AS product, unnest(CAST($ideal_seconds AS DOUBLE[])) AS seconds
),
-- [ideal_cycle] of plant.toml by product, where a tag says the product: such a machine has no node of the role ideal
told_ideals AS (
  SELECT m, nanos, capture, seq, value FROM picked
  WHERE role = 'ideal' AND quality <> 'Bad' AND abs(value) < 9007199254740992
  UNION ALL
  SELECT p.m, p.nanos, p.capture, p.seq, i.seconds
  FROM picked p LEFT JOIN product_ideals i ON i.product = coalesce(p.value_text, CAST(TRY_CAST(p.value AS BIGINT) AS VARCHAR))
  WHERE p.role = 'product' AND p.quality <> 'Bad' AND $priced_by_product
),
ideals AS (
  SELECT m, nanos, capture, seq, value, lag(value) OVER told AS before, row_number() OVER told AS place
  FROM told_ideals WINDOW told AS (PARTITION BY m ORDER BY nanos, capture, seq)
),
-- at one moment the ideal time comes first: a part belongs to the product that begins with it
ideal AS (
  SELECT m, value AS pri, nanos AS since,
         lead(nanos, 1, CAST($end_nanos AS BIGINT)) OVER (PARTITION BY m ORDER BY nanos, capture, seq) AS till
  FROM ideals WHERE place = 1 OR value IS DISTINCT FROM before
),
-- sums are of whole millionths: in any order, on any number of threads, to the same last digit
made AS (
  SELECT coalesce(x.run, c.m) AS m, CASE WHEN c.role = 'produced' THEN 'good' ELSE c.role END AS role, c.nanos,
         NOT (c.role IN ('scrap', 'rework') AND o.m IS NOT NULL) AS fresh,
         coalesce(CAST($ideal_cycle AS DOUBLE), i.pri) AS pri, c.parts
  FROM (
    SELECT b.m, b.role, r.nanos, CASE WHEN r.step > 0 THEN r.step ELSE r.value END AS parts
    FROM counters r JOIN bound b ON b.node = r.node WHERE r.step > 0 OR (r.step < 0 AND r.value > 0)
  ) c LEFT JOIN (SELECT * FROM ideal WHERE till > since) i ON i.m = c.m AND c.nanos >= i.since AND c.nanos < i.till
  LEFT JOIN totals o ON o.m = c.m
  LEFT JOIN product_runs x ON x.m = c.m AND c.nanos >= x.since AND c.nanos < x.till
),
parts AS (
  SELECT g.g, p.p, sum(CASE WHEN t.fresh THEN t.millionths ELSE 0 END) AS pq,
         sum(CASE WHEN t.role = 'good' THEN t.millionths WHEN t.fresh THEN 0 ELSE -t.millionths END) AS gq,
         sum(CASE WHEN t.role = 'scrap' THEN t.millionths ELSE 0 END) AS sq,
         sum(CASE WHEN t.role = 'rework' THEN t.millionths ELSE 0 END) AS rq,
         sum(CASE WHEN t.fresh AND t.pri IS NULL THEN 1 ELSE 0 END) AS unpriced,
         sum(CASE WHEN t.fresh THEN CAST(round(t.parts * t.pri * 1000000) AS DECIMAL(38, 0)) END) AS ideal_us
  FROM (SELECT *, CAST(round(parts * 1000000) AS DECIMAL(38, 0)) AS millionths FROM made) t
  JOIN places g ON g.m = t.m JOIN periods p ON t.nanos >= p.since AND t.nanos < p.till
  GROUP BY g.g, p.p
)
