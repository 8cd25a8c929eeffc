/* omptool
parts = ["values"]
series = true
labels = ["tag"]

[roles.value]
about = "tags to chart, each for itself"
many = true
[roles.subgroup]
about = "tag whose changes begin a new subgroup: serial number, batch, part counter; a point is the mean of a subgroup"
required = false
[table.value]
about = "measured value"
type = "any"
[table.order]
about = "what rows are sorted by; without it time, else as they come"
type = "any"
required = false
[table.time]
about = "when it was measured"
type = "time"
required = false
[table.subgroup]
about = "what belongs together; a point is the mean of a subgroup"
type = "any"
required = false
[columns.tag]
about = "path below the machine"
*/
-- telemetry
elements AS (SELECT node, time, time_ns, capture, seq, value, value_text, good FROM measured)
-- result
SELECT * FROM elements
-- table
elements AS (
  SELECT omp_row, TRY_CAST(value AS DOUBLE) AS value, "order" AS sorted, CAST("order" AS VARCHAR) AS ordered, time,
         CAST(subgroup AS VARCHAR) AS subgroup
  FROM input
)
