/* omptool
title = "EWMA chart: exponentially weighted moving average"
about = "Sees small, lasting shifts of a mean that a chart of single values misses."
formula = [
  "z(t) = lambda * x(t) + (1 - lambda) * z(t - 1), z(0) = center",
  "limits = center ± nsigmas * sigma * sqrt(v(t)), v(t) = lambda^2 / n(t) + (1 - lambda)^2 * v(t - 1), v(0) = 0: exact for any n",
  "for equal n that is lambda / (2 - lambda) * (1 - (1 - lambda)^(2 t)) / n; asymptotic = true leaves out what depends on t",
  "sigma = mean of R / d2(n) or s / c4(n) of subgroups, of single values mean moving range / d2(2)",
  "head_start = h narrows limits by 1 - (1 - f)^(1 + a (t - 1)), f = 1 - h, a = (-2 / log10(1 - f) - 1) / 19",
]
source = "Montgomery; Steiner 1999 for the head start; held against the values of qcc"
evidence = "published value"
parts = ["values"]
picture = "control"
labels = ["tag", "point"]
finish = "ewma"
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
[parameters.nsigmas]
type = "float"
about = "limits in standard deviations"
default = 3.0
[parameters.lambda]
type = "float"
about = "weight of the newest point, above 0, at most 1"
default = 0.2
[parameters.asymptotic]
type = "bool"
about = "limits as they are in the end, from the first point on"
default = false
[parameters.head_start]
type = "float"
about = "fast initial response: narrows the limits of the first points by this share, 0.5 is usual; 0: not"
default = 0.0
[parameters.constants]
type = "text"
about = "d2 and d3: exact, or as in printed tables: rounded"
default = "exact"
[parameters.center]
type = "float"
about = "known center, and where ewma begins; default: mean of the baseline"
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
[columns.ewma]
about = "the average that is held against the limits"
[columns.center]
about = "center line"
[columns.lcl]
about = "lower control limit"
[columns.ucl]
about = "upper control limit"
[columns.violations]
about = "above or below, when ewma is beyond a limit; null: neither"
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
