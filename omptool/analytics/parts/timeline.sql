-- One line of time per machine, cut wherever something changes: a state, a quality, a gap, a period.
codes AS (
  SELECT book, code, meaning, name,
         CASE WHEN CAST(TRY_CAST(code AS BIGINT) AS VARCHAR) = code THEN TRY_CAST(code AS BIGINT) END AS number
  FROM (
    SELECT unnest(CAST($code_books AS INTEGER[])) AS book, unnest(CAST($codes AS VARCHAR[])) AS code,
           unnest(CAST($meanings AS VARCHAR[])) AS meaning, unnest(CAST($code_names AS VARCHAR[])) AS name
  ) told
),
losses AS (
  SELECT DISTINCT b.m, g.server, g.capture, epoch_us(g.start_time) * 1000 AS since,
         CASE WHEN g.end_time IS NOT NULL THEN epoch_us(g.end_time) * 1000 END AS till
  FROM gaps g JOIN bound b ON g.server = b.server AND (g.node_id IS NULL OR g.node_id = b.node_id)
  WHERE g.state <> 'backfilled' AND g.start_time < $end
),
-- a gap without an end lasts until another capture has a value of this machine
resumed AS (
  SELECT l.m, l.server, l.capture, l.since, min(p.nanos) AS till
  FROM picked p JOIN bound b ON b.node = p.node
  JOIN (
    SELECT o.m, o.server, o.capture, o.since, c.base
    FROM losses o LEFT JOIN captures c ON c.capture = o.capture WHERE o.till IS NULL
  ) l ON l.m = b.m AND l.server = b.server AND p.nanos >= l.since
   AND (l.base IS NULL OR p.tie < l.base OR p.tie >= l.base + 1099511627776)
  GROUP BY l.m, l.server, l.capture, l.since
),
lost AS (
  SELECT l.m, l.since, coalesce(l.till, r.till, CAST($end_nanos AS BIGINT)) AS till
  FROM losses l LEFT JOIN resumed r
    ON r.m = l.m AND r.server = l.server AND r.capture = l.capture AND r.since = l.since AND l.till IS NULL
),
-- most nodes are always Good: only the others are looked at row by row
graded AS (
  SELECT p.m, p.nanos,
         CASE WHEN p.grade = 0 THEN 0 ELSE 1 END - lag(CASE WHEN p.grade = 0 THEN 0 ELSE 1 END, 1, 0) OVER node AS poor_change
  FROM picked p JOIN firsts f ON f.node = p.node WHERE f.worst > 0
  WINDOW node AS (PARTITION BY p.node ORDER BY p.nanos, p.tie)
),
-- what the machines said. The outer state machines of PackML say that an inner one has the word
labels AS (
  SELECT m, role, book, nanos, tie, known, number, label FROM (
    SELECT p.m, b.role, b.book, p.nanos, p.tie, p.grade < 2 AS known,
           CASE WHEN abs(p.value) < 9007199254740992 THEN TRY_CAST(p.value AS BIGINT) END AS number,
           coalesce(p.value_text, CAST(TRY_CAST(p.value AS BIGINT) AS VARCHAR), '') AS label
    FROM picked p JOIN bound b ON b.node = p.node WHERE p.kind = 2
  ) told WHERE NOT (book % 4 = 2 AND label IN ('Cleared', 'Running'))
),
-- words as numbers, so that rows are sorted by numbers alone; 0: not known
words AS (
  SELECT CAST(row_number() OVER (ORDER BY d.book, d.label, d.number) AS INTEGER) AS word, d.book, d.label, d.number,
         coalesce(a.name, d.label) AS name, coalesce(a.meaning, b.meaning, '') AS meaning
  FROM (SELECT DISTINCT book, label, number FROM labels WHERE known) d
  LEFT JOIN codes a ON a.code = d.label AND a.book = d.book LEFT JOIN codes b ON b.number = d.number AND b.book = d.book
),
said AS (
  SELECT m, nanos, tie, CASE WHEN role = 'state' THEN word END AS state, CASE WHEN role = 'mode' THEN word END AS mode,
         CASE WHEN role = 'reason' THEN word END AS reason
  FROM (
    SELECT l.m, l.nanos, l.tie, l.role, CASE WHEN l.known THEN w.word ELSE 0 END AS word
    FROM labels l LEFT JOIN words w ON w.label = l.label AND w.book = l.book AND w.number IS NOT DISTINCT FROM l.number
  ) told
),
-- a machine that said nothing yet is there beside others, as one of which nothing is known
machines AS (SELECT DISTINCT m FROM bound WHERE EXISTS (SELECT 1 FROM firsts)),
-- what is being made, as a number, where rows are asked for by product; 0: not known. The last word of a moment counts
product_names AS (
  SELECT unnest(CAST($products AS VARCHAR[])) AS product, unnest(CAST($product_numbers AS INTEGER[])) AS number
),
told_products AS (
  SELECT m, nanos, product FROM (
    SELECT p.m, p.nanos, coalesce(n.number, 0) AS product,
           row_number() OVER (PARTITION BY p.m, p.nanos ORDER BY p.tie DESC) AS place
    FROM picked p JOIN bound b ON b.node = p.node LEFT JOIN product_names n
      ON n.product = coalesce(p.value_text, CAST(TRY_CAST(p.value AS BIGINT) AS VARCHAR)) AND p.grade < 2
    WHERE p.kind = 3 AND b.role = 'product' AND $product_count > 1
  ) said WHERE place = 1
),
rests AS (
  SELECT m.m, s.since, s.till FROM machines m JOIN stands t ON t.m = m.m JOIN planned_stops s ON s.calendar = t.calendar
),
-- what begins or ends for a machine as a whole: `poor` counts nodes that are not Good, `gaps` gaps, `begun` roles that
-- had a value, `stops` planned stops; `p` is the period and `product` the product that begins
marks AS (
  SELECT m, nanos, poor_change AS poor, 0 AS gaps, 0 AS begun, 0 AS stops, CAST(NULL AS INTEGER) AS p,
         CAST(NULL AS INTEGER) AS product
  FROM graded WHERE poor_change <> 0
  UNION ALL SELECT b.m, min(f.nanos), 0, 0, 1, 0, NULL, NULL
  FROM firsts f JOIN bound b ON b.node = f.node WHERE b.needed GROUP BY b.m, b.role
  UNION ALL SELECT m, since, 0, 1, 0, 0, NULL, NULL FROM lost
  UNION ALL SELECT m, till, 0, -1, 0, 0, NULL, NULL FROM lost WHERE till < $end_nanos
  UNION ALL SELECT m, since, 0, 0, 0, 1, NULL, NULL FROM rests
  UNION ALL SELECT m, till, 0, 0, 0, -1, NULL, NULL FROM rests WHERE till < $end_nanos
  UNION ALL SELECT m.m, w.since, 0, 0, 0, 0, w.p, NULL FROM machines m CROSS JOIN periods w
  UNION ALL SELECT m, nanos, 0, 0, 0, 0, NULL, product FROM told_products
),
spans AS (
  SELECT m, nanos, CAST(row_number() OVER (ORDER BY m, nanos) AS INTEGER) AS span, max(p) OVER so_far AS p,
         sum(gaps) OVER so_far = 0 AND sum(begun) OVER so_far >= $needed_roles AS covered, sum(poor) OVER so_far = 0 AS good,
         sum(stops) OVER so_far > 0 AS planned_stop,
         CASE WHEN sum(gaps) OVER so_far = 0 THEN coalesce(last_value(product IGNORE NULLS) OVER so_far, 0) ELSE 0 END AS product
  FROM (
    SELECT m, nanos, sum(poor) AS poor, sum(gaps) AS gaps, sum(begun) AS begun, sum(stops) AS stops, max(p) AS p,
           max(product) AS product
    FROM marks GROUP BY m, nanos
  ) moments
  WINDOW so_far AS (PARTITION BY m ORDER BY nanos ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
-- every run of a product counts as a machine of its own: `run`, which is the machine where nobody asks for products, and
-- rises with time
product_spans AS (
  SELECT m, nanos, span, p, covered, good, planned_stop, product,
         m + $machine_count * sum(CASE WHEN product = before THEN 0 ELSE 1 END)
           OVER (PARTITION BY m ORDER BY nanos ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run
  FROM (SELECT *, lag(product, 1, 0) OVER (PARTITION BY m ORDER BY nanos) AS before FROM spans) told
),
product_runs AS (
  SELECT m, run, since, lead(since, 1, CAST($end_nanos AS BIGINT)) OVER (PARTITION BY m ORDER BY since) AS till
  FROM (SELECT m, run, min(nanos) AS since FROM product_spans WHERE $product_count > 1 GROUP BY m, run) begun
),
places AS (
  SELECT s.run AS m, g.g * $product_count + s.product AS g FROM product_spans s JOIN stands g ON g.m = s.m
  UNION SELECT m, g * $product_count FROM stands
),
-- a machine begins with words and a span that are none, so that one pass over machine after machine can say what lasts: those
-- of the one before are not its own
events AS (
  SELECT DISTINCT m, CAST(NULL AS BIGINT) AS nanos, 0 AS tie, -1 AS state, -1 AS mode, -1 AS reason, 0 AS span FROM bound
  UNION ALL SELECT m, nanos, tie, state, mode, reason, NULL FROM said
  UNION ALL SELECT m, nanos, 0, NULL, NULL, NULL, span FROM spans
),
lasting AS (
  SELECT m, nanos,
         CASE WHEN lead(m) OVER machine = m THEN lead(nanos) OVER machine ELSE CAST($end_nanos AS BIGINT) END - nanos AS ns,
         last_value(state IGNORE NULLS) OVER so_far AS state, last_value(mode IGNORE NULLS) OVER so_far AS mode,
         last_value(reason IGNORE NULLS) OVER so_far AS reason, last_value(span IGNORE NULLS) OVER so_far AS span
  FROM events
  WINDOW machine AS (PARTITION BY m ORDER BY nanos NULLS FIRST, tie),
         so_far AS (PARTITION BY m ORDER BY nanos NULLS FIRST, tie ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
),
-- stretches in which nothing changes, of machine `w` and its run of a product `m`; `ns` is their length, `covered` whether
-- their state is known, `reason` what the role of that name says, `element` the time element of ISO 22400 as OPC 40501-1
-- C.2.3 maps it, `own` what the machine means, in a planned stop too. Those of no period `p` lie before the window
lived AS (
  SELECT m, w, p, nanos, ns, mode, reason, good, covered, state, meaning, own,
         CASE WHEN meaning = 'Executing' AND mode = 'Processing' THEN 'APT'
              WHEN meaning = 'Setup' OR (meaning = 'Executing' AND mode = 'Setup') THEN 'AUST'
              WHEN meaning = 'OutOfService' THEN 'ADET' WHEN meaning = 'NotExecuting' THEN 'ADOT'
              WHEN meaning = 'NotAvailable' THEN 'NOT_PLANNED' ELSE 'UNASSIGNED' END AS element
  FROM (
    SELECT s.run AS m, l.m AS w, s.p, l.nanos, l.ns,
           CASE WHEN l.mode < 0 THEN 'Processing' ELSE coalesce(o.label, '') END AS mode, nullif(r.label, '') AS reason,
           s.covered AND s.good AS good, s.covered, CASE WHEN s.covered THEN nullif(t.name, '') END AS state,
           CASE WHEN NOT s.covered THEN NULL WHEN s.planned_stop THEN 'NotAvailable' ELSE nullif(t.meaning, '') END AS meaning,
           CASE WHEN s.covered THEN nullif(t.meaning, '') END AS own
    FROM lasting l JOIN product_spans s ON s.span = l.span LEFT JOIN words t ON t.word = l.state
    LEFT JOIN words o ON o.word = l.mode LEFT JOIN words r ON r.word = l.reason
    WHERE l.ns > 0
  ) told
),
timeline AS (SELECT * FROM lived WHERE p IS NOT NULL),
seen AS (
  SELECT g, p, sum(ns) AS ns, sum(CASE WHEN covered THEN ns ELSE 0 END) / CAST(sum(ns) AS DOUBLE) AS coverage,
         100.0 * sum(CASE WHEN good THEN ns ELSE 0 END) / CAST(sum(ns) AS DOUBLE) AS percent_good
  FROM timeline JOIN places USING (m) GROUP BY g, p
)
