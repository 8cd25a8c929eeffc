-- Where captures record a node at the same time, one has the word: the one that began last, until it ends. So nothing is
-- told twice, and what comes late in one of them does not contradict what another one said before.
streams AS (
  SELECT node, tie // 1099511627776 AS capture, min(nanos) AS since, max(nanos) AS till,
         min(CASE WHEN NOT initial THEN nanos END) AS live
  FROM heard GROUP BY node, tie // 1099511627776
),
-- when each one recorded a server. First values may be older than their capture
ranges AS (
  SELECT b.server, s.capture, min(s.live) AS since,
         CASE WHEN count(g.capture) > 0 THEN 9223372036854775807 ELSE max(s.till) END AS till
  FROM streams s JOIN bound b ON b.node = s.node JOIN captures c ON c.base = s.capture * 1099511627776
  LEFT JOIN (SELECT DISTINCT server, capture FROM telemetry WHERE time >= $end AND time < $later) g
    ON g.server = b.server AND g.capture = c.capture
  GROUP BY b.server, s.capture
),
at_once AS (
  SELECT l.server, l.capture, r.capture AS other, r.since, r.till
  FROM ranges l JOIN ranges r ON r.server = l.server AND r.since <= l.till
   AND (r.since > l.since OR (r.since = l.since AND r.capture > l.capture))
),
-- and first values that repeat one of another capture, which are older than their own
unheard AS (
  SELECT s.node, s.capture, greatest(l.since, o.since) AS since, l.till
  FROM at_once l JOIN streams s ON s.capture = l.capture JOIN bound b ON b.node = s.node AND b.server = l.server
  JOIN streams o ON o.capture = l.other AND o.node = s.node
  UNION ALL
  SELECT i.node, l.other, i.nanos, i.nanos
  FROM at_once l JOIN heard i ON i.initial AND i.tie // 1099511627776 = l.other AND i.nanos < l.since
  JOIN bound b ON b.node = i.node AND b.server = l.server
  JOIN heard h ON h.node = i.node AND h.nanos = i.nanos AND h.tie // 1099511627776 = l.capture
   AND h.grade = i.grade AND h.value IS NOT DISTINCT FROM i.value AND h.value_text IS NOT DISTINCT FROM i.value_text
),
spoken AS (
  SELECT node, m, kind, grade, nanos, tie, value, value_text FROM heard h
  WHERE NOT EXISTS (SELECT 1 FROM unheard u WHERE u.node = h.node AND u.capture = h.tie // 1099511627776
                    AND h.nanos >= u.since AND h.nanos <= u.till)
),
picked AS (SELECT node, m, kind, grade, nanos, tie, value, value_text FROM spoken WHERE nanos < $end_nanos)
