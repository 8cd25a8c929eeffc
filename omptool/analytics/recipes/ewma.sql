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
source = "EWMA of Roberts 1959; limits as qcc and Dataplot document them, held against the values of qcc; head start: definition, after the idea of Steiner 1999 (limits narrowed for the first 20 points), whose formula was not at hand"
evidence = "published value"
share = ["measured", "points", "own", "subgrouped", "baseline", "charted", "seen"]
finish = "ewma"

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
[parameters.center]
type = "float"
about = "known center, and where ewma begins; default: mean of the baseline"

[columns.ewma]
about = "the average that is held against the limits"
[columns.violations]
about = "above or below, when ewma is beyond a limit; null: neither"
*/
