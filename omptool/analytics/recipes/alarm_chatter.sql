/* omptool
title = "Alarms that come too often, too briefly, or never go"
about = "The most frequent alarms with their share, and which of them chatter, flash up, or have become part of the furniture."
formula = [
  "an alarm is a condition that becomes active; what is said again, acknowledged or suppressed is none",
  "a condition of which a server does not speak when it is asked what stands (ConditionRefresh) has gone; it counts as gone from then on",
  "chattering: alarms of one kind of which chatter_count or more came within chatter_s",
  "fleeting: gone again within fleeting_s, and not chattering; stale: stands for longer than stale_h",
  "share = alarms of this kind / all; cumulative = of it and those above",
]
source = "definition; stale after 24 h as a public digest of ANSI/ISA-18.2-2016 gives it, the standard itself was not read; thresholds of chatter and fleeting alarms differ from plant to plant"
evidence = "definition + simulator truth"
share = ["own", "alarms"]
finish = "alarm_chatter"
labels = ["rank", "source", "alarm"]
chart = "share"
picture = "pareto"

[parameters.top]
type = "int"
about = "so many of the most frequent alarms; 0: all"
default = 10
[parameters.chatter_count]
type = "int"
about = "alarms of one kind within chatter_s from which on they chatter"
default = 3
[parameters.chatter_s]
type = "float"
about = "length of time that chatter_count is about, s"
default = 60.0
[parameters.fleeting_s]
type = "float"
about = "an alarm that is gone in less is fleeting, s"
default = 10.0
[parameters.stale_h]
type = "float"
about = "an alarm that stands for longer is stale, h"
default = 24.0
[columns.rank]
about = "1 is the most frequent; stale ones that did not come in [start, end) are the last"
[columns.source]
about = "machine"
[columns.alarm]
about = "its condition, with by_message its message; of a tag, tag and number"
[columns.alarms]
about = "that came in [start, end)"
[columns.share]
unit = "1"
about = "of all that came, also of those below top"
[columns.cumulative]
unit = "1"
about = "of this kind and those above"
[columns.chattering]
about = "of them in chatter"
[columns.episodes]
about = "of chatter that began in [start, end)"
[columns.fleeting]
about = "of them gone within fleeting_s, chatter left out"
[columns.stale]
about = "stood for longer than stale_h at some time of it"
[columns.standing]
about = "stand at its end"
[columns.mean_s]
unit = "s"
about = "mean time for which those that came stood; without those that still stand"
[columns.longest_s]
unit = "s"
about = "longest time that one stood, up to the end of the window; also of those that came before it"
*/
-- telemetry and table
stations AS (SELECT DISTINCT m, machine AS station FROM bound),
elements AS (
  SELECT g.g, CAST(NULL AS INTEGER) AS p, a.m, s.station, a.source, a.alarm, a.since, a.till,
         CAST(NULL AS DOUBLE) AS coverage, CAST(NULL AS DOUBLE) AS percent_good
  FROM alarms a JOIN stands g ON g.m = a.m JOIN stations s ON s.m = a.m
  UNION ALL
  SELECT g, p, NULL, NULL, NULL, NULL, NULL, NULL, coverage, percent_good FROM seen
)
-- result
SELECT * FROM elements
