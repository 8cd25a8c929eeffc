/* omptool
parts = ["window", "alarm_said", "alarmed", "alarm_heard"]
table_parts = ["window", "alarm_rows", "alarmed", "alarm_rows_seen"]
events = true
order = ["g", "since", "m", "source", "p"]

[roles.alarm]
about = "tags that say an alarm: a number or text, none while it is 0 or empty, or a Boolean; not needed where events were recorded"
globs = ["AlarmCode", "**/AlarmCode", "Alarm", "**/ActiveAlarm", "**/AlarmNumber"]
many = true
[table.time]
about = "when the alarm came, or, with active, when it came or went"
type = "time"
[table.source]
about = "where it came from: a tag, a point, a condition"
type = "any"
globs = ["source_name", "tag", "point", "condition_id"]
[table.active]
about = "what a row says: that the alarm came or that it went; what says neither (acknowledged) changes nothing"
type = "any"
required = false
globs = ["state", "status", "event"]
[table.till]
about = "in a table without active: when the alarm went; empty: it still stands"
type = "time"
required = false
globs = ["end", "end_time"]
[table.alarm]
about = "which alarm of its source: high, low"
type = "any"
required = false
globs = ["condition_name", "alarm_type"]
[table.message]
about = "its text"
type = "any"
required = false
[table.severity]
about = "a number; a row without one counts"
type = "any"
required = false
[table.suppressed]
about = "whether nobody was shown it: true, 1, yes"
type = "any"
required = false
[table.site]
about = "for --by"
type = "any"
required = false
[table.area]
about = "for --by"
type = "any"
required = false
[table.line]
about = "for --by"
type = "any"
required = false
[table.machine]
about = "for --by; without it the whole table is one"
type = "any"
required = false
[parameters.min_severity]
type = "int"
about = "alarms of events count from this severity on, 1 to 1000"
default = 0
[parameters.by_message]
type = "bool"
about = "the message of an event names the alarm, not its condition"
default = false
[parameters.active_is]
type = "text"
about = "of a table: what active says when the alarm comes, separated by commas; default: 1, true, on, active, ALM, raised …"
[parameters.gone_is]
type = "text"
about = "what it says when the alarm goes; default: 0, false, off, RTN, normal, cleared …, or with active_is all the rest"
[columns.coverage]
unit = "1"
about = "1 - time in gaps or before anything was heard / window; 1 for a table"
[columns.percent_good]
unit = "%"
about = "time in which the tags were Good; of events, the time that is covered; of a table: rows that say when, and what"
*/
