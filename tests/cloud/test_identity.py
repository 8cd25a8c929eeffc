"""The same statement gives the same bytes, whether this process reads the lake or a server does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cloud.clouds import Cloud, make_lake, running_cloud
from tests.conftest import Result

Run = Callable[..., Result]

STATEMENTS: dict[str, tuple[str, ...]] = {
    "every column of every row": ("from telemetry order by capture, seq",),
    "aggregates in one order": (
        "select machine, tag, count(*) as n, sum(value) as s, avg(value) as a, stddev_samp(value) as d, "
        "var_pop(value) as v, min(value) as lo, max(value) as hi, product(1 + value / 1e6) as p, "
        "corr(value, epoch(time)) as c from telemetry where isfinite(value) group by all order by all",
        "--repeatable",
    ),
    "numbers that are none": (
        "select tag, sum(value) as s, min(value), max(value) from telemetry group by 1 order by 1",
        "--repeatable",
    ),
    "windows": (
        "select machine, seq, value - lag(value) over w as step, avg(value) over (w rows between 4 preceding and "
        "current row) as moving, row_number() over w as n, first_value(value) over w as f "
        "from telemetry where tag = 'GoodCount' window w as (partition by machine order by time, time_ns, seq) "
        "order by machine, seq",
        "--repeatable",
    ),
    "as-of join": (
        "select g.machine, g.time, g.value as good, s.value_text as state from telemetry g "
        "asof join (from telemetry where tag = 'State') s on g.machine = s.machine and g.time >= s.time "
        "where g.tag = 'GoodCount' order by g.machine, g.time, g.seq",
    ),
    "qualify": (
        "select machine, tag, time, value from telemetry qualify row_number() over "
        "(partition by server, node_id order by time desc, time_ns desc, seq desc) = 1 order by machine, tag",
    ),
    "lists": (
        "select seq, value_list, len(value_list) as n, value_list[1] as first, list_sum(value_list) as s, "
        "list_sort(value_list) as sorted from telemetry where value_list is not null order by seq",
    ),
    "structs and maps": (
        "select seq, {'v': value, 't': value_text, 'at': time} as s, map([tag], [value]) as m, "
        "row(value, status) as r from telemetry order by seq limit 50",
    ),
    "collected lists": (
        "select machine, list(value order by time, time_ns, seq) as v, "
        "string_agg(distinct tag, '|' order by tag) as tags from telemetry group by 1 order by 1",
    ),
    "time buckets": (
        "select time_bucket(interval '10 minutes', time) as t, tag, count(*) as n, arg_max(value, (time, seq)) as last "
        "from telemetry group by all order by all",
    ),
    "quantiles": (
        "select tag, median(value) as m, quantile_cont(value, [0.05, 0.5, 0.95]) as q, quantile_disc(value, 0.9) as d, "
        "mode(value_text) as w from telemetry where not isnan(value) or value is null group by 1 order by 1",
        "--repeatable",
    ),
    "text": (
        "select seq, value_text, length(value_text) as n, upper(value_text) as u, reverse(value_text) as r, "
        "regexp_extract(value_text, '[a-z]+') as w, replace(value_text, 'a', '\"') as q, hex(value_text) as h, "
        "printf('%s|%5.2f', tag, coalesce(value, 0)) as p, value_text || '' = '' as e "
        "from telemetry where server = 'urn:hard' order by seq",
    ),
    "integers of every size": (
        "select seq, value_exact, value_exact * 1::hugeint as h, status, -status::utinyint::bigint as u, seq % 7 as m, "
        "seq // 7 as d, (seq * 1.5)::decimal(18,3) as x, 170141183460469231731687303715884105727::hugeint as most "
        "from telemetry where value_exact is not null order by seq",
    ),
    "bytes, intervals, days and clocks": (
        "select seq, raw, time::date as day, time::timestamp::time as clock, "
        "time - timestamptz '2026-11-16 07:00:00+00' as age, date_trunc('hour', time) as hour, epoch_us(time) as us "
        "from telemetry order by seq desc limit 60",
    ),
    "in a zone": (
        "select time::text as t, time::date as d, date_part('hour', time) as h, strftime(time, '%A %H:%M:%S.%f') as s "
        "from telemetry order by seq limit 40",
        "--tz", "America/St_Johns",
    ),
    "parameters": (
        "select $i as i, $big as big, $f as f, $nan as nan, $tiny as tiny, $b as b, $t as t, $x as x, $e as e, "
        "$at as at, $bare as bare, $w as w, typeof($i) as ti, typeof($big) as tb, typeof($at) as ta, typeof($w) as tw",
        "--param", "i=9007199254740993", "--param", "big=-9223372036854775808", "--param", "f=-0.0",
        "--param", "nan:float=nan", "--param", "tiny:float=5e-324", "--param", "b=true", "--param", "t=it's \"ö\"\n$i",
        "--param", "x:text=00471", "--param", "e=", "--param", "at=2026-11-16T07:30:00.123456+01:00",
        "--param", "bare:timestamp=2026-11-16T12:00", "--param", "w:interval=90s",
    ),
    "lists as parameters": (
        "select $n as n, $m as m, $s as s, $b as b, $z as z, typeof($n) as tn, typeof($m) as tm, typeof($s) as ts, "
        "typeof($b) as tb, typeof($z) as tz, (select count(*) from telemetry where list_contains($s, tag)) as found",
        "--param", "n:list=[1, 2, 9007199254740993]", "--param", "m:list=[1, 2.5, null]",
        "--param", "s:list=State,GoodCount", "--param", "b:list=[true, false, null]", "--param", "z:list=[]",
    ),
    "sets and nested queries": (
        "with a as (select machine, max(value) as m from telemetry where tag = 'GoodCount' group by 1) "
        "select * from (select machine, m from a union all select 'sum', sum(m) from a) "
        "where m >= (select min(m) from a) order by machine",
        "--repeatable",
    ),
    "grouping sets": (
        "select machine, quality, count(*) as n, grouping(machine, quality) as g from telemetry "
        "group by cube (machine, quality) order by all",
    ),
    "conditions and casts": (
        "select seq, case when value > 100 then 'high' when value is null then null else 'low' end as c, "
        "try_cast(value_text as double) as d, coalesce(value_text, value::text) as v, nullif(quality, 'Good') as q, "
        "value is distinct from 0 as z, greatest(value, 1) as g, round(value, 2) as r from telemetry order by seq",
    ),
    "gaps and nodes": (
        "select reason, state, start_time, end_time, n.machine, n.tag from gaps g join nodes n on g.server = n.server "
        "order by all",
    ),
    "no rows": ("select * from events where false",),
}  # fmt: skip

ANALYSES: dict[str, tuple[str, ...]] = {
    "oee": ("oee",),
    "oee by line and hour": ("oee", "--by", "line,hour", "--start", "2026-11-16T12:40", "--end", "2026-11-16T13:25"),
    "oee with one ideal cycle time": ("oee", "--param", "ideal_cycle=0.1"),
    "time_in_state": ("time_in_state",),
    "time_in_state by site": ("time_in_state", "--by", "site"),
    "time_elements": ("time_elements", "--by", "line"),
    "kpi22400": ("kpi22400",),
    "cycle_time": ("cycle_time",),
    "bottleneck": ("bottleneck",),
    "aggregate": ("aggregate", "--param", "aggregate=TimeAverage", "--param", "interval=10m", "--map", "value=*Count"),
    "data_quality": ("data_quality",),
    "data_quality by hour": ("data_quality", "--by", "machine,hour", "--map", "value=*Count"),
}


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_lake(tmp_path_factory.mktemp("lake") / "lake")


@pytest.fixture(scope="module")
def cloud(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("cloud"), lake) as running:
        yield running
    assert running.said == [""]


@pytest.fixture
def both(invoke: Run, lake: Path, cloud: Cloud, tmp_path: Path) -> Callable[..., tuple[Result, Result]]:
    """`both(*command line)` → what the lake and what the cloud answers."""
    (tmp_path / "omptool.toml").write_text(cloud.settings)

    def ask(*arguments: str, **options: object) -> tuple[Result, Result]:
        here = invoke(*arguments, "--on", lake, **options)
        return here, invoke(*arguments, "--cloud", "plant", **options)

    return ask


def test_there_are_twenty_statements_and_more() -> None:
    assert len(STATEMENTS) >= 20


@pytest.mark.parametrize("name", STATEMENTS)
def test_a_statement_gives_the_same_bytes(both: Callable[..., tuple[Result, Result]], name: str) -> None:
    here, there = both("query", *STATEMENTS[name], "--format", "csv")
    assert (here.code, here.err.count("\n")) == (0, 0 if "gaps" in name else 1)  # the note about the gap
    assert here.out.count("\n") > (0 if name == "no rows" else 1)
    assert (there.code, there.out) == (0, here.out)


@pytest.mark.parametrize("name", ANALYSES)
def test_an_analysis_gives_the_same_bytes(both: Callable[..., tuple[Result, Result]], name: str) -> None:
    here, there = both("analyze", *ANALYSES[name], "--format", "csv")
    assert here.out.count("\n") > 1
    assert (there.code, there.out, there.err) == (here.code, here.out, here.err)


@pytest.mark.parametrize("format", ["jsonl", "json", "tsv", "table"])
def test_every_format_is_the_same(both: Callable[..., tuple[Result, Result]], format: str) -> None:
    here, there = both("query", "from telemetry order by seq desc limit 80", "--format", format)
    assert (there.code, there.out) == (here.code, here.out) == (0, here.out)


def test_arrow_and_parquet_have_the_same_types(both: Callable[..., tuple[Result, Result]], tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    statement = "select *, time - time as age, {'a': [status]} as deep, 'x'::enum('x', 'y') as word from telemetry"
    tables = []
    for source in ("here", "there"):
        code = {"here": 0, "there": 1}[source]
        assert both("query", statement, "-o", f"{source}.arrow", "--force")[code].code == 0
        with pa.OSFile(str(tmp_path / f"{source}.arrow")) as file:
            tables.append(pa.ipc.open_stream(file).read_all())
        assert both("query", "from telemetry", "-o", f"{source}.parquet", "--force")[code].code == 0
    assert tables[0].schema == tables[1].schema
    assert pq.read_schema(tmp_path / "here.parquet") == pq.read_schema(tmp_path / "there.parquet")


REFUSED = {
    "a column that is not there": "select machine, avg(valeu) from telemetry group by all",
    "a table that is not there": "select *\n  from telemetri",
    "a syntax error": "select from where",
    "a missing parameter": "from telemetry where tag = $t",
    "a value that does not fit": "select 'x'::int from telemetry",
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_has_the_same_words_and_exit_code(both: Callable[..., tuple[Result, Result]], name: str) -> None:
    here, there = both("query", REFUSED[name])
    assert here.code in (1, 2)
    said = [result.err.partition("\n")[2] for result in (here, there)]  # without the note about the gap
    assert said[0].startswith("omptool: ")
    assert (there.code, there.out, said[1]) == (here.code, "", said[0])


def test_gaps_are_said_of_a_cloud_too(both: Callable[..., tuple[Result, Result]]) -> None:
    here, there = both("query", "select 1 as one")
    assert "1 window that may lack values (1 connection_lost)" in here.err
    assert there.err == (
        'note: plant has 1 window that may lack values (1 connection_lost); omptool query "from gaps" --cloud plant\n'
    )
