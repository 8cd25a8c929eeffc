-- Parts made, by the rise of their counters, and the ideal time of each.
product_ideals AS (
  SELECT unnest(CAST($ideal_products AS VARCHAR[])) AS product, unnest(CAST($ideal_seconds AS DOUBLE[])) AS seconds
),
-- [ideal_cycle] of plant.toml by product, where a tag says the product: such a machine has no node of the role ideal
told_ideals AS (
  SELECT p.m, p.nanos, p.tie, p.value FROM picked p JOIN bound b ON b.node = p.node
  WHERE p.kind = 3 AND b.role = 'ideal' AND p.grade < 2 AND abs(p.value) < 9007199254740992
  UNION ALL
  SELECT p.m, p.nanos, p.tie, i.seconds FROM picked p JOIN bound b ON b.node = p.node
  LEFT JOIN product_ideals i ON i.product = coalesce(p.value_text, CAST(TRY_CAST(p.value AS BIGINT) AS VARCHAR))
  WHERE p.kind = 3 AND b.role = 'product' AND p.grade < 2 AND $priced_by_product
),
ideals AS (
  SELECT m, nanos, tie, value, lag(value) OVER told AS before, row_number() OVER told AS place
  FROM told_ideals WINDOW told AS (PARTITION BY m ORDER BY nanos, tie)
),
-- at one moment the ideal time comes first: a part belongs to the product that begins with it
ideal AS (
  SELECT m, value AS pri, nanos AS since,
         lead(nanos, 1, CAST($end_nanos AS BIGINT)) OVER (PARTITION BY m ORDER BY nanos, tie) AS till
  FROM ideals WHERE place = 1 OR value IS DISTINCT FROM before
),
made AS (
  SELECT c.node, coalesce(x.run, c.m) AS m, c.nanos, c.tie, coalesce(CAST($ideal_cycle AS DOUBLE), i.pri) AS pri, c.parts
  FROM (
    SELECT node, m, nanos, tie, CASE WHEN step > 0 THEN step ELSE value END AS parts
    FROM counters WHERE step > 0 OR (step < 0 AND value > 0)
  ) c LEFT JOIN (SELECT * FROM ideal WHERE till > since) i ON i.m = c.m AND c.nanos >= i.since AND c.nanos < i.till
  LEFT JOIN product_runs x ON x.m = c.m AND c.nanos >= x.since AND c.nanos < x.till
),
-- sums are of whole millionths: in any order, on any number of threads, to the same last digit
made_by_node AS (
  SELECT t.node, t.m, p.p, sum(CAST(round(t.parts * 1000000) AS DECIMAL(38, 0))) AS millionths,
         sum(CASE WHEN t.pri IS NULL THEN 1 ELSE 0 END) AS unpriced,
         sum(CAST(round(t.parts * t.pri * 1000000) AS DECIMAL(38, 0))) AS ideal_us
  FROM made t JOIN periods p ON t.nanos >= p.since AND t.nanos < p.till
  GROUP BY t.node, t.m, p.p
),
parts AS (
  SELECT g.g, t.p, sum(t.millionths) AS pq, sum(CASE WHEN b.role = 'good' THEN t.millionths ELSE 0 END) AS gq,
         sum(CASE WHEN b.role = 'scrap' THEN t.millionths ELSE 0 END) AS sq,
         sum(CASE WHEN b.role = 'rework' THEN t.millionths ELSE 0 END) AS rq,
         sum(t.unpriced) AS unpriced, sum(t.ideal_us) AS ideal_us
  FROM made_by_node t JOIN bound b ON b.node = t.node JOIN places g ON g.m = t.m
  GROUP BY g.g, t.p
)
