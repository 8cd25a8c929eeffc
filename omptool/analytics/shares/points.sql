/* omptool
picture = "control"
labels = ["tag", "point"]

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
*/
