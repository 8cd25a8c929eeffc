-- What the nodes with a role said before the end of the window. Rows are narrow and of numbers where that is possible,
-- because everything else reads them: `grade` is 0 Good, 1 Uncertain, 2 Bad. PackML counts
-- in structures, one per material: the first is what the machine makes, and AccCount does not start again with each order.
-- A state machine within another one is Bad while that is elsewhere: that says nothing.
-- What DOUBLE cannot say exactly is a text: serial numbers and products may be large integers.
-- `tie` orders the values of one moment: captures are numbered, behind that comes the place in the capture. It says when
-- a value came only where it came as it was measured: what was fetched later or imported counts as half a capture further.
-- Of meters the readings behind the window belong to it: the next one says how much of the last rise is within.
heard AS (
  SELECT b.node, b.m, b.kind,
         CAST(CASE t.quality WHEN 'Good' THEN 0 WHEN 'Uncertain' THEN 1 ELSE 2 END AS SMALLINT) AS grade,
         t.origin = 'initial' AS initial, epoch_us(t.time) * 1000 + t.time_ns AS nanos,
         c.base + t.seq + CASE WHEN t.origin IN ('history', 'republished', 'imported') THEN 549755813888 ELSE 0 END AS tie,
         CASE WHEN b.kind = 1
              THEN coalesce(t.value, TRY_CAST(regexp_extract(t.value_text, '"AccCount": ?([0-9]+)', 1) AS DOUBLE))
              ELSE t.value END AS value,
         coalesce(t.value_text, CAST(t.value_exact AS VARCHAR)) AS value_text
  FROM telemetry t JOIN bound b
    ON t.server = b.server AND t.node_id = b.node_id AND t.machine = b.machine AND t.site = b.site
  JOIN captures c ON c.capture = t.capture
  WHERE t.time < $until AND (t.time < $end OR b.kind = 4) AND (t.quality <> 'Bad' OR NOT b.nested)
)
