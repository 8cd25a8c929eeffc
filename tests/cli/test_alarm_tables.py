"""Alarms of plain tables as a user types them: transitions or spans, CSV or Parquet, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from omptool.analytics.alarmwords import words
from omptool.lake.convert import convert
from tests.analytics.plants import Recorded, moment
from tests.analytics.test_alarms import END, START, raised, tags
from tests.conftest import Result

Run = Callable[..., Result]
AT = "2026-11-16T07:00:00Z"
WINDOW = ("--start", START, "--end", END)
NAMES = ("alarm_rate", "alarm_chatter")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alarms") / "lake"
    convert([Recorded(tags())], folder)  # type: ignore[list-item]
    return folder


def text(unix_ns: int | None) -> str:
    return "" if unix_ns is None else moment(unix_ns).isoformat()


def transitions() -> str:
    """A row when an alarm comes and one when it goes, with acknowledgements and what is said twice between them."""
    rows = []
    for machine, alarms in raised().items():
        for since, till, code in alarms:
            rows += [(since, machine, code, "ALM"), (since, machine, code, "ALM"), (since + 1000, machine, code, "ACK")]
            rows += [(till, machine, code, "RTN")] if till is not None else []
    lines = [f"{text(at)},{machine},AlarmCode,{code},{state}" for at, machine, code, state in sorted(rows)]
    return "\n".join(["time,machine,source,alarm,state", *lines]) + "\n"


def spans() -> str:
    lines = [
        f"{text(since)},{text(till)},{machine},AlarmCode {code}"
        for machine, alarms in raised().items()
        for since, till, code in reversed(alarms)
    ]
    return "\n".join(["came,gone,machine,what", *lines]) + "\n"


SPANS = ("--map", "time=came", "--map", "till=gone", "--map", "source=what")


@pytest.mark.parametrize("by", ["machine", "machine,hour"])
@pytest.mark.parametrize("name", NAMES)
def test_a_table_says_what_telemetry_says(invoke: Run, lake: Path, tmp_path: Path, name: str, by: str) -> None:
    """The same alarms as tags, as transitions and as spans give the same numbers."""
    (tmp_path / "turns.csv").write_text(transitions(), encoding="utf-8")
    (tmp_path / "spans.csv").write_text(spans(), encoding="utf-8")
    asked = (*WINDOW, "--by", by, *(["--param", "top=0"] if name == "alarm_chatter" else []))
    truth = invoke("analyze", name, "--on", lake, *asked)
    turned = invoke("analyze", name, "--on", "turns.csv", *asked)
    spanned = invoke("analyze", name, "--on", "spans.csv", *SPANS, *asked)
    assert [found.code for found in (truth, turned, spanned)] == [0, 0, 0], truth.err + turned.err + spanned.err
    assert len(truth.rows) >= 6
    for found in (turned, spanned):
        assert len(found.rows) == len(truth.rows)
        for row, same in zip(found.rows, truth.rows, strict=True):
            assert row == {key: pytest.approx(value, abs=2e-6) if isinstance(value, float) else value
                           for key, value in same.items()}  # fmt: skip
    assert turned.err.startswith("note: ") and "rows say neither that an alarm came nor that it went: ack" in turned.err


def test_parquet_and_exported_events_need_no_names(invoke: Run, tmp_path: Path) -> None:
    """What `events` are exported as can be analysed as it is."""
    lines = [
        f"2026-11-16T07:0{minute}:00Z,Line1,Press1,Boiler,High,{'true' if minute % 2 == 0 else 'false'},700,{hidden}"
        for minute, hidden in enumerate(("", "", "false", "", "true", ""))
    ]
    head = "time,line,machine,source_name,condition_name,active,severity,suppressed"
    (tmp_path / "x.csv").write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
    copied = invoke("query", "select * from x", "--on", "x.csv", "-o", "x.parquet")
    assert copied.code == 0
    result = invoke("analyze", "alarm_chatter", "--on", "x.parquet", "--by", "line,machine")
    assert (result.code, result.err) == (0, "")
    (row,) = result.rows
    assert (row["line"], row["machine"], row["source"], row["alarm"]) == ("Line1", "Press1", "Press1", "Boiler High")
    assert (row["alarms"], row["mean_s"], row["standing"]) == (2, 60, 0)  # the third was suppressed
    mild = invoke("analyze", "alarm_rate", "--on", "x.parquet", "--param", "min_severity=800")
    assert [row["alarms"] for row in mild.rows] == [0]


def test_what_stands_since_before_the_window_and_what_nobody_can_place(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        "time,source,active\n2026-11-14T07:00:00Z,A,1\n2026-11-16T07:30:00Z,B,1\n2026-11-16T07:31:00Z,B,0.0\n"
        "2026-11-16T09:00:00Z,B,1\n,C,1\n",
        encoding="utf-8",
    )
    window = ("--start", "2026-11-16T07:00:00Z", "--end", "2026-11-16T08:00:00Z")
    result = invoke("analyze", "alarm_rate", "--on", "x.csv", *window)
    (row,) = result.rows
    assert (row["alarms"], row["standing"], row["stale"], row["percent_good"]) == (1, 1, 1, 80)
    assert (result.code, result.err) == (
        3, "exit 3: 1 of 1 rows rest on values that were not all Good (percent_good down to 80.0)\n",
    )  # fmt: skip
    quiet = invoke("analyze", "alarm_chatter", "--on", "x.csv", "--start", "2026-11-10", "--end", "2026-11-11")
    assert (quiet.code, quiet.rows) == (3, [])  # nothing came, but a row has no time


def test_own_words(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        "time,source,code\n2026-11-16T07:00:00Z,A,0\n2026-11-16T07:00:05Z,A,2\n2026-11-16T07:00:09Z,A,1\n",
        encoding="utf-8",
    )
    asked = ("analyze", "alarm_chatter", "--on", "x.csv", "--map", "active=code")
    both = invoke(*asked, "--param", "active_is:text=0", "--param", "gone_is:text=1")
    assert [row["mean_s"] for row in both.rows] == [9]
    rest = invoke(*asked, "--param", "active_is:text=0")
    assert [row["mean_s"] for row in rest.rows] == [5]


@pytest.mark.parametrize(
    ("said", "came"),
    [
        ("unack_alm", True), ("ack_rtn", False), ("active, unacknowledged", True), ("cleared", False),
        ("not active", False), ("ack", None), ("shelved", None), ("1.0", True), ("0", False), ("-3", True), ("", None),
        ("inactive", False), ("nan", None), ("inf", None), ("alarm start", True), ("alarm end", False), ("set", True),
        ("alarm acknowledged", None), ("alarm ack", None), ("ack_alm", True), ("unacknowledged alarm", True),
        ("active, not acknowledged", True), ("inactive, not acknowledged", False), ("off normal", True), ("off", False),
        ("not normal", True), ("not cleared", True), ("not in alarm", False), ("no alarm", False), ("no", False),
        ("return to normal", False), ("deactivated", False), ("active, not suppressed", True),
    ],
)  # fmt: skip
def test_usual_words(said: str, came: bool | None) -> None:
    found = words([said], None, None)
    assert found == (([said], []) if came else ([], [said]) if came is False else ([], []))


def test_words_that_somebody_names_win() -> None:
    assert words(["1", "0", "on"], "on", None) == (["on"], ["1", "0"])
    assert words(["1", "0", "on"], None, "1") == (["on"], ["1"])
    assert words(["a", "b", "c"], " A ,x", "B") == (["a"], ["b"])
    assert words(["schließt", "öffnet"], "Schließt", None) == (["schließt"], ["öffnet"])
    assert words(["on, held", "on", "off"], "On, held", "off") == (["on, held"], ["off"])
    assert words(["on, held", "on", "off"], 'On, "on, held"', None) == (["on, held", "on"], ["off"])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("content", "arguments", "says"),
    [
        (f"time,source\n{AT},A\n", [], "no column of x says whether an alarm came or went"),
        (f"time,source,active\n{AT},A,hello\n", [], "no active says that an alarm is active: it says hello"),
        (f"time,active\n{AT},1\n", [], 'no column "source" in x for the role source'),
        ("time,source,active\n,A,1\n", [], "no row of x has a time that can be read"),
        ("time,source,active\n", [], "x has no rows, so nothing says which time it is about"),
        (f"time,source,active\n{AT},A,1\n", ["--start", END, "--end", START], "the window is empty"),
        (f"time,source,active\n{AT},A,1\n", ["--by", "shift"], "--by shift needs the shifts of the plant"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(
    invoke: Run, tmp_path: Path, name: str, content: str, arguments: list[str], says: str
) -> None:
    (tmp_path / "x.csv").write_text(content, encoding="utf-8")
    result = invoke("analyze", name, "--on", "x.csv", *arguments)
    assert result.code in (1, 2) and says in result.err, result.err
    assert result.err.count("\n") > 1  # what to type next


def test_alarms_without_an_end_and_ends_before_the_beginning(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text(
        "time,till,source\n2026-11-16T07:00:00Z,2026-11-16T07:01:00Z,A\n2026-11-16T07:00:30Z,,A\n"
        "2026-11-16T07:00:40Z,2026-11-16T06:00:00Z,A\n",
        encoding="utf-8",
    )
    (row,) = invoke("analyze", "alarm_chatter", "--on", "x.csv").rows
    assert (row["alarms"], row["standing"], row["mean_s"]) == (2, 1, 60)
    assert row["percent_good"] == pytest.approx(200 / 3)
    listed = invoke("analyze", "alarm_rate", "--on", "x.csv", "--map", "till=time")  # nobody noted an end
    assert [(row["alarms"], row["standing"], row["percent_good"]) for row in listed.rows] == [(3, None, 100)]
    (row,) = invoke("analyze", "alarm_chatter", "--on", "x.csv", "--map", "till=time").rows
    assert [row[name] for name in ("fleeting", "stale", "standing", "mean_s", "longest_s")] == [None] * 5
    assert (row["alarms"], row["chattering"]) == (3, 3)
    drawn = invoke("analyze", "alarm_chatter", "--on", "x.csv", "--map", "till=time", "--chart")
    assert drawn.code == 0 and "100" in drawn.out


def test_hostile_names_are_only_names(invoke: Run, tmp_path: Path) -> None:
    name = "'); DROP TABLE x; --"
    (tmp_path / "x.csv").write_text(f'time,source,active,machine\n2026-11-16T07:00:00Z,"{name}",1,"{name}"\n')
    (row,) = invoke("analyze", "alarm_chatter", "--on", "x.csv").rows
    assert (row["machine"], row["alarm"], row["alarms"]) == (name, name, 1)


def test_a_journal_with_words_and_a_column_of_ends(invoke: Run, tmp_path: Path) -> None:
    """An `end` that says nothing makes no row per alarm of a journal whose words say both; else a note says so."""
    rows = [("07:00", "ALM", "07:01"), ("07:01", "RTN", ""), ("07:02", "ALM", ""), ("07:03", "RTN", "")]
    for name, ends in (("empty.csv", False), ("full.csv", True)):
        lines = [
            f"2026-11-16T{at}:00Z,A,{word},{f'2026-11-16T{end}:00Z' if ends and end else ''}" for at, word, end in rows
        ]
        (tmp_path / name).write_text("\n".join(["time,source,state,end", *lines]) + "\n", encoding="utf-8")
    told = invoke("analyze", "alarm_rate", "--on", "empty.csv")
    assert [(row["alarms"], row["standing"]) for row in told.rows] == [(2, 0)] and told.err == "", told.err
    doubtful = invoke("analyze", "alarm_rate", "--on", "full.csv")
    assert [row["alarms"] for row in doubtful.rows] == [4] and "--map active=state" in doubtful.err
    for choice in (("--map", "active=state"), ("--param", "active_is=ALM")):
        settled = invoke("analyze", "alarm_rate", "--on", "full.csv", *choice)
        assert [(row["alarms"], row["standing"]) for row in settled.rows] == [(2, 0)] and settled.err == "", settled.err
    by_row = invoke("analyze", "alarm_rate", "--on", "full.csv", "--map", "till=end")
    assert [row["alarms"] for row in by_row.rows] == [4] and by_row.err == "", by_row.err
    refused = invoke("analyze", "alarm_rate", "--on", "full.csv", "--map", "till=end", "--param", "active_is=ALM")
    assert refused.code == 2 and "active_is has no words to name" in refused.err


def test_an_empty_name_is_no_machine_of_its_own(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").write_text(
        '{"time":"2026-11-16T07:00:00Z","source":"A","state":"ALM","machine":"","line":""}\n'
        '{"time":"2026-11-16T07:01:00Z","source":"A","state":"RTN","machine":null,"line":null}\n',
        encoding="utf-8",
    )
    result = invoke("analyze", "alarm_chatter", "--on", "x.jsonl")
    assert [(row["machine"], row["alarms"], row["mean_s"]) for row in result.rows] == [("x", 1, 60)], result.err


def test_rows_of_one_moment_in_a_journal_written_newest_first(invoke: Run, tmp_path: Path) -> None:
    said = [("10", "A,RTN"), ("10", "A,ALM"), ("05", "B,RTN"), ("00", "B,ALM")]
    rows = [f"2026-11-16T07:{minute}:00Z,{what}" for minute, what in said]
    for name, order in (("falls.csv", rows), ("rises.csv", rows[::-1])):
        (tmp_path / name).write_text("\n".join(["time,source,state", *order]) + "\n", encoding="utf-8")
        (row,) = invoke("analyze", "alarm_rate", "--on", name).rows
        assert (row["alarms"], row["standing"]) == (2, 0), name


def test_words_of_which_none_says_that_an_alarm_went(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("time,source,state\n2026-11-16T07:00:00Z,A,ALM\n2026-11-16T07:05:00Z,A,over\n")
    result = invoke("analyze", "alarm_rate", "--on", "x.csv")
    assert "no state says that an alarm went, so all still stand; --param gone_is=WORD" in result.err
    settled = invoke("analyze", "alarm_rate", "--on", "x.csv", "--param", "gone_is=over")
    assert [row["standing"] for row in settled.rows] == [0] and settled.err == ""
