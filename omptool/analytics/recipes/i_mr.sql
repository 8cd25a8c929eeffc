/* omptool
title = "Control chart of single values and their moving range (I-MR)"
about = "Whether a process is in control, from one value at a time; limits come from the baseline, or from all values."
formula = [
  "sigma = mean moving range / d2(span); limits = center ± nsigmas * sigma; center = mean",
  "moving range: center = d2 * sigma, limits = (d2 ± nsigmas * d3) * sigma, not below 0",
  "a rule is violated at the point that completes its pattern; the range knows limits only",
]
source = "Montgomery, Introduction to Statistical Quality Control; held against SAS/QC Example 9.4, qcc and NIST StRD"
evidence = "published value"
parts = ["values"]
picture = "control"
labels = ["tag", "point"]
finish = "i_mr"
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

[parameters.span]
type = "int"
about = "values of a moving range"
default = 2
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
about = "the value, or the mean of its subgroup"
[columns.center]
about = "center line"
[columns.lcl]
about = "lower control limit"
[columns.ucl]
about = "upper control limit"
[columns.violations]
about = "rules whose pattern the point completes; null: none"
[columns.spread]
about = "moving range"
[columns.spread_center]
about = "center line of the moving range"
[columns.spread_lcl]
about = "its lower limit"
[columns.spread_ucl]
about = "its upper limit"
[columns.spread_violations]
about = "WER1 or NEL1 when the moving range is beyond them"
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
