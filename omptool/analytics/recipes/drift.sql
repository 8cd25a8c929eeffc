/* omptool
title = "Drift of a value away from what it was"
about = "Whether a value creeps: since when, in which direction, and how fast; a row per tag."
formula = [
  "a point is the mean of the values of `every`; residuals are distances from the baseline's mean, in its standard deviations",
  "ewma: z = lambda * residual + (1 - lambda) * z before, beyond nsigmas * sqrt(lambda / (2 - lambda) * (1 - (1 - lambda)^(2t)))",
  "cusum: max(0, residual - k + sum before), of either direction, above h; the drift began where that sum left 0",
  "slope: median of the slopes between all pairs of points (Theil-Sen), interval by the variance of Kendall's S with ties (Sen 1968), of up to 30 points by its exact distribution; of more than 4,000 points neighbours are joined, and note says so",
  "trend: up or down where 0 is outside the slope's interval",
]
source = "definition of points, baseline and residuals; on them EWMA (Roberts 1959), CUSUM (Page 1954), median of slopes (Theil 1950, Sen 1968)"
evidence = "definition + simulator truth"
picture = "drift"
share = ["measured", "own", "baseline", "seen"]
finish = "drift"

[roles.value]
about = "tags to look at, each for itself"
many = true
[roles.subgroup]
about = "tag whose changes begin a new point, instead of every"
required = false

[table.baseline]
about = "whether the row belongs to the baseline: true, 1, yes"
type = "any"
required = false

[parameters.every]
type = "interval"
about = "a point is the mean of so much time; 0: every value"
default = "5m"
[parameters.baseline_share]
type = "float"
about = "without the parameters below the baseline is this first part of the time (of the rows, without times)"
default = 0.25
[parameters.baseline]
type = "int"
about = "the baseline is this many first points"
[parameters.baseline_start]
type = "time"
about = "it is the values from then on"
[parameters.baseline_end]
type = "time"
about = "it is the values before then"
[parameters.lambda]
type = "float"
about = "weight of the newest point in the EWMA"
default = 0.2
[parameters.nsigmas]
type = "float"
about = "limits of the EWMA in its standard deviations"
default = 3.0
[parameters.k]
type = "float"
about = "allowance of the CUSUM, in standard deviations of the baseline"
default = 0.5
[parameters.h]
type = "float"
about = "limit of the CUSUM, in standard deviations of the baseline"
default = 5.0
[parameters.per]
type = "text"
about = "unit of time of the slope: second, minute, hour, day"
default = "day"
[parameters.confidence]
type = "float"
about = "of the slope's interval"
default = 0.95

[columns.values]
about = "usable ones"
[columns.points]
about = "means of every, or values"
[columns.baseline_points]
about = "points of the baseline, which is the same for all periods"
[columns.baseline_mean]
about = "their mean"
[columns.baseline_sd]
about = "their standard deviation"
[columns.mean]
about = "of the points that are not of the baseline"
[columns.slope]
about = "of all points, in the tag's unit per `per`"
[columns.slope_low]
about = "lower end of its confidence interval"
[columns.slope_high]
about = "upper end"
[columns.per]
about = "what the slope is per; point, where there are no times"
[columns.change]
about = "slope * length of the record, or of the period"
[columns.trend]
about = "up, down; null where the slope may be 0"
[columns.ewma]
about = "the average at the end"
[columns.ewma_signal]
about = "up, down: first time beyond its limits behind the baseline; null: never"
[columns.ewma_point]
about = "number of that point"
[columns.ewma_at]
about = "its time"
[columns.cusum_signal]
about = "the same of the CUSUM"
[columns.cusum_point]
about = "number of that point"
[columns.cusum_at]
about = "its time"
[columns.began_point]
about = "point from which on that sum was above 0: where the drift began"
[columns.began_at]
about = "its time"
*/
