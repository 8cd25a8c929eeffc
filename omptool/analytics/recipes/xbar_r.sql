/* omptool
title = "Control chart of subgroup means and their ranges (Xbar-R) or standard deviations (Xbar-S)"
about = "Whether a process is in control, from a few values at a time; what belongs together is said by a tag or column, by time or by count."
formula = [
  "sigma = mean of R / d2(n), or of s / c4(n), over the subgroups of the baseline",
  "limits = center ± nsigmas * sigma / sqrt(n), n of each subgroup; center = mean of all values of the baseline",
  "range: (d2 ± nsigmas * d3) * sigma; standard deviation: (c4 ± nsigmas * sqrt(1 - c4^2)) * sigma; not below 0",
  "values in a row that do not fill a subgroup of `size` are left out",
]
source = "as qcc and JMP document it, sigma as JMP for subgroups of different size; held against the piston rings of qcc"
evidence = "published value"
share = ["measured", "points", "own", "subgrouped", "baseline", "charted", "seen"]
finish = "xbar_r"

[parameters.size]
type = "int"
about = "values in a row that are a subgroup, where nothing else says what belongs together; 1: single values"
default = 5
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
[parameters.center]
type = "float"
about = "known center; default: mean of the baseline"

[columns.value]
about = "mean of the subgroup"
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
*/
