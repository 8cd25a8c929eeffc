/* omptool
title = "Time in each state"
about = "How long each state of a machine lasted, how often it came, and its longest run."
formula = [
  "seconds = time from a value of the state tag to the next one, cut at the window; time in gaps, before the first value and with a Bad state is UNASSIGNED",
  "share = seconds / window",
]
source = "OPC 10000-13 5.4.3 DurationInState, generalised to any number of states"
evidence = "definition + simulator truth"
parts = ["window", "captures", "heard", "picked", "firsts", "timeline"]
chart = "share"
labels = ["state"]
order = ["seconds DESC", "state"]

[roles.state]
about = "what the machine does: an enumeration, a text or a code"
globs = [
  "State", "**/State", "MachineryBuildingBlocks/MachineryItemState/CurrentState", "**/MachineryItemState/CurrentState",
  "**/Status/StateCurrent", "**/StateCurrent",
  "**/BaseStateMachine/{CurrentState,MachineState/CurrentState,MachineState/ExecuteState/CurrentState}", "**/CurrentState",
]
[roles.product]
about = "product that is being made, for --by product"
required = false
[columns.state]
about = "the value as the server names it; UNASSIGNED where it is not known"
[columns.seconds]
unit = "s"
about = "time in the state"
[columns.share]
unit = "1"
about = "of the window"
[columns.visits]
about = "runs of the state; a run that reaches into the window counts"
[columns.longest_s]
unit = "s"
about = "longest run, cut at the window"
[columns.coverage]
unit = "1"
about = "1 - time in gaps or before the first value / window"
[columns.percent_good]
unit = "%"
about = "time in which all values used were Good"
*/
-- telemetry
named AS (SELECT m, p, nanos, ns, coalesce(state, 'UNASSIGNED') AS state FROM timeline),
turns AS (
  SELECT *, CASE WHEN state = lag(state, 1, '') OVER (PARTITION BY m, p ORDER BY nanos) THEN 0 ELSE 1 END AS turn
  FROM named
),
numbered AS (
  SELECT *, sum(turn) OVER (PARTITION BY m, p ORDER BY nanos ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run
  FROM turns
),
runs AS (SELECT m, p, state, run, sum(ns) AS ns FROM numbered GROUP BY m, p, state, run),
elements AS (
  SELECT g, p, state, sum(ns) AS ns, count(*) AS visits, max(ns) AS longest
  FROM runs JOIN places USING (m) GROUP BY g, p, state
)
-- result
SELECT n.site, n.area, n.line, n.machine, n.product, w.start, w."end", e.state,
       CAST(e.ns AS DOUBLE) / 1000000000 AS seconds, CAST(e.ns AS DOUBLE) / s.ns AS share,
       CAST(e.visits AS BIGINT) AS visits, CAST(e.longest AS DOUBLE) / 1000000000 AS longest_s,
       s.coverage, s.percent_good
FROM elements e JOIN seen s ON s.g = e.g AND s.p = e.p JOIN groups n ON n.g = e.g JOIN periods w ON w.p = e.p
