"""Bad input of options that many commands have: the same words from every command that has the option.

`COMMAND` in a case stands for each command line of `BASES` whose command has the option that `option` names.
"""

from __future__ import annotations

from tests.errors.case import Case

BASES = {
    "discover": "discover opc.tcp://press7:4840",
    "doctor": "doctor opc.tcp://press7:4840",
    "browse": "browse opc.tcp://press7:4840",
    "diff": "diff opc.tcp://press7:4840 opc.tcp://press7:4840",
    "read": "read opc.tcp://press7:4840 i=2258",
    "watch": "watch opc.tcp://press7:4840 --for 1s",
    "capture": "capture opc.tcp://press7:4840 -o new.omcap --for 1s",
    "info": "info shift.omcap",
    "verify": "verify shift.omcap",
    "recover": "recover shift.omcap",
    "cat": "cat shift.omcap",
    "replay": "replay shift.omcap --to stdout --rate max",
    "convert": "convert shift.omcap -o new-lake",
    "query": 'query "from telemetry" --on shift.omcap',
    "analyze": "analyze data_quality --on shift.omcap",
    "report": "report shift.omcap -o new.html",
    "model init": "model init shift.omcap",
    "model check": "model check shift.omcap",
    "cloud serve": "cloud serve --lake lake --port 0",
    "demo": "demo --port 0 --for 1s",
    "tour": "tour",
    "samples list": "samples list",
    "samples copy": "samples copy here",
    "pki init": "pki init",
    "pki list": "pki list",
    "pki show": "pki show press7.der",
    "pki trust": "pki trust press7.der",
    "config show": "config show",
    "config check": "config check",
}
"""A command line of every command that would do its work."""

_ROWS = tuple(name for name in BASES if name not in ("capture", "replay", "convert"))
"""Commands whose `-o` is a file of rows."""

SHARED = (
    Case("an unknown option", "COMMAND --qqqq", 2),
    Case("an option without its value", "COMMAND --config", 2, option="--config"),
    Case("a format that is none", "COMMAND --format xml", 2, option="--format"),
    Case("`-o`: the file is there", "COMMAND -o orders.csv", 1, option="--output", only=_ROWS),
    Case("`-o`: a folder is there", "COMMAND -o empty", 1, files={"empty/": ""}, option="--output", only=_ROWS),
    Case(
        "`-o --force`: a folder is there",
        "COMMAND -o empty --force",
        1,
        files={"empty/": ""},
        option="--output",
        only=_ROWS,
    ),
    Case("`-o`: its folder is not there", "COMMAND -o no/such/rows.csv", 1, option="--output", only=_ROWS),
    Case("`--config`: no such file", "COMMAND --config none.toml", 2, option="--config"),
    Case("`--config`: a folder", "COMMAND --config empty", 2, files={"empty/": ""}, option="--config"),
    Case("`--config`: no TOML", "COMMAND --config x.toml", 2, files={"x.toml": "[output\n"}, option="--config"),
    Case("`--config`: not UTF-8", "COMMAND --config x.toml", 2, files={"x.toml": b"# \xd6l\n"}, option="--config"),
    Case(
        "omptool.toml: an unknown key",
        "COMMAND",
        2,
        files={"omptool.toml": '[output]\nformt = "csv"\n'},
        option="--config",
    ),
    Case("the environment: an unknown variable", "COMMAND", 2, env={"OMPTOOL_OUTPUT_FORMTA": "csv"}, option="--config"),
    Case("a time zone that is none", "COMMAND --tz Europe/Berln", 2, option="--tz"),
    Case("`--start` is no time", "COMMAND --start noon", 2, option="--start"),
    Case("`--end` is no time", "COMMAND --end 22:00", 2, option="--end"),
    Case("`--select`: a brace is left open", "COMMAND --select '{a'", 2, option="--select"),
    Case("`--select`: `**` beside something", "COMMAND --select 'a**'", 2, option="--select"),
    Case("`--timeout` is no number", "COMMAND --timeout soon", 2, option="--timeout"),
    Case("`--timeout` is too short", "COMMAND --timeout 0", 2, option="--timeout"),
    Case("`--plant`: no such file", "COMMAND --plant none.toml", 1, option="--plant"),
    Case("`--plant`: no TOML", "COMMAND --plant x.toml", 2, files={"x.toml": "[[machine\n"}, option="--plant"),
    Case("`--plant`: not UTF-8", "COMMAND --plant x.toml", 2, files={"x.toml": b"# \xd6l\n"}, option="--plant"),
    Case(
        "`--plant`: an unknown key",
        "COMMAND --plant x.toml",
        2,
        files={"x.toml": 'sites = "Leipzig"\n'},
        option="--plant",
    ),
    Case(
        "plant.toml: a zone that is none",
        "COMMAND",
        2,
        files={"plant.toml": 'time_zone = "Europe/Berln"\n'},
        option="--plant",
    ),
    Case("`--progress` is none of the three", "COMMAND --progress loud", 2, option="--progress"),
    Case("an input format that is none", "COMMAND --input-format xls", 2, option="--input-format"),
)
"""See BASES."""
