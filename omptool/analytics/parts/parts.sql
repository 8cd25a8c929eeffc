-- Parts made, by the rise of their counters, and the ideal time of each.
product_ideals AS (
  SELECT unnest(CAST($ideal_books AS INTEGER[])) AS book, unnest(CAST($ideal_products AS VARCHAR[])) AS product,
         unnest(CAST($ideal_seconds AS DOUBLE[])) AS seconds
),
-- [ideal_cycle] of plant.toml by product, where a tag says the product: such a machine has a book, and no node of the role
-- ideal. `product` is one that the book does not name
told_ideals AS (
  SELECT p.m, p.nanos, p.tie, p.value, CAST(NULL AS VARCHAR) AS product FROM picked p JOIN bound b ON b.node = p.node
  WHERE p.kind = 3 AND b.role = 'ideal' AND p.grade < 2 AND abs(p.value) < 9007199254740992
  UNION ALL
  SELECT p.m, p.nanos, p.tie, i.seconds, CASE WHEN i.seconds IS NULL THEN nullif(p.label, '') END
  FROM (SELECT *, coalesce(value_text, CAST(TRY_CAST(value AS BIGINT) AS VARCHAR)) AS label FROM picked) p
  JOIN bound b ON b.node = p.node LEFT JOIN product_ideals i ON i.book = b.book AND i.product = p.label
  WHERE p.kind = 3 AND b.role = 'product' AND p.grade < 2 AND b.book > 0
),
ideals AS (
  SELECT m, nanos, tie, value, product, lag(value) OVER told AS before, lag(product) OVER told AS product_before,
         row_number() OVER told AS place
  FROM told_ideals WINDOW told AS (PARTITION BY m ORDER BY nanos, tie)
),
-- at one moment the ideal time comes first: a part belongs to the product that begins with it
ideal AS (
  SELECT m, value AS pri, product, nanos AS since,
         lead(nanos, 1, CAST($end_nanos AS BIGINT)) OVER (PARTITION BY m ORDER BY nanos, tie) AS till
  FROM ideals WHERE place = 1 OR value IS DISTINCT FROM before OR product IS DISTINCT FROM product_before
),
made AS (
  SELECT c.node, coalesce(x.run, c.m) AS m, c.nanos, c.before, coalesce(CAST($ideal_cycle AS DOUBLE), i.pri) AS pri, i.product, c.parts
  FROM (
    SELECT node, m, nanos, before, CASE WHEN step > 0 THEN step ELSE value END AS parts
    FROM counters WHERE kind = 1 AND (step > 0 OR (step < 0 AND value > 0))
  ) c LEFT JOIN (SELECT * FROM ideal WHERE till > since) i ON i.m = c.m AND c.nanos >= i.since AND c.nanos < i.till
  LEFT JOIN product_runs x ON x.m = c.m AND c.nanos >= x.since AND c.nanos < x.till
),
-- what a counter counts; where one counts all parts, scrap and rework are among them (not `fresh`), and what remains is good
makers AS (
  SELECT b.node, CASE WHEN b.role = 'produced' THEN 'good' ELSE b.role END AS role,
         NOT (b.role IN ('scrap', 'rework') AND o.m IS NOT NULL) AS fresh
  FROM bound b LEFT JOIN (SELECT DISTINCT m FROM bound WHERE role = 'produced') o ON o.m = b.m
),
-- counters that never say a number: nobody knows what their machines made
unread AS (
  SELECT g.g, min(b.role) AS role FROM firsts f JOIN bound b ON b.node = f.node JOIN stands g ON g.m = b.m
  WHERE f.wordy GROUP BY g.g
),
-- sums are of whole millionths: in any order, on any number of threads, to the same last digit
made_by_node AS (
  SELECT t.node, t.m, p.p, sum(CAST(round(t.parts * 1000000) AS DECIMAL(38, 0))) AS millionths,
         sum(CASE WHEN t.pri IS NULL THEN 1 ELSE 0 END) AS unpriced, min(t.product) AS unpriced_product,
         sum(CAST(round(t.parts * t.pri * 1000000) AS DECIMAL(38, 0))) AS ideal_us
  FROM made t JOIN periods p ON t.nanos >= p.since AND t.nanos < p.till
  GROUP BY t.node, t.m, p.p
),
parts AS (
  SELECT g.g, t.p, sum(CASE WHEN k.fresh THEN t.millionths ELSE 0 END) AS pq,
         sum(CASE WHEN k.role = 'good' THEN t.millionths WHEN k.fresh THEN 0 ELSE -t.millionths END) AS gq,
         sum(CASE WHEN k.role = 'scrap' THEN t.millionths ELSE 0 END) AS sq,
         sum(CASE WHEN k.role = 'rework' THEN t.millionths ELSE 0 END) AS rq,
         sum(CASE WHEN k.fresh THEN t.unpriced ELSE 0 END) AS unpriced,
         min(CASE WHEN k.fresh THEN t.unpriced_product END) AS unpriced_product, sum(CASE WHEN k.fresh THEN t.ideal_us END) AS ideal_us
  FROM made_by_node t JOIN makers k ON k.node = t.node JOIN places g ON g.m = t.m
  GROUP BY g.g, t.p
)
