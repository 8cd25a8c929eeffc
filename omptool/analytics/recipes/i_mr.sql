/* omptool
title = "Control chart of single values and their moving range (I-MR)"
about = "Whether a process is in control, from one value at a time; limits come from the baseline, or from all values."
formula = [
  "sigma = mean moving range / d2(span); limits = center ± nsigmas * sigma; center = mean",
  "moving range: center = d2 * sigma, limits = (d2 ± nsigmas * d3) * sigma, not below 0",
  "a rule is violated at the point that completes its pattern; the range knows limits only",
]
source = "as SAS/QC, JMP and Minitab document it; held against SAS/QC Example 9.4, qcc and NIST StRD"
evidence = "published value"
share = ["measured", "points", "own", "baseline", "charted", "seen"]
finish = "i_mr"

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
*/
