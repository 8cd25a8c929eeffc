/* omptool
title = "Which rules of Western Electric and Nelson are violated, and where"
about = "A row per point and rule: for lists of what to look at; no row when nothing is violated."
formula = [
  "z = (x - center) / (sigma / sqrt(n)); a rule is violated at the point that completes its pattern, which is part of it",
  "WER1 and NEL1 |z| > 3; WER2 and NEL5 two of three, z > 2 or z < -2; WER3 and NEL6 four of five, z > 1 or z < -1",
  "WER4 eight and NEL2 nine in a row with z > 0 or z < 0; NEL3 six in a row that rise or fall; NEL4 fourteen by turns up and down",
  "NEL7 fifteen in a row with |z| < 1; NEL8 eight in a row with |z| > 1, not all on one side",
  "sigma = mean of R / d2(n) or s / c4(n) of subgroups, of single values mean moving range / d2(2)",
]
source = "Western Electric 1956; Nelson 1984; held against the cases of qcc"
evidence = "published value"
parts = ["values"]
labels = ["tag", "point", "rule"]
finish = "spc_rules"
series = true

[roles.value]
about = "tags to chart, each for itself"
many = true
[roles.subgroup]
about = "tag whose changes begin a new subgroup: serial number, batch, part counter; a point is the mean of a subgroup"
required = false

[table.value]
about = "measured value"
type = "any"
[table.order]
about = "what rows are sorted by; without it time, else as they come"
type = "any"
required = false
[table.time]
about = "when it was measured"
type = "time"
required = false
[table.subgroup]
about = "what belongs together; a point is the mean of a subgroup"
type = "any"
required = false
[table.baseline]
about = "whether limits come from this row: true, 1, yes"
type = "any"
required = false

[parameters.rules]
type = "text"
about = "western_electric, nelson, all, limits, or some: WER1 WER4 NEL3"
default = "all"
[parameters.size]
type = "int"
about = "values in a row that are a subgroup, where nothing else says what belongs together; 1: single values"
default = 1
[parameters.every]
type = "interval"
about = "values of this stretch of time, counted from midnight UTC, are a subgroup: 30s, 10m, 1h"
[parameters.spread]
type = "text"
about = "where sigma comes from: R, S, pooled; MR between points; without subgroups always MR"
default = "R"
[parameters.constants]
type = "text"
about = "d2 and d3: exact, or as in printed tables: rounded"
default = "exact"
[parameters.center]
type = "float"
about = "known center; default: mean of the baseline"
[parameters.sigma]
type = "float"
about = "known standard deviation; default: from the baseline"
[parameters.baseline]
type = "int"
about = "limits come from this many first points"
[parameters.baseline_start]
type = "time"
about = "limits come from values from then on"
[parameters.baseline_end]
type = "time"
about = "limits come from values before then"

[columns.tag]
about = "path below the machine"
[columns.point]
about = "number of the point that completes the pattern, from 1"
[columns.rule]
about = "name of the rule"
[columns.about]
about = "what it says"
[columns.first_point]
about = "where the pattern begins"
[columns.time]
about = "of the point's last value"
[columns.label]
about = "order or subgroup, as the table says it"
[columns.value]
about = "the value, or the mean of its subgroup"
[columns.z]
about = "its distance from the center in standard errors"
[columns.center]
about = "center line"
[columns.sigma]
about = "standard deviation of single values"
[columns.points]
about = "points that were looked at"
[columns.constants]
about = "constants used"
[columns.coverage]
unit = "1"
about = "1 - time in gaps or before the first value / window; 1 for a table"
[columns.percent_good]
unit = "%"
about = "time in which the value was Good; of a table: rows with a finite value"
[columns.note]
about = "why nothing can be said"
*/
-- telemetry
elements AS (SELECT node, time, time_ns, capture, seq, value, value_text, good FROM measured)
-- table
elements AS (
  SELECT omp_row, TRY_CAST(value AS DOUBLE) AS value, "order" AS sorted, CAST("order" AS VARCHAR) AS ordered, time,
         CAST(subgroup AS VARCHAR) AS subgroup, CAST(baseline AS VARCHAR) AS baseline
  FROM input
)
-- result
SELECT * FROM elements
