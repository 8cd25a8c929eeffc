/* omptool
title = "CUSUM chart: cumulative sums of what is above and below a target"
about = "Sees small, lasting shifts of a mean, and says when they began."
formula = [
  "z(t) = (x(t) - target) / (sigma / sqrt(n)); units = absolute: x(t) - target",
  "cusum_pos(t) = max(0, z - k + cusum_pos(t - 1)), cusum_neg(t) = max(0, -z - k + cusum_neg(t - 1))",
  "a signal is above h, not at it; both begin at head_start * h",
  "sigma = mean of R / d2(n) or s / c4(n) of subgroups, of single values mean moving range / d2(2)",
]
source = "Montgomery and Runger 16-10; Lucas and Crosier 1982 for the head start; held against the values of qcc"
evidence = "published value"
parts = ["values"]
picture = "control"
labels = ["tag", "point"]
finish = "cusum"
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
default = 1
[parameters.every]
type = "interval"
about = "values of this stretch of time, counted from midnight UTC, are a subgroup: 30s, 10m, 1h"
[parameters.spread]
type = "text"
about = "where sigma comes from: R, S, pooled; MR between points; without subgroups always MR"
default = "R"
[parameters.target]
type = "float"
about = "what values should be; default: that of [[spec]] in plant.toml, else the mean of the baseline"
[parameters.k]
type = "float"
about = "allowance, half of the shift to be seen"
default = 0.5
[parameters.h]
type = "float"
about = "decision interval"
default = 5.0
[parameters.units]
type = "text"
about = "of k and h: sigma (of a point), or absolute: those of the values"
default = "sigma"
[parameters.head_start]
type = "float"
about = "fast initial response: both sums begin at this share of h, 0.5 is usual; 0: not"
default = 0.0
[parameters.constants]
type = "text"
about = "d2 and d3: exact, or as in printed tables: rounded"
default = "exact"
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
[columns.target]
about = "what values should be"
[columns.cusum_pos]
about = "sum of what was above, in units of h"
[columns.cusum_neg]
about = "sum of what was below, not negative"
[columns.center]
about = "0"
[columns.lcl]
about = "-h, for cusum_neg drawn downwards"
[columns.ucl]
about = "h"
[columns.violations]
about = "above or below, when a sum is above h; null: neither"
[columns.n_pos]
about = "points since cusum_pos left 0: the shift began that long ago"
[columns.n_neg]
about = "the same of cusum_neg"
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
