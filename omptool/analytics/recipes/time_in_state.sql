/* omptool
title = "Time in each state"
about = "How long each state of a machine lasted, how often it came, and its longest run."
formula = [
  "seconds = time from a value of the state tag to the next one, cut at the window; time in gaps, before the first value and with a Bad state is UNASSIGNED",
  "share = seconds / window",
]
source = "OPC 10000-13 5.4.3 DurationInState, generalised to any number of states"
evidence = "definition + simulator truth"
parts = ["window", "timeline"]
chart = "share"
labels = ["state"]
order = ["seconds DESC", "state"]

[roles.state]
about = "what the machine does: an enumeration, a text or a code"
globs = ["State", "**/State", "**/MachineryItemState/CurrentState", "**/CurrentState"]

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
named AS (
  SELECT site, area, line, machine, period, time, time_ns, ns, coalesce(state, 'UNASSIGNED') AS state
  FROM timeline WHERE ns > 0
),
turns AS (
  SELECT *, CASE WHEN state = lag(state, 1, '') OVER m THEN 0 ELSE 1 END AS turn
  FROM named WINDOW m AS (PARTITION BY site, area, line, machine, period ORDER BY time, time_ns)
),
numbered AS (
  SELECT *, sum(turn) OVER (PARTITION BY site, area, line, machine, period ORDER BY time, time_ns
                            ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run
  FROM turns
),
runs AS (
  SELECT site, area, line, machine, period, state, run, sum(ns) AS ns
  FROM numbered GROUP BY site, area, line, machine, period, state, run
),
elements AS (
  SELECT CASE WHEN $by_site THEN site END AS site, CASE WHEN $by_area THEN area END AS area,
         CASE WHEN $by_line THEN line END AS line, CASE WHEN $by_machine THEN machine END AS machine,
         period, state, sum(ns) AS ns, count(*) AS visits, max(ns) AS longest
  FROM runs GROUP BY 1, 2, 3, 4, 5, 6
)
-- result
SELECT e.site, e.area, e.line, e.machine, e.period AS start, p.until AS "end", e.state,
       CAST(e.ns AS DOUBLE) / 1000000000 AS seconds, CAST(e.ns AS DOUBLE) / s.ns AS share,
       CAST(e.visits AS BIGINT) AS visits, CAST(e.longest AS DOUBLE) / 1000000000 AS longest_s,
       s.coverage, s.percent_good
FROM elements e
JOIN periods p ON p.period = e.period
JOIN seen s ON s.period = e.period AND coalesce(s.site, '') = coalesce(e.site, '')
  AND coalesce(s.area, '') = coalesce(e.area, '') AND coalesce(s.line, '') = coalesce(e.line, '')
  AND coalesce(s.machine, '') = coalesce(e.machine, '')
