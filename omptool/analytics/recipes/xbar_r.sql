/* omptool
title = "Control chart of subgroup means and their ranges (Xbar-R) or standard deviations (Xbar-S)"
about = "Whether a process is in control, from a few values at a time; what belongs together is said by a tag or column, by time or by count."
formula = [
  "sigma = mean of R / d2(n), or of s / c4(n), over the subgroups of the baseline",
  "limits = center ± nsigmas * sigma / sqrt(n), n of each subgroup; center = mean of all values of the baseline",
  "range: (d2 ± nsigmas * d3) * sigma; standard deviation: (c4 ± nsigmas * sqrt(1 - c4^2)) * sigma; not below 0",
  "values in a row that do not fill a subgroup of `size` are left out",
]
source = "Montgomery, Introduction to Statistical Quality Control; held against the piston rings of qcc"
evidence = "published value"
parts = ["values"]
picture = "control"
labels = ["tag", "point"]
finish = "xbar_r"
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

[parameters.size]
type = "int"
about = "values in a row that are a subgroup, where nothing else says what belongs together; 1: single values"
default = 5
[parameters.every]
type = "interval"
about = "values of this stretch of time, counted from midnight UTC, are a subgroup: 30s, 10m, 1h"
[parameters.spread]
type = "text"
about = "R: range, S: standard deviation; for sigma and for the second chart"
default = "R"
[parameters.nsigmas]
type = "float"
about = "limits in standard deviations"
default = 3.0
[parameters.rules]
type = "text"
about = "western_electric, nelson, all, limits, none, or some: WER1 WER4 NEL3"
default = "western_electric"
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
[parameters.show]
type = "text"
about = "points, signals for violating points alone, summary for a row per chart"
default = "points"

[columns.tag]
about = "path below the machine"
[columns.point]
about = "number of the point, from 1"
[columns.time]
about = "of the point's last value"
[columns.label]
about = "order or subgroup, as the table says it"
[columns.size]
about = "values of the point"
[columns.phase]
about = "1: limits come from it, 2: it is held against them"
[columns.value]
about = "mean of the subgroup"
[columns.center]
about = "center line"
[columns.lcl]
about = "lower control limit"
[columns.ucl]
about = "upper control limit"
[columns.violations]
about = "rules whose pattern the point completes; null: none"
[columns.spread]
about = "range or standard deviation of the subgroup; null of a single value"
[columns.spread_center]
about = "its center line"
[columns.spread_lcl]
about = "its lower limit"
[columns.spread_ucl]
about = "its upper limit"
[columns.spread_violations]
about = "WER1 or NEL1 when it is beyond them"
[columns.sigma]
about = "standard deviation that the limits are made of"
[columns.mean]
about = "of all values"
[columns.sd_overall]
about = "standard deviation (n - 1) of all values"
[columns.n]
about = "values in the chart"
[columns.points]
about = "points in the chart"
[columns.signals]
about = "points with a violation"
[columns.constants]
about = "constants used"
[columns.coverage]
unit = "1"
about = "1 - time in gaps or before the first value / window; 1 for a table"
[columns.percent_good]
unit = "%"
about = "time in which the value was Good; of a table: rows with a finite value"
[columns.note]
about = "why something is null"
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
