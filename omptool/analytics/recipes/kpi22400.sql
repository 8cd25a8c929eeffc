/* omptool
title = "Key performance indicators of ISO 22400"
about = "One row per indicator that states and counters give; of a table one per indicator that its columns give."
formula = [
  "A: Availability = APT / PBT",
  "E: Effectiveness = PRI * PQ / APT",
  "Q: Quality ratio = GQ / PQ",
  "OEE: OEE index = A * E * Q",
  "NEE: NEE index = AUPT / PBT * E * Q",
  "SeR: Setup rate = AUST / AUPT",
  "TE: Technical efficiency = APT / (APT + ADET)",
  "UE: Utilization efficiency = APT / AUBT",
  "AE: Allocation efficiency = AUBT / PBT",
  "AR: Allocation ratio = AUBT / AOET",
  "PR: Production process ratio = APT / AOET",
  "TR: Throughput rate, per s = PQ / AOET",
  "SR: Scrap ratio = SQ / PQ",
  "RR: Rework ratio = RQ / PQ",
  "APSR: Actual to planned scrap ratio = SQ / PSQ",
  "FPY: First pass yield = GP / IP",
  "FOR: Fall off ratio = SQ / PQ of the first production order sequence",
  "CMR: Corrective maintenance ratio = CMT / (CMT + PMT)",
  "ELR: Equipment load ratio = PQ / EPC",
  "WE: Worker efficiency = APWT / APAT",
  "FGR: Finished goods ratio = GQ / CM",
  "IGR: Integrated goods ratio = IGQ / CM",
  "PLR: Production loss ratio = PL / CM",
  "STLR: Storage and transportation loss ratio = STL / CM",
  "OLR: Other loss ratio = OL / CM",
  "IT: Inventory turns = Throughput / average inventory",
  "AUPT = APT + AUST; AUBT = AUPT + ADET; PBT = AOET = AUBT + ADOT",
]
source = "ISO 22400-2; time elements as OPC 40501-1 C.2.3 maps them to OPC 40001-1"
evidence = "published formula"
share = ["own", "elements"]
parts = ["window", "captures", "heard", "picked", "firsts", "timeline", "elements", "counters", "parts"]
labels = ["kpi"]
order = ["place"]

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
[table.apt]
about = "actual production time, s"
required = false
[table.aupt]
about = "actual unit processing time, s; without it apt + aust"
required = false
[table.aubt]
about = "actual unit busy time, s; without it aupt + adet"
required = false
[table.aoet]
about = "actual order execution time, s; without it aubt + adot"
required = false
[table.pbt]
about = "planned busy time, s; without it aoet"
required = false
[table.pri]
about = "planned run time per item, s"
globs = ["pru"]
required = false
[table.pq]
about = "produced quantity"
required = false
[table.gq]
about = "good quantity"
required = false
[table.psq]
about = "planned scrap quantity"
required = false
[table.gp]
about = "good parts at the first pass"
required = false
[table.ip]
about = "inspected parts"
required = false
[table.pq_first]
about = "produced quantity of the first operation of an order"
required = false
[table.cmt]
about = "corrective maintenance time, s"
required = false
[table.pmt]
about = "planned maintenance time, s"
required = false
[table.epc]
about = "equipment production capacity"
required = false
[table.apwt]
about = "actual personnel work time, s"
required = false
[table.apat]
about = "actual personnel attendance time, s"
required = false
[table.cm]
about = "consumed material"
required = false
[table.igq]
about = "integrated good quantity"
required = false
[table.pl]
about = "production loss"
required = false
[table.stl]
about = "storage and transportation loss"
required = false
[table.ol]
about = "other loss"
required = false
[table.throughput]
about = "throughput, of the inventory"
required = false
[table.inventory]
about = "average inventory"
required = false
[parameters.ideal_cycle]
type = "float"
about = "ideal cycle time in seconds, instead of the role ideal"
above = 0
[columns.kpi]
about = "short name"
[columns.name]
about = "of ISO 22400-2"
[columns.value]
unit = "1"
about = "the indicator; not cut at 1; OEE and NEE are 0 when nothing was produced in planned time"
[columns.formula]
about = "from the elements of ISO 22400-2; times and quantities"
[columns.coverage]
unit = "1"
about = "1 - time in gaps or before the first value / window"
[columns.percent_good]
unit = "%"
about = "time in which all values used were Good"
*/
-- telemetry
elements AS (
  SELECT site, area, line, machine, product, start, "end", ideal_s, pq, gq, sq, rq, coverage AS seen_share, percent_good AS good_share,
         true AS of_machines,
         CAST(apt AS DOUBLE) AS apt_ns, CAST(aust AS DOUBLE) AS aust_ns, CAST(adet AS DOUBLE) AS adet_ns,
         CAST(apt + aust AS DOUBLE) AS aupt_ns, CAST(apt + aust + adet AS DOUBLE) AS aubt_ns, CAST(pbt AS DOUBLE) AS aoet_ns,
         CAST(pbt AS DOUBLE) AS pbt_ns,
         CAST(NULL AS DOUBLE) AS psq, CAST(NULL AS DOUBLE) AS gp, CAST(NULL AS DOUBLE) AS ip,
         CAST(NULL AS DOUBLE) AS pq_first, CAST(NULL AS DOUBLE) AS cmt, CAST(NULL AS DOUBLE) AS pmt,
         CAST(NULL AS DOUBLE) AS epc, CAST(NULL AS DOUBLE) AS apwt, CAST(NULL AS DOUBLE) AS apat,
         CAST(NULL AS DOUBLE) AS cm, CAST(NULL AS DOUBLE) AS igq, CAST(NULL AS DOUBLE) AS pl, CAST(NULL AS DOUBLE) AS stl,
         CAST(NULL AS DOUBLE) AS ol, CAST(NULL AS DOUBLE) AS throughput, CAST(NULL AS DOUBLE) AS inventory
  FROM (
  SELECT n.site, n.area, n.line, n.machine, n.product, w.start, w."end", t.apt, t.aust, t.adet, t.adot, t.apt + t.aust + t.adet + t.adot AS pbt,
         s.ns AS calendar, t.unexplained, s.coverage, s.percent_good,
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
  SELECT *, pri * pq AS ideal_s, apt * 1e9 AS apt_ns, aust * 1e9 AS aust_ns, adet * 1e9 AS adet_ns,
         coalesce(aupt, apt + aust) * 1e9 AS aupt_ns, coalesce(aubt, aupt + adet, apt + aust + adet) * 1e9 AS aubt_ns,
         coalesce(aoet, aubt + adot, aupt + adet + adot, apt + aust + adet + adot) * 1e9 AS aoet_ns,
         coalesce(pbt, aoet, aubt + adot, aupt + adet + adot, apt + aust + adet + adot) * 1e9 AS pbt_ns,
         CAST(NULL AS DOUBLE) AS seen_share, CAST(NULL AS DOUBLE) AS good_share, false AS of_machines
  FROM input
)
-- result
-- an indicator that no row of a table gives has no rows; of machines the first fourteen have, even where they say too little
SELECT * FROM (
  SELECT *, max(CASE WHEN inputs IS NULL THEN 0 ELSE 1 END) OVER (PARTITION BY place) AS given,
         coalesce(seen_share, CASE WHEN inputs IS NULL THEN 0.0 ELSE 1.0 END) AS coverage,
         coalesce(good_share, CASE WHEN inputs IS NULL THEN 0.0 ELSE 100.0 END) AS percent_good
  FROM (
    SELECT e.*, k.place, k.kpi, k.name, k.formula,
         CASE k.place
           WHEN 1 THEN apt_ns / nullif(pbt_ns, 0)
           WHEN 2 THEN ideal_s * 1000000000 / nullif(apt_ns, 0)
           WHEN 3 THEN gq / nullif(pq, 0)
           WHEN 4 THEN CASE WHEN pq = 0 AND pbt_ns > 0 AND coalesce(seen_share, 1) > 0 THEN 0.0
              ELSE ideal_s * 1000000000 / nullif(pbt_ns, 0) * (gq / nullif(pq, 0)) END
           WHEN 5 THEN CASE WHEN pq = 0 AND pbt_ns > 0 AND coalesce(seen_share, 1) > 0 THEN 0.0
              ELSE aupt_ns / nullif(pbt_ns, 0) * (ideal_s * 1000000000 / nullif(apt_ns, 0)) * (gq / nullif(pq, 0)) END
           WHEN 6 THEN aust_ns / nullif(aupt_ns, 0)
           WHEN 7 THEN apt_ns / nullif(apt_ns + adet_ns, 0)
           WHEN 8 THEN apt_ns / nullif(aubt_ns, 0)
           WHEN 9 THEN aubt_ns / nullif(pbt_ns, 0)
           WHEN 10 THEN aubt_ns / nullif(aoet_ns, 0)
           WHEN 11 THEN apt_ns / nullif(aoet_ns, 0)
           WHEN 12 THEN pq * 1000000000 / nullif(aoet_ns, 0)
           WHEN 13 THEN sq / nullif(pq, 0)
           WHEN 14 THEN rq / nullif(pq, 0)
           WHEN 15 THEN sq / nullif(psq, 0)
           WHEN 16 THEN gp / nullif(ip, 0)
           WHEN 17 THEN sq / nullif(pq_first, 0)
           WHEN 18 THEN cmt / nullif(cmt + pmt, 0)
           WHEN 19 THEN pq / nullif(epc, 0)
           WHEN 20 THEN apwt / nullif(apat, 0)
           WHEN 21 THEN gq / nullif(cm, 0)
           WHEN 22 THEN igq / nullif(cm, 0)
           WHEN 23 THEN pl / nullif(cm, 0)
           WHEN 24 THEN stl / nullif(cm, 0)
           WHEN 25 THEN ol / nullif(cm, 0)
           WHEN 26 THEN throughput / nullif(inventory, 0) END AS value,
         CASE k.place
           WHEN 1 THEN apt_ns + pbt_ns WHEN 2 THEN ideal_s + apt_ns WHEN 3 THEN gq + pq
           WHEN 4 THEN ideal_s + pbt_ns + gq + pq WHEN 5 THEN aupt_ns + ideal_s + pbt_ns + apt_ns + gq + pq
           WHEN 6 THEN aust_ns + aupt_ns WHEN 7 THEN apt_ns + adet_ns WHEN 8 THEN apt_ns + aubt_ns
           WHEN 9 THEN aubt_ns + pbt_ns WHEN 10 THEN aubt_ns + aoet_ns WHEN 11 THEN apt_ns + aoet_ns
           WHEN 12 THEN pq + aoet_ns WHEN 13 THEN sq + pq WHEN 14 THEN rq + pq WHEN 15 THEN sq + psq WHEN 16 THEN gp + ip
           WHEN 17 THEN sq + pq_first WHEN 18 THEN cmt + pmt WHEN 19 THEN pq + epc WHEN 20 THEN apwt + apat
           WHEN 21 THEN gq + cm WHEN 22 THEN igq + cm WHEN 23 THEN pl + cm WHEN 24 THEN stl + cm WHEN 25 THEN ol + cm
           WHEN 26 THEN throughput + inventory END AS inputs
    FROM elements e CROSS JOIN (VALUES
  (1, 'A', 'Availability', 'APT / PBT'),
  (2, 'E', 'Effectiveness', 'PRI * PQ / APT'),
  (3, 'Q', 'Quality ratio', 'GQ / PQ'),
  (4, 'OEE', 'OEE index', 'A * E * Q'),
  (5, 'NEE', 'NEE index', 'AUPT / PBT * E * Q'),
  (6, 'SeR', 'Setup rate', 'AUST / AUPT'),
  (7, 'TE', 'Technical efficiency', 'APT / (APT + ADET)'),
  (8, 'UE', 'Utilization efficiency', 'APT / AUBT'),
  (9, 'AE', 'Allocation efficiency', 'AUBT / PBT'),
  (10, 'AR', 'Allocation ratio', 'AUBT / AOET'),
  (11, 'PR', 'Production process ratio', 'APT / AOET'),
  (12, 'TR', 'Throughput rate, per s', 'PQ / AOET'),
  (13, 'SR', 'Scrap ratio', 'SQ / PQ'),
  (14, 'RR', 'Rework ratio', 'RQ / PQ'),
  (15, 'APSR', 'Actual to planned scrap ratio', 'SQ / PSQ'),
  (16, 'FPY', 'First pass yield', 'GP / IP'),
  (17, 'FOR', 'Fall off ratio', 'SQ / PQ of the first production order sequence'),
  (18, 'CMR', 'Corrective maintenance ratio', 'CMT / (CMT + PMT)'),
  (19, 'ELR', 'Equipment load ratio', 'PQ / EPC'),
  (20, 'WE', 'Worker efficiency', 'APWT / APAT'),
  (21, 'FGR', 'Finished goods ratio', 'GQ / CM'),
  (22, 'IGR', 'Integrated goods ratio', 'IGQ / CM'),
  (23, 'PLR', 'Production loss ratio', 'PL / CM'),
  (24, 'STLR', 'Storage and transportation loss ratio', 'STL / CM'),
  (25, 'OLR', 'Other loss ratio', 'OL / CM'),
  (26, 'IT', 'Inventory turns', 'Throughput / average inventory')
    ) AS k(place, kpi, name, formula)
  ) told
) known WHERE given = 1 OR (of_machines AND place <= 14)
