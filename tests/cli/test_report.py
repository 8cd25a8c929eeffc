"""`omptool report` as a user types it; the page is read as text here and looked at in a browser elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from omptool.analytics.report import library
from omptool.lake.convert import convert
from tests.analytics.plants import Recorded, gap
from tests.analytics.test_gaps_and_quality import sample
from tests.cli.page import Page
from tests.conftest import ROOT, Result

Run = Callable[..., Result]
SAMPLE = ROOT / "sample_data" / "press-line" / "lake"
CAPTURE = ROOT / "sample_data" / "press-line" / "press-line.omcap"
START = "2026-11-16T07:00:00+00:00"
TITLES = [
    "Completeness",
    "OEE",
    "Stops by reason",
    "States in their order",
    "Control charts",
    "Drift",
    "Energy",
    "Alarms",
    "Data quality",
]


@pytest.fixture(scope="module", autouse=True)
def _bundled(request: pytest.FixtureRequest) -> None:
    """The library is put together once for all tests of this file: that takes seconds, and is the same every time."""
    patch = pytest.MonkeyPatch()
    text = library.bundle()
    patch.setattr(library, "bundle", lambda: text)
    request.addfinalizer(patch.undo)


def test_the_page_of_a_lake(invoke: Run, tmp_path: Path) -> None:
    result = invoke("report", SAMPLE)
    assert result.code == 3
    assert result.out == ""
    assert result.err.startswith("exit 3: gaps or values that are not Good touch oee, downtime_pareto, time_elements")
    assert "report.html: 2." in result.err
    page = Page((tmp_path / "report.html").read_text())
    page.check()
    assert [title for title in TITLES if title in page.text] == TITLES
    assert "OEE of 3 machines together: 59.7 %; 8,752 good parts of 8,892 in 22:26 h of planned" in page.text
    assert "1 window in which values may be missing (1 connection_lost)." in page.text
    assert len(page.charts) == sum("data-chart" in found for _, found in page.elements) == 22
    assert sum(tag == "details" for tag, _ in page.elements) == 9, "a table for every section"


def test_what_drifts_and_wears_is_on_the_page_where_there_is_such_a_thing(invoke: Run, tmp_path: Path) -> None:
    lake = ROOT / "sample_data" / "cnc-cell" / "lake"
    invoke("report", lake, "-o", "page.html", "--param", "limit=25.02")
    page = Page((tmp_path / "page.html").read_text())
    page.check()
    assert "3 tags of 4 left the mean of the first quarter; 3 tags have a trend." in page.text
    assert "1 tool change on 2 tags." in page.text
    assert '"Line of the tool"' in json.dumps(page.charts)
    other = ROOT / "sample_data" / "fault-day" / "lake"
    assert (
        invoke("report", other, "-o", "other.html", "--start", "2026-11-18T07:00Z", "--end", "2026-11-18T09:00Z").out
        == ""
    )
    text = Page((tmp_path / "other.html").read_text()).text
    assert "Tool wear" not in text and "Drift" not in text
    assert "no tag has one value per part" in text


def test_a_tool_change_is_what_a_tag_of_the_role_subgroup_says(invoke: Run, tmp_path: Path) -> None:
    said = [sample(0, "ToolName", "T1"), sample(600, "ToolName", "T2")]
    rows = [sample(10 * at + 5, "BoreDiameter", 25 + at % 7 / 100, seq=at + 9) for at in range(120)]
    convert([Recorded([*said, *rows])], tmp_path / "lake")  # type: ignore[list-item]
    (tmp_path / "own.toml").write_text('[roles]\nsubgroup = ["ToolName"]\n')
    for options in (["--map", "subgroup=ToolName"], ["--plant", "own.toml"]):
        assert len(invoke("analyze", "tool_wear", "--on", "lake", *options).rows) == 2
        invoke("report", "lake", *options, "-o", "page.html", "--force")
        assert "1 tool change on 1 tag." in Page((tmp_path / "page.html").read_text()).text


def test_the_numbers_are_those_of_analyze(invoke: Run, tmp_path: Path) -> None:
    window = ("--start", "2026-11-16T07:00Z", "--end", "2026-11-16T09:00Z", "--tz", "UTC")
    invoke("report", SAMPLE, *window, "-o", "page.html")
    page = Page((tmp_path / "page.html").read_text())
    bars = {value["name"]: value["oee"] for value in page.charts[0]["layer"][0]["data"]["values"]}
    asked = {row["machine"]: row["oee_index"] for row in invoke("analyze", "oee", "--on", SAMPLE, *window).rows}
    assert bars == pytest.approx(asked, rel=1e-12)
    assert "2026-11-16 07:00:00" in page.text


def test_a_page_says_which_limits_and_rules_its_control_charts_have(invoke: Run, tmp_path: Path) -> None:
    def said(*options: str) -> str:
        window = ("--start", "2026-11-16T07:00Z", "--end", "2026-11-16T08:00Z", "--tz", "UTC")
        invoke("report", SAMPLE, *window, "--map", "value=PeakForce", *options, "-o", "page.html", "--force")
        return Page((tmp_path / "page.html").read_text()).text

    plain = said()
    assert "violate a rule (Western Electric)." in plain
    assert "Limits come from all values of the window, at 3 sigma of the moving range of 2 values." in plain
    asked = said(
        *(f"--param={each}" for each in ("show=summary", "baseline=100", "nsigmas=2", "rules=nelson", "span=3"))
    )
    assert "Limits come from the first 100 points, at 2 sigma of the moving range of 3 values." in asked
    assert "violate a rule (Nelson)." in asked and "0 points of 0" not in asked
    known = said("--param", "baseline_start=2026-11-16T07:10Z", "--param", "sigma=2.5", "--param", "center=800")
    assert "from values from 2026-11-16 07:10:00, at 3 sigma of a known standard deviation, around 800." in known


def test_a_page_says_where_the_recording_ends(invoke: Run, tmp_path: Path) -> None:
    sentence = "The recording ends at 2026-11-16T14:00:"
    for end, is_said in (("2026-11-16T14:00Z", False), ("2026-11-16T18:00Z", True)):
        invoke("report", SAMPLE, "--start", "2026-11-16T13:00Z", "--end", end, "-o", "page.html", "--force")
        assert (sentence in Page((tmp_path / "page.html").read_text()).text) == is_said


def test_a_remark_about_one_hour_names_the_hour(invoke: Run, tmp_path: Path) -> None:
    lake = ROOT / "sample_data" / "cnc-cell" / "lake"
    window = ("--start", "2026-11-16T21:59:50.147846Z", "--end", "2026-11-16T23:00Z", "--tz", "UTC")
    invoke("report", lake, *window, "-o", "page.html")
    text = Page((tmp_path / "page.html").read_text()).text
    assert "CNC2, hour from 2026-11-16 21:59:50: effectiveness above 1" in text
    invoke("report", lake, *window[:2], "--end", "2026-11-16T22:00Z", "--tz", "UTC", "-o", "all.html")
    assert "CNC2: effectiveness above 1" in Page((tmp_path / "all.html").read_text()).text


def test_the_page_of_a_capture_says_what_verify_says(invoke: Run) -> None:
    result = invoke("report", CAPTURE, "-o", "-")
    assert result.code == 3
    page = Page(result.out)
    page.check()
    assert "145,463 rows, every byte checked; every missing stretch is explained." in page.text


def test_what_cannot_be_shown_says_why_and_what_to_type(invoke: Run, tmp_path: Path) -> None:
    row = {
        "machine": "M", "tag": "Speed", "path": "M/Speed", "server": "urn:s", "node_id": "s=1", "value": 1.0, "seq": 1,
    }  # fmt: skip
    (tmp_path / "one.jsonl").write_text(
        "".join(json.dumps(row | {"time": f"2026-01-01T00:00:0{second}Z"}) + "\n" for second in range(5))
    )
    assert invoke("convert", "one.jsonl", "-o", "lake").code == 0
    result = invoke("report", "lake")
    page = Page((tmp_path / "report.html").read_text())
    assert [title for title in TITLES if title in page.text] == [title for title in TITLES if title != "Drift"]
    assert page.text.count("Nothing to show: no tag has the role state; ") == 4
    assert "Nothing to show: no tag has one value per part, so nothing says what to chart." in page.text
    assert "name the tag for state (what the machine does): --map state='Speed'" in page.text
    assert result.code == 0, result.err


def test_hostile_names_stay_text(invoke: Run, tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=alert(1)>\u2028\u202e\"'&amp;{{x}}"
    names = {"site": evil, "area": evil, "line": evil, "machine": evil}
    rows = [
        {
            "time": datetime(2026, 11, 16, hour, tzinfo=UTC), "time_ns": 0, "time_basis": "source", "tag": tag,
            "path": evil, "server": evil, "node_id": f"s={tag}{evil}", "type": "String", "value_text": text,
            "status": 0,
            "quality": "Good", "overflow": False, "origin": "live", "capture": "c1", "seq": hour,
        } | names
        for hour in range(5)
        for tag, text in (("State", ("Executing", evil)[hour % 2]), ("StateReason", evil), (evil, evil))
    ]  # fmt: skip
    (tmp_path / "plant.toml").write_text(f'[states]\n{json.dumps(evil)} = "OutOfService"\n')
    hole = gap(START, "2026-11-16T07:15:00+00:00", server=evil, detail=evil)
    convert([Recorded(rows, [hole])], tmp_path / "lake")  # type: ignore[list-item]
    invoke("report", "lake", "-o", "page.html")
    text = (tmp_path / "page.html").read_text()
    page = Page(text)
    page.check()
    assert "<img src=x" not in text
    assert "\u2028" not in text and "\u202e" not in text
    assert "</script><img src=x onerror=alert(1)>\\u2028\\u202e\"'&amp;{{x}}" in page.text
    assert len(page.scripts) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ([], 2, "omptool: report needs a source\n  name a capture or a lake:  omptool report lake -o report.html\n"),
        (["t.csv"], 2, "omptool: t.csv has no telemetry, and a report is about machines over time\n"),
        ([str(SAMPLE), "--map", "stat=State"], 2, "omptool: no role stat\n  did you mean state?\n"),
        ([str(SAMPLE), "--param", "zeta=1"], 2, "omptool: no analysis of the report has a parameter zeta\n"),
        ([str(SAMPLE), "-o", "t.csv"], 1, "omptool: t.csv already exists\n"),
        ([str(SAMPLE), "--start", START, "--end", START], 2, "omptool: the window from 2026-11-16T07:00:00Z to"),
        (["opc.tcp://x:1"], 2, "omptool: opc.tcp://x:1 is a server, not a recording\n"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_said(invoke: Run, tmp_path: Path, arguments: list[str], code: int, says: str) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    result = invoke("report", *arguments)
    assert (result.code, result.out) == (code, "")
    assert result.err.startswith(says)
    assert not (tmp_path / "report.html").exists()


def test_without_the_library_the_command_to_install_it(invoke: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library.importlib.util, "find_spec", lambda name: None)
    result = invoke("report", SAMPLE)
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "omptool: a report needs the chart library Vega, and it is not installed\n  pip install 'omptool[report]'\n"
    )
