/* omptool
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
[parameters.constants]
type = "text"
about = "d2 and d3: exact, or as in printed tables: rounded"
default = "exact"
*/
