/* omptool
title = "CUSUM chart: cumulative sums of what is above and below a target"
about = "Sees small, lasting shifts of a mean, and says when they began."
formula = [
  "z(t) = (x(t) - target) / (sigma / sqrt(n)); units = absolute: x(t) - target",
  "cusum_pos(t) = max(0, z - k + cusum_pos(t - 1)), cusum_neg(t) = max(0, -z - k + cusum_neg(t - 1))",
  "a signal is above h, not at it; both begin at head_start * h",
  "sigma = mean of R / d2(n) or s / c4(n) of subgroups, of single values mean moving range / d2(2)",
]
source = "Montgomery and Runger, Applied Statistics and Probability for Engineers, section 16-10, equations 16-30 and 16-31; head start of Lucas and Crosier 1982 as JMP documents it; held against the values of qcc"
evidence = "published value"
share = ["measured", "points", "own", "subgrouped", "baseline", "charted", "seen"]
finish = "cusum"

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
*/
