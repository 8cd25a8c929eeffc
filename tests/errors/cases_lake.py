"""Bad input of the commands that ask: convert, query, analyze."""

from __future__ import annotations

from tests.errors.case import Case


def _sources(before: str, behind: str = "") -> tuple[Case, ...]:
    """What can be wrong with a SOURCE, whatever is asked of it."""

    def case(cause: str, source: str, code: int, **more: object) -> Case:
        return Case(cause, f"{before}{source}{behind}", code, **more)  # type: ignore[arg-type]

    return (
        case("nothing there", "shfit.omcap", 1, given=("shift.omcap",)),
        case("its folder is not there", "no/such/lake", 1),
        case("a pattern that matches no file", "'*.parquet'", 1),
        case("an empty folder", "empty", 1, files={"empty/": ""}),
        case("a folder with something else", "photos", 1, files={"photos/a.jpg": "x"}),
        case("a folder above a capture", "day1", 1, files={"day1/x.omcap/": ""}),
        case("one table of a lake", "lake/telemetry", 1, given=("lake",)),
        case("a file of an unknown kind", "notes.txt", 2, files={"notes.txt": "x"}),
        case("a server", "opc.tcp://10.1.4.7:4840", 2),
        case("an object store of another kind", "gs://plant/lake", 2),
        case("Azure without an account", "az://plant/lake", 2),
        case("an address of an unknown kind", "ftp://plant/lake", 2),
        case("a capture that cannot be read", "broken.omcap", 1),
        case("a capture of a newer format", "newer.omcap", 1),
        case("a capture without permission", "locked.omcap", 1, needs="unprivileged"),
        case("a lake whose log is damaged", "damaged-lake", 1),
        case("a lake of a newer format", "newer-lake", 1),
        case("a version that the lake does not have", "lake@99", 1, given=("lake",)),
        case("a version that is neither number nor time", "lake@noon", 2, given=("lake",)),
        case("a time before the lake", "lake@2020-01-01", 1, given=("lake",)),
        case("Parquet that is none", "x.parquet", 1, files={"x.parquet": "no"}),
        case("SQLite that is none", "x.sqlite", 1, files={"x.sqlite": "no"}),
        case("DuckDB that is none", "x.duckdb", 1, files={"x.duckdb": "no"}),
        case("Arrow that is none", "x.arrow", 1, files={"x.arrow": "no"}),
    )


CONVERT = (
    Case("no SOURCE", "convert -o new-lake", 2),
    Case("no `-o`", "convert shift.omcap", 2),
    *_sources("convert ", " -o new.parquet"),
    Case("a table without time, tag and value", "convert orders.csv -o new-lake", 2),
    Case(
        "wrong rows in a file",
        "convert log.csv -o new.parquet",
        3,
        files={"log.csv": "time,tag,value\n2026-01-01T00:00:00Z,T,1\nnoon,T,2\n"},
        out="rows",
        leaves=("new.parquet", "log.csv.rejects.jsonl"),
    ),
    Case("`--map`: no ROLE=COLUMN", "convert orders.csv -o new-lake --map time", 2),
    Case("`--map`: no such role", "convert orders.csv -o new-lake --map tme=number", 2),
    Case("`--map`: no such column", "convert orders.csv -o new-lake --map time=Zeit", 2),
    Case("a lake into a lake", "convert lake -o new-lake", 2),
    Case("rows that are no telemetry", "convert orders.csv -o new.parquet", 2),
    Case("`-o`: the file is there", "convert shift.omcap -o old.parquet", 1, files={"old.parquet": "x"}),
    Case("`-o`: a file is there", "convert shift.omcap -o orders", 1, files={"orders": "x"}),
    Case("`-o`: a folder with something else", "convert shift.omcap -o photos", 1, files={"photos/a.jpg": "x"}),
    Case("`-o`: a capture is there", "convert shift.omcap -o gaps.omcap", 1),
    Case("`-o`: a lake of a newer format", "convert shift.omcap -o newer-lake", 1),
    Case("`-o`: its log is damaged", "convert shift.omcap -o damaged-lake", 1),
    Case("`-o`: no permission", "convert shift.omcap -o locked/lake", 1, given=("locked",), needs="unprivileged"),
    Case("the disk is full (lake)", "convert noisy.omcap -o new-lake", 1, leaves=("new-lake",), needs="full"),
    Case("the disk is full (file)", "convert noisy.omcap -o new.parquet", 1, needs="full"),
    Case("the lake is being written", "convert gaps.omcap -o lake", 5, needs="lock lake"),
    Case("`--compact`: no lake", "convert new-lake --compact", 1),
    Case("`--compact`: a file", "convert shift.omcap -o new.parquet --compact", 2),
    Case("`--compact`: the lake is being written", "convert lake --compact", 5, needs="lock lake"),
    Case("`--vacuum`: `--keep` is no duration", "convert lake --vacuum --keep long", 2, given=("lake",)),
    Case("`--vacuum`: `--keep` is too long", "convert lake --vacuum --keep 90d", 2, given=("lake",)),
    Case("`--keep` without `--vacuum`", "convert lake --keep 1d", 2, given=("lake",)),
    Case("`--remodel`: no plant model", "convert lake --remodel", 2, given=("lake",)),
    Case("nothing new", "convert of-lake.omcap -o lake", 0, out="rows"),
)

_ON = " --on shift.omcap"
QUERY = (
    Case("no SQL", "query --on shift.omcap", 2),
    Case("no source", 'query "from telemetry"', 2),
    Case("no source, and one lake at hand", 'query "from telemetry"', 2, given=("lake",)),
    *_sources('query "from telemetry" --on '),
    Case(
        "two sources of one name",
        'query "from orders" --on orders.csv --on old/orders.csv',
        2,
        files={"old/orders.csv": "a\n1\n"},
    ),
    Case("`--input-format`: not what it is", 'query "from orders" --on orders.csv --input-format parquet', 1),
    Case("CSV: not UTF-8", 'query "from x" --on x.csv', 1, files={"x.csv": b"name\n\xd6l\n"}),
    Case(
        "wrong rows in telemetry",
        'query "from telemetry" --on log.csv',
        3,
        files={"log.csv": "time,tag,value\n2026-01-01T00:00:00Z,T,1\nnoon,T,2\n"},
        out="rows",
    ),
    Case("CSV: no permission", 'query "from locked" --on locked.csv', 1, needs="unprivileged"),
    Case("JSON: no JSON", 'query "from x" --on x.json', 1, files={"x.json": '{"a":'}),
    Case("JSON Lines: no JSON", 'query "from x" --on x.jsonl', 1, files={"x.jsonl": '{"a":1}\n{"a":\n'}),
    Case("no table of this name", f'query "from telemetri"{_ON}', 1),
    Case("no column of this name", f'query "select avg(valeu) from telemetry"{_ON}', 1),
    Case("no function of this name", f'query "select averge(value) from telemetry"{_ON}', 1),
    Case("not SQL", f'query "selct 1"{_ON}', 1),
    Case("an empty statement", f'query ""{_ON}', 2),
    Case("two statements", f'query "select 1; select 2"{_ON}', 1),
    Case("a statement that writes", f'query "drop table telemetry"{_ON}', 1),
    Case("a value that cannot be converted", f"query \"select cast('x' as int)\"{_ON}", 1),
    Case(
        "a cell of a table that cannot be converted",
        'query "select cast(pieces as int) from a" --on a.csv',
        1,
        files={"a.csv": "order,pieces\n7,12\n8,none\n"},
    ),
    Case("a parameter without a value", f"query 'from telemetry where machine = $m'{_ON}", 1),
    Case("a parameter that the statement does not have", f'query "from telemetry"{_ON} --param m=1', 1),
    Case("`--param`: no name", f'query "from telemetry"{_ON} --param 5', 2),
    Case("`--param`: twice", f'query "from telemetry"{_ON} --param m=1 --param m=2', 2),
    Case("`--param`: an unknown type", f'query "from telemetry"{_ON} --param m:number=1', 2),
    Case("`--param`: not of its type", f'query "from telemetry"{_ON} --param m:int=x', 2),
    Case("a statement and `--file`", f'query "select 1" --file x.sql{_ON}', 2, files={"x.sql": "select 1"}),
    Case("`--file`: no such file", f"query --file kpi.sql{_ON}", 1),
    Case("`--file`: a folder", f"query --file lake{_ON}", 1),
    Case("`--file`: not UTF-8", f"query --file x.sql{_ON}", 2, files={"x.sql": b"-- \xd6l\n"}),
    Case("`--file`: empty", f"query --file x.sql{_ON}", 2, files={"x.sql": ""}),
    Case("zero rows", f'query "from telemetry where false"{_ON}', 0),
    Case(
        "`-o`: no permission",
        f'query "from telemetry"{_ON} -o locked/rows.csv',
        1,
        given=("locked",),
        needs="unprivileged",
    ),
    Case("the disk is full", 'query "from telemetry" --on noisy.omcap -o rows.csv', 1, needs="full"),
    Case("the disk of stdout is full", 'query "from telemetry" --on shift.omcap', 1, needs="full stdout"),
    Case("`--on` and `--cloud`", f'query "from telemetry"{_ON} --cloud plant', 2),
)

_ROWS_SAY = "coverage and percent_good of the rows say which"
_OEE = "analyze oee --on shift.omcap"
ANALYZE = (
    Case("no NAME", "analyze --on shift.omcap", 2),
    Case("no analysis of this name", "analyze oe --on shift.omcap", 1),
    Case("no source", "analyze oee", 2),
    *_sources("analyze data_quality --on "),
    Case("a role that nothing plays", _OEE, 1),
    Case("`--map`: no such role", f"{_OEE} --map stat=State", 2),
    Case("`--map`: no tag", f"{_OEE} --map state", 2),
    Case("`--map`: twice", f"{_OEE} --map state=A --map state=B", 2),
    Case("`--map`: no such tag", f"{_OEE} --map state=Sate", 1),
    Case("`--by`: not a place", f"{_OEE} --by shft", 2),
    Case("`--by`: hour and day", f"{_OEE} --by hour,day", 2),
    Case("`--param`: none of its own", f"{_OEE} --param k=1", 2),
    Case(
        "`--start` is not before `--end`",
        "analyze data_quality --on shift.omcap --start 2026-01-02 --end 2026-01-01",
        2,
    ),
    Case(
        "`--start` and `--param start`",
        "analyze data_quality --on shift.omcap --start 2026-01-01 --param start=2026-01-01",
        2,
    ),
    Case("`--chart` and `-o`", "analyze data_quality --on shift.omcap --chart -o x.csv", 2),
    Case("rows by product of an analysis that has none", "analyze data_quality --on shift.omcap --by product", 2),
    Case("no alarms of any kind were recorded", "analyze alarm_rate --on shift.omcap", 1),
    Case(
        "a flood that ends with more alarms than it begins with",
        "analyze alarm_rate --on shift.omcap --map alarm=** --param flood_below=20",
        2,
    ),
    Case(
        "a table that does not say when alarms come",
        "analyze alarm_rate --on a.csv",
        2,
        files={"a.csv": "time,tag\n2026-01-01,A\n"},
    ),
    Case(
        "a table whose words for alarms nobody knows",
        "analyze alarm_chatter --on a.csv",
        2,
        files={"a.csv": "time,tag,state\n2026-01-01,A,hot\n"},
    ),
    Case(
        "alarms of a table without times",
        "analyze alarm_rate --on a.csv",
        1,
        files={"a.csv": "time,tag,active\n,A,1\n"},
    ),
    Case("a drift of a tag that nobody named", "analyze drift --on shift.omcap", 1),
    Case("a slope per week", "analyze drift --on shift.omcap --map value=** --param per=week", 2),
    Case(
        "wear that leads nowhere",
        "analyze tool_wear --on cycles.csv --param direction=left",
        2,
        files={
            "cycles.csv": "value\n1\n2\n3\n",
        },
    ),
    Case("a plain table lacks columns", "analyze oee --on orders.csv", 1),
    Case(
        "a number with a comma that may stand between thousands",
        "analyze oee --on a.csv",
        1,
        files={"a.csv": 'pbt,apt,pri,pq,gq\n100,90,"1,500",60,59\n'},
    ),
    Case(
        "times that are numbers",
        "analyze aggregate --on a.csv --param aggregate=Count",
        2,
        files={"a.csv": "time,value\n1763276400,1\n"},
    ),
    Case(
        "a time that is none",
        "analyze aggregate --on a.csv --param aggregate=Count",
        1,
        files={"a.csv": "time,value\n2026-01-01T00:00:00Z,1\nnoon,2\n"},
    ),
    Case(
        "values that nothing can be computed of",
        "analyze aggregate --on a.jsonl --param aggregate=Count",
        2,
        files={"a.jsonl": '{"time": "2026-01-01T00:00:00Z", "value": [1, 2]}\n'},
    ),
    Case("a plain table, and `--by`", "analyze oee --on orders.csv --by line", 2),
    Case("a plain table for an analysis of telemetry", "analyze time_in_state --on orders.csv", 2),
    Case("two plain tables", "analyze oee --on orders.csv --on old.csv", 2, files={"old.csv": "a\n1\n"}),
    Case(
        "values are missing, and the rows are told",
        "analyze data_quality --on gaps.omcap",
        3,
        out="rows",
        hint_free=_ROWS_SAY,
    ),
    Case(
        "a plant model that gives a state no meaning", _OEE, 2, files={"plant.toml": '[states]\nRunning = "Runing"\n'}
    ),
    Case(
        "no values in the window",
        "analyze data_quality --on shift.omcap --start 2020-01-01 --end 2020-01-02",
        3,
        hint_free=_ROWS_SAY,
    ),
    Case("`--on` and `--cloud`", f"{_OEE} --cloud plant", 2),
    Case("a control chart of no tag", "analyze i_mr --on shift.omcap", 1),
    Case(
        "a control chart by day, of a table without times",
        "analyze i_mr --on orders.csv --map value=pieces --by day",
        2,
    ),
    Case("a control chart by line, of a table", "analyze i_mr --on orders.csv --map value=pieces --by line", 2),
    Case("a control chart of a column that is not there", "analyze i_mr --on orders.csv --map value=weight", 1),
    Case("rules that nobody wrote", "analyze i_mr --on orders.csv --map value=pieces --param rules=nelso", 2),
    Case("a table without times, cut", "analyze ewma --on orders.csv --map value=pieces --start today", 2),
    Case("subgroups by time, without times", "analyze xbar_r --on orders.csv --map value=pieces --param every=1h", 2),
    Case("a weight that is none", "analyze ewma --on orders.csv --map value=pieces --param lambda=2", 2),
    Case(
        "specification limits the wrong way round",
        "analyze capability --on orders.csv --map value=pieces --param lsl=9 --param usl=1",
        2,
    ),
    Case("units of a CUSUM", "analyze cusum --on orders.csv --map value=pieces --param units=mm", 2),
)

SECTIONS = {"convert": CONVERT, "query": QUERY, "analyze": ANALYZE}
