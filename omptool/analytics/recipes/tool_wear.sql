/* omptool
title = "Tool wear and tool changes"
about = "Finds where a tool was changed, how fast each one wore, and how long the last one still lasts; a row per tool."
formula = [
  "a tool is changed where a counter falls back, where the tag subgroup says another tool, or where the level steps back against the wear",
  "step: mean of the next `window` values against that of the last ones, further than step_sigmas * noise; noise = 1.4826 / sqrt(2) * median |difference|",
  "wear_per_value: median of the slopes between all pairs of values of a tool (Theil-Sen), interval as Sen 1968, of up to 30 values by the exact distribution of Kendall's S; of more than 4,000 values neighbours are joined, and note says so",
  "remaining = (limit - last) / wear_per_value, of the tool in use",
]
source = "definition; Theil 1950, Sen 1968 for the slope"
evidence = "definition + simulator truth"
picture = "wear"
labels = ["tag", "tool"]
share = ["measured", "own", "seen"]
finish = "tool_wear"

[roles.value]
about = "what wears or is worn: counter of a tool's cycles, dimension of the part, temperature, force"
globs = ["ToolWear", "**/ToolWear", "BoreDiameter"]
[roles.subgroup]
about = "number or name of the tool; a change of it is a tool change"
required = false

[table.value]
about = "wear, or what it shows in"
type = "any"
[table.subgroup]
about = "number or name of the tool"
type = "any"
required = false

[parameters.direction]
type = "text"
about = "where wear leads: up, down"
default = "up"
[parameters.window]
type = "int"
about = "values before and after, whose means are compared"
default = 25
[parameters.step_sigmas]
type = "float"
about = "least step of a tool change, in standard deviations of the noise"
default = 1.5
[parameters.step]
type = "float"
about = "the same in the tag's unit"
[parameters.limit]
type = "float"
about = "value at which a tool has to be changed"
[parameters.confidence]
type = "float"
about = "of the intervals"
default = 0.95

[columns.tool]
about = "number of the tool, from 1"
[columns.label]
about = "what the tag subgroup calls it"
[columns.change]
about = "how it began: start (of the record), reset, tag, step; null: in an earlier period"
[columns.began_at]
about = "time of its first value"
[columns.ended_at]
about = "time of its last value"
[columns.values]
about = "usable values while it was in use: cycles, where a value is a part"
[columns.hours]
unit = "h"
about = "between the two times"
[columns.first]
about = "of the line through its values, at its begin"
[columns.last]
about = "of that line, at its end"
[columns.wear_per_value]
about = "slope of the line per value"
[columns.wear_low]
about = "lower end of its confidence interval"
[columns.wear_high]
about = "upper end"
[columns.wear_per_h]
about = "(last - first) / hours"
[columns.remaining]
about = "values until the limit, of the last tool (of the period); 0: it is reached; null without limit or wear"
[columns.remaining_low]
about = "the same with the fastest wear of the interval"
[columns.remaining_high]
about = "with the slowest; null: never"
[columns.remaining_h]
unit = "h"
about = "remaining at its pace so far"
*/
