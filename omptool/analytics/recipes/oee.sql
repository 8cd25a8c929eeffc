/* omptool
title = "OEE index with availability, effectiveness and quality ratio"
about = "How much of the planned time became good parts, and where the rest went."
formula = [
  "availability = apt / pbt",
  "effectiveness = pri * pq / apt, with the ideal cycle time of each part at its moment",
  "quality_ratio = gq / pq",
  "oee_index = availability * effectiveness * quality_ratio",
  "pbt = apt + aust + adet + adot; apt: Executing in Processing, aust: Executing in Setup, adet: OutOfService, adot: NotExecuting; NotAvailable is not planned",
  "gq, sq, rq = rise of the counters; a counter that falls has started again at 0; pq = gq + sq + rq",
]
source = "ISO 22400-2; time elements as OPC 40501-1 C.2.3 maps them to OPC 40001-1"
evidence = "published value"
share = ["own", "elements"]
parts = ["window", "captures", "heard", "picked", "firsts", "timeline", "elements", "counters", "parts"]
chart = "oee_index"

[roles.state]
about = "what the machine does: a word of OPC 40001-1, or a code that [states] of plant.toml explains"
[roles.mode]
about = "MachineryOperationMode of OPC 40001-1; without it, Executing is production"
required = false
[roles.good]
about = "counter of good parts"
instead = "produced"
[roles.produced]
about = "counter of all parts, good or not, of machines that do not count the good ones"
required = false
[roles.scrap]
about = "counter of scrapped parts; without it there are none"
required = false
[roles.rework]
about = "counter of parts to be reworked; without it there are none"
required = false
[roles.ideal]
about = "ideal cycle time of a part (PRI), s"
parameter = "ideal_cycle"
[roles.product]
about = "product that is being made, for [ideal_cycle] of plant.toml and for --by product"
required = false

[table.pbt]
about = "planned busy time, s"
[table.apt]
about = "actual production time, s"
[table.pri]
about = "planned run time per item, s"
globs = ["pru"]
[table.pq]
about = "produced quantity"
[table.gq]
about = "good quantity"

[parameters.ideal_cycle]
type = "float"
about = "ideal cycle time in seconds, instead of the role ideal"
above = 0

[columns.availability]
unit = "1"
about = "apt / pbt"
[columns.effectiveness]
unit = "1"
about = "ideal time of the parts / apt; above 1 when the ideal cycle time is too long"
[columns.quality_ratio]
unit = "1"
about = "gq / pq"
[columns.oee_index]
unit = "1"
about = "product of the three; 0 when nothing was produced in planned time"
[columns.pbt]
unit = "s"
about = "planned busy time"
[columns.apt]
unit = "s"
about = "actual production time"
[columns.aust]
unit = "s"
about = "actual unit setup time"
[columns.adet]
unit = "s"
about = "actual unit delay time"
[columns.adot]
unit = "s"
about = "actual unit down time"
[columns.unplanned_s]
unit = "s"
about = "not planned: NotAvailable"
[columns.unassigned_s]
unit = "s"
about = "state unknown: gap, Bad, before the first value, or a code nobody explained"
[columns.ideal_s]
unit = "s"
about = "pri * pq, summed over the parts"
[columns.pq]
about = "produced quantity"
[columns.gq]
about = "good quantity"
[columns.sq]
about = "scrap quantity"
[columns.rq]
about = "rework quantity"
[columns.note]
about = "what is odd about the row, else null"
[columns.coverage]
unit = "1"
about = "1 - time in gaps or before the first value / window"
[columns.percent_good]
unit = "%"
about = "time in which all values used were Good"
*/
-- telemetry
elements AS (
  SELECT n.site, n.area, n.line, n.machine, n.product, w.start, w."end",
         (t.apt + t.aust + t.adet + t.adot) / CAST(1000000000 AS DOUBLE) AS pbt,
         t.apt / CAST(1000000000 AS DOUBLE) AS apt, t.aust / CAST(1000000000 AS DOUBLE) AS aust,
         t.adet / CAST(1000000000 AS DOUBLE) AS adet, t.adot / CAST(1000000000 AS DOUBLE) AS adot,
         t.unplanned / CAST(1000000000 AS DOUBLE) AS unplanned_s,
         (s.ns - t.apt - t.aust - t.adet - t.adot - t.unplanned) / CAST(1000000000 AS DOUBLE) AS unassigned_s,
         CASE WHEN coalesce(p.unpriced, 0) = 0 AND u.role IS NULL THEN CAST(coalesce(p.ideal_us, 0) AS DOUBLE) / 1000000 END AS ideal_s,
         CASE WHEN u.role IS NULL THEN CAST(coalesce(p.pq, 0) AS DOUBLE) / 1000000 END AS pq,
         CASE WHEN u.role IS NULL THEN CAST(coalesce(p.gq, 0) AS DOUBLE) / 1000000 END AS gq,
         CAST(coalesce(p.sq, 0) AS DOUBLE) / 1000000 AS sq, CAST(coalesce(p.rq, 0) AS DOUBLE) / 1000000 AS rq,
         t.unexplained, p.unpriced_product, u.role AS lacking, s.coverage, s.percent_good
  FROM times t JOIN seen s ON s.g = t.g AND s.p = t.p JOIN groups n ON n.g = t.g JOIN periods w ON w.p = t.p
  LEFT JOIN parts p ON p.g = t.g AND p.p = t.p LEFT JOIN unread u ON u.g = t.g // $product_count
)
-- table
elements AS (
  SELECT *, CASE WHEN isfinite(pri * pq) THEN pri * pq END AS ideal_s, CAST(NULL AS DOUBLE) AS unplanned_s, CAST(NULL AS DOUBLE) AS unassigned_s,
         CAST(NULL AS VARCHAR) AS unexplained, CAST(NULL AS VARCHAR) AS unpriced_product,
         nullif(concat_ws(', ', CASE WHEN pbt IS NULL THEN 'pbt' END, CASE WHEN apt IS NULL THEN 'apt' END,
                          CASE WHEN pri IS NULL THEN 'pri' END, CASE WHEN pq IS NULL THEN 'pq' END,
                          CASE WHEN gq IS NULL THEN 'gq' END, CASE WHEN NOT isfinite(pri * pq) THEN 'pri * pq' END), '') AS lacking,
         CASE WHEN isfinite(pri * pq) AND pbt + apt + gq IS NOT NULL THEN 1.0 ELSE 0.0 END AS coverage,
         CASE WHEN isfinite(pri * pq) AND pbt + apt + gq IS NOT NULL THEN 100.0 ELSE 0.0 END AS percent_good
  FROM input
)
-- result
SELECT *, apt / nullif(pbt, 0) AS availability, ideal_s / nullif(apt, 0) AS effectiveness,
       gq / nullif(pq, 0) AS quality_ratio,
       CASE WHEN pbt > 0 AND pq = 0 AND coverage > 0 THEN 0.0
            ELSE (apt / nullif(pbt, 0)) * (ideal_s / nullif(apt, 0)) * (gq / nullif(pq, 0))
       END AS oee_index,
       CASE WHEN unexplained IS NOT NULL THEN concat('state ', unexplained, ' has no meaning: add it to [states] of plant.toml')
            WHEN lacking IS NOT NULL THEN concat('no number in ', lacking)
            WHEN ideal_s IS NULL AND unpriced_product IS NOT NULL
            THEN concat('parts of ', unpriced_product, ' have no ideal cycle time: add it to [ideal_cycle] of plant.toml')
            WHEN ideal_s IS NULL
            THEN 'parts without an ideal cycle time: none was said before them; give --param ideal_cycle=SECONDS'
            ELSE nullif(concat_ws('; ',
              CASE WHEN least(pbt, apt, ideal_s, pq, gq) < 0 THEN 'a number is below 0' END,
              CASE WHEN apt > pbt THEN 'availability above 1: apt is longer than pbt' END,
              CASE WHEN pbt = 0 AND unplanned_s IS NULL THEN 'no planned busy time' END,
              CASE WHEN apt > 0 AND ideal_s > apt
                   THEN 'effectiveness above 1: the ideal cycle time is longer than the machine takes' END,
              CASE WHEN apt = 0 AND pq > 0 THEN 'no effectiveness: parts were made in no production time' END,
              CASE WHEN gq > pq THEN 'quality ratio above 1: more good parts than parts' END), '')
       END AS note
FROM elements
