/* omptool
title = "TEEP and NEE: effectiveness of all the time there is"
about = "OEE against the calendar instead of the planned time, and with setup counted as use."
formula = [
  "utilization = pbt / calendar; calendar = the whole window",
  "teep_index = oee_index * utilization",
  "nee_index = (apt + aust) / pbt * effectiveness * quality_ratio",
  "the rest as in oee",
]
source = "ISO 22400-2; time elements as OPC 40501-1 C.2.3 maps them to OPC 40001-1; TEEP as OEE * planned / calendar time (mdcplus, leanworx)"
evidence = "published formula"
parts = ["window", "captures", "heard", "picked", "firsts", "timeline", "elements", "counters", "parts"]
chart = "teep_index"

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
[table.aust]
about = "actual unit setup time, s"
globs = ["asut"]
required = false
[table.pri]
about = "planned run time per item, s"
globs = ["pru"]
[table.pq]
about = "produced quantity"
[table.gq]
about = "good quantity"
[table.calendar]
about = "all the time there is, s"
[parameters.ideal_cycle]
type = "float"
about = "ideal cycle time in seconds, instead of the role ideal"
above = 0
[columns.teep_index]
unit = "1"
about = "oee_index * utilization"
[columns.nee_index]
unit = "1"
about = "with setup as use"
[columns.oee_index]
unit = "1"
about = "availability * effectiveness * quality_ratio"
[columns.utilization]
unit = "1"
about = "pbt / calendar"
[columns.pbt]
unit = "s"
about = "planned busy time"
[columns.calendar_s]
unit = "s"
about = "the window"
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
  SELECT site, area, line, machine, product, start, "end", CAST(apt AS DOUBLE) / 1000000000 AS apt, CAST(aust AS DOUBLE) / 1000000000 AS aust,
         CAST(pbt AS DOUBLE) / 1000000000 AS pbt, CAST(calendar AS DOUBLE) / 1000000000 AS calendar, ideal_s, pq, gq, unexplained,
         unpriced_product, false AS of_table, lacking, coverage, percent_good
  FROM (
  SELECT n.site, n.area, n.line, n.machine, n.product, w.start, w."end", t.apt, t.aust, t.adet, t.adot, t.apt + t.aust + t.adet + t.adot AS pbt,
         s.ns AS calendar, t.unexplained, p.unpriced_product, u.role AS lacking, s.coverage, s.percent_good,
         CASE WHEN coalesce(p.unpriced, 0) = 0 AND u.role IS NULL THEN CAST(coalesce(p.ideal_us, 0) AS DOUBLE) / 1000000 END AS ideal_s,
         CASE WHEN u.role IS NULL THEN CAST(coalesce(p.pq, 0) AS DOUBLE) / 1000000 END AS pq,
         CASE WHEN u.role IS NULL THEN CAST(coalesce(p.gq, 0) AS DOUBLE) / 1000000 END AS gq,
         CAST(coalesce(p.sq, 0) AS DOUBLE) / 1000000 AS sq, CAST(coalesce(p.rq, 0) AS DOUBLE) / 1000000 AS rq
  FROM times t JOIN seen s ON s.g = t.g AND s.p = t.p JOIN groups n ON n.g = t.g JOIN periods w ON w.p = t.p
  LEFT JOIN parts p ON p.g = t.g AND p.p = t.p LEFT JOIN unread u ON u.g = t.g // $product_count
  ) whole
)
-- table
elements AS (
  SELECT *, CASE WHEN isfinite(pri * pq) THEN pri * pq END AS ideal_s, CAST(NULL AS VARCHAR) AS unexplained, true AS of_table,
         CAST(NULL AS VARCHAR) AS unpriced_product,
         nullif(concat_ws(', ', CASE WHEN pbt IS NULL THEN 'pbt' END, CASE WHEN apt IS NULL THEN 'apt' END,
                          CASE WHEN pri IS NULL THEN 'pri' END, CASE WHEN pq IS NULL THEN 'pq' END,
                          CASE WHEN gq IS NULL THEN 'gq' END, CASE WHEN NOT isfinite(pri * pq) THEN 'pri * pq' END,
                          CASE WHEN calendar IS NULL THEN 'calendar' END), '') AS lacking,
         CASE WHEN isfinite(pri * pq) AND pbt + apt + gq + calendar IS NOT NULL THEN 1.0 ELSE 0.0 END AS coverage,
         CASE WHEN isfinite(pri * pq) AND pbt + apt + gq + calendar IS NOT NULL THEN 100.0 ELSE 0.0 END AS percent_good
  FROM input
)
-- result
SELECT *, CASE WHEN pq = 0 AND pbt > 0 AND coverage > 0 THEN 0.0
               ELSE ideal_s / nullif(pbt, 0) * (gq / nullif(pq, 0)) END AS oee_index,
       CASE WHEN pq = 0 AND pbt > 0 AND coverage > 0 THEN 0.0
            ELSE ideal_s / nullif(calendar, 0) * (gq / nullif(pq, 0)) END AS teep_index,
       CASE WHEN pq = 0 AND pbt > 0 AND coverage > 0 THEN 0.0
            ELSE (apt + coalesce(aust, 0)) / nullif(pbt, 0) * (ideal_s / nullif(apt, 0)) * (gq / nullif(pq, 0)) END AS nee_index,
       pbt / nullif(calendar, 0) AS utilization, calendar AS calendar_s,
       CASE WHEN unexplained IS NOT NULL THEN concat('state ', unexplained, ' has no meaning: add it to [states] of plant.toml')
            WHEN lacking IS NOT NULL THEN concat('no number in ', lacking)
            WHEN ideal_s IS NULL AND unpriced_product IS NOT NULL
            THEN concat('parts of ', unpriced_product, ' have no ideal cycle time: add it to [ideal_cycle] of plant.toml')
            WHEN ideal_s IS NULL
            THEN 'parts without an ideal cycle time: none was said before them; give --param ideal_cycle=SECONDS'
            ELSE nullif(concat_ws('; ',
              CASE WHEN least(pbt, apt, coalesce(aust, 0), ideal_s, pq, gq, calendar) < 0 THEN 'a number is below 0' END,
              CASE WHEN pbt > calendar THEN 'utilization above 1: pbt is longer than calendar' END,
              CASE WHEN apt > pbt THEN 'availability above 1: apt is longer than pbt'
                   WHEN apt + aust > pbt * (1 + 1e-9) THEN 'use above 1: apt and aust together are longer than pbt' END,
              CASE WHEN pbt = 0 AND of_table THEN 'no planned busy time' END,
              CASE WHEN apt > 0 AND ideal_s > apt
                   THEN 'effectiveness above 1: the ideal cycle time is longer than the machine takes' END,
              CASE WHEN apt = 0 AND pq > 0 THEN 'no effectiveness: parts were made in no production time' END,
              CASE WHEN gq > pq THEN 'quality ratio above 1: more good parts than parts' END), '')
       END AS note
FROM elements
