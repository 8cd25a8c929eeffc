/* omptool
[parameters.sigma]
type = "float"
about = "known standard deviation; default: from the baseline"
[parameters.show]
type = "text"
about = "points, signals for violating points alone, summary for a row per chart"
default = "points"
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
*/
