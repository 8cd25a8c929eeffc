/* omptool
[columns.coverage]
unit = "1"
about = "1 - time in gaps or before the first value / window; 1 for a table"
[columns.percent_good]
unit = "%"
about = "time in which the value was Good; of a table: rows with a finite value"
[columns.note]
about = "why something is null"
*/
