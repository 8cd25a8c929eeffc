/* omptool
[table.baseline]
about = "whether limits come from this row: true, 1, yes"
type = "any"
required = false
[parameters.baseline]
type = "int"
about = "limits come from this many first points"
[parameters.baseline_start]
type = "time"
about = "limits come from values from then on"
[parameters.baseline_end]
type = "time"
about = "limits come from values before then"
*/
-- table
elements AS (
  SELECT omp_row, TRY_CAST(value AS DOUBLE) AS value, "order" AS sorted, CAST("order" AS VARCHAR) AS ordered, time,
         CAST(subgroup AS VARCHAR) AS subgroup, CAST(baseline AS VARCHAR) AS baseline
  FROM input
)
