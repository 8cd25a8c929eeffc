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
source = "rules of Western Electric 1956 and Nelson 1984 as manuals of programs list them, the originals were not read; held against the cases of qcc"
evidence = "published value"
labels = ["tag", "point", "rule"]
share = ["measured", "own", "subgrouped", "baseline", "seen"]
finish = "spc_rules"

[parameters.rules]
type = "text"
about = "western_electric, nelson, all, limits, or some: WER1 WER4 NEL3"
default = "all"
[parameters.center]
type = "float"
about = "known center; default: mean of the baseline"
[parameters.sigma]
type = "float"
about = "known standard deviation; default: from the baseline"

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
*/
