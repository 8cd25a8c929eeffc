"""What single analyses, the report and the plant model's commands refuse: parameters out of bounds, roles, windows."""

from __future__ import annotations

from collections.abc import Iterator

from tests.errors.case import Case

_PLAIN = {
    "drift": (
        ("a baseline of no point", "baseline=-1"),
        ("a confidence above 1", "confidence=2"),
        ("an interval without length", "every=0s"),
    ),
    "tool_wear": (("a window of one value", "window=1"), ("a limit of nothing, in sigmas", "step_sigmas=0")),
    "i_mr": (
        ("a baseline of no point", "baseline=0"),
        ("points to show that nobody knows", "show=all"),
        ("constants that nobody knows", "constants=iso"),
        ("a moving range of one value", "span=1"),
        ("a standard deviation below 0", "sigma=-1"),
    ),
    "ewma": (("a standard deviation that is none", "sigma=0"),),
    "cusum": (
        ("limits below 0", "h=-1"),
        ("a head start above 1", "head_start=2"),
    ),
    "capability": (
        ("a confidence that is none", "confidence=0"),
        ("degrees of freedom that nobody knows", "freedom=all"),
    ),
    "xbar_r": (
        ("subgroups of no value", "size=0"),
        ("a spread that nobody knows", "spread=X"),
        ("an interval of subgroups that is none", "every=soon"),
    ),
}


def _parameters() -> Iterator[Case]:
    for name, cases in _PLAIN.items():
        for cause, given in cases:
            yield Case(f"`{name}`: {cause}", f"analyze {name} --on orders.csv --map value=pieces --param {given}", 2)


_AGGREGATE = "analyze aggregate --on shift.omcap"
_TIMES = {"times.csv": "time,value\n2026-01-01T00:00:00Z,1\n2026-01-01T00:10:00Z,2\n"}
_OEE = {"oee.csv": "pbt,apt,pri,pq,gq\n10,9,1,8,8\n"}
ANALYSES = (
    *_parameters(),
    Case("a parameter of another type", "analyze i_mr --on orders.csv --map value=pieces --param baseline=much", 2),
    Case("`oee`: an ideal cycle time below 0", "analyze oee --on shift.omcap --param ideal_cycle=-5", 2),
    Case("`oee`: an ideal cycle time for a table", "analyze oee --on oee.csv --param ideal_cycle=5", 2, files=_OEE),
    Case("`micro_stops`: a threshold below 0", "analyze micro_stops --on shift.omcap --param threshold=-1", 2),
    Case("`state_timeline`: slots below 0", "analyze state_timeline --on shift.omcap --param slots=-3", 2),
    Case("`aggregate`: a share above 100 %", f"{_AGGREGATE} --param aggregate=Count --param percent_data_good=500", 2),
    Case("`aggregate`: none is named", _AGGREGATE, 2),
    Case("`aggregate`: none of this name", f"{_AGGREGATE} --param aggregate=Averge", 2),
    Case("`aggregate`: an interval that is none", f"{_AGGREGATE} --param aggregate=Count --param interval=often", 2),
    Case(
        "`aggregate`: more intervals than anybody reads",
        "analyze aggregate --on times.csv --param aggregate=Count --param interval=1ms"
        " --start 2000-01-01 --end 2026-01-01",
        2,
        files=_TIMES,
    ),
    Case("`aggregate` by hour and interval", f"{_AGGREGATE} --param aggregate=Count --param interval=5m --by hour", 2),
    Case("a window behind the last moment", "analyze data_quality --on shift.omcap --end 9999-12-31", 2),
    Case(
        "remarks without times",
        "analyze aggregate --on times.csv --on annotations=orders.csv --param aggregate=AnnotationCount",
        1,
        files=_TIMES,
    ),
    Case("`--by shift` without shifts", "analyze data_quality --on shift.omcap --by shift", 2),
    Case("`--start shift` without shifts", "analyze data_quality --on shift.omcap --start shift", 2),
    Case("`--start` behind the end of the recording", "analyze data_quality --on shift.omcap --start 2100-01-01", 2),
    Case("`--end` before its beginning", "analyze i_mr --on shift.omcap --map value=** --end 1990-01-01", 2),
    Case("a time that is none", "analyze oee --on shift.omcap --start noon", 2),
    Case("a suffix that no format has", "analyze data_quality --on shift.omcap -o quality.xlsx", 2),
    Case(
        "more hours than anybody reads",
        "analyze data_quality --on shift.omcap --by hour --start 1990-01-01 --end 2026-01-01",
        2,
    ),
    Case("several tags of a machine could play a role", "analyze time_in_state --on shift.omcap --map state=**", 2),
    Case("no machine says a product", "analyze time_in_state --on shift.omcap --map 'state=*1' --by product", 1),
    Case("a plain table that is cut, and has no times", "analyze oee --on oee.csv --start today", 2, files={
        "oee.csv": "pbt,apt,pri,pq,gq\n1,1,1,1,1\n",
    }),
    Case("an analysis without a picture", "analyze aggregate --on shift.omcap --param aggregate=Count --chart", 2),
    Case("a stretch of a baseline without times", "analyze i_mr --on orders.csv --map value=pieces"
         " --param baseline_end=2026-01-01T00:00:00Z", 2),
)  # fmt: skip
REPORT = (
    Case("no source", "report", 2),
    Case("no such source", "report shfit.omcap", 1),
    Case("a plain table", "report orders.csv", 2),
    Case("`--param`: of no analysis", "report shift.omcap --param speed=1", 2),
    Case("`--map`: no such role", "report shift.omcap --map stat=State", 2),
    Case("`--start` is no time", "report shift.omcap --start noon", 2),
    Case("`-o` is there", "report shift.omcap -o old.html", 1, files={"old.html": "<p>old"}),
    Case("`-o`: no such folder", "report shift.omcap -o no/new.html", 1),
    Case("the chart library is not installed", "report shift.omcap -o new.html", 1, needs="without vl_convert"),
    Case(
        "values are missing, and the page says where",
        "report gaps.omcap -o new.html",
        3,
        leaves=("new.html",),
        hint_free="the page says which",
    ),
)
MODEL = (
    Case("`init`: no source", "model init", 2),
    Case("`init`: no such source", "model init shfit.omcap", 1),
    Case("`init`: a plain table", "model init orders.csv", 1),
    Case("`init -o` is there", "model init shift.omcap -o plant.toml", 1, files={"plant.toml": 'site = "A"\n'}),
    Case("`check`: no such source", "model check shfit.omcap", 1),
    Case("`check`: a plain table", "model check orders.csv", 1),
    Case(
        "`check`: a plant model that cannot be read",
        "model check shift.omcap",
        2,
        files={"plant.toml": "[roles\n"},
    ),
    Case("`check --plant`: no such file", "model check shift.omcap --plant pant.toml", 1),
    Case(
        "`check`: roles are missing, and the rows say which",
        "model check shift.omcap",
        3,
        out="rows",
        hint_free="the message says what to write, and the rows for which machine",
    ),
)
SECTIONS = {"single analyses": ANALYSES, "report": REPORT, "model": MODEL}
