"""Every analysis says the same from a server as from the lake itself: numbers to the last digit, notes, exit code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from omptool.analytics import catalog
from omptool.analytics.report import library
from omptool.lake.convert import convert
from omptool.model.contracts import EVENTS
from tests.analytics.plants import Recorded, table
from tests.analytics.shopfloors import END, FLOOR, T0, Floor
from tests.cli.page import Page
from tests.cloud.clouds import Cloud, running_cloud
from tests.conftest import Result

Run = Callable[..., Result]

WINDOW = ("--start", T0.isoformat(), "--end", END.isoformat())
ASKED: dict[str, tuple[str, ...]] = {
    "aggregate": ("--param", "aggregate=WorstQuality2", "--param", "interval=15m"),
    "genealogy": ("--map", "value={Power,Temperature}"),
    "capability": ("--param", "usl=71"),
    "oee": ("--by", "machine,hour"),
    "alarm_rate": ("--by", "line,hour"),
}  # fmt: skip


class Hall(Recorded):
    """A floor as something that can be converted, with its events."""

    def __init__(self, hall: Floor) -> None:
        super().__init__(list(hall.telemetry), list(hall.rows["gaps"]))
        self._events = list(hall.rows["events"])

    def table(self, view: str) -> pa.Table:
        return table(EVENTS, self._events) if view == "events" else super().table(view)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("plant") / "lake"
    convert([Hall(FLOOR)], place)  # type: ignore[list-item]
    return place


@pytest.fixture(scope="module")
def cloud(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("cloud"), lake) as running:
        yield running


@pytest.mark.parametrize("name", catalog.names())
def test_an_analysis_is_the_same_from_the_api(invoke: Run, lake: Path, cloud: Cloud, tmp_path: Path, name: str) -> None:
    (tmp_path / "omptool.toml").write_text(cloud.settings)
    charted = ("--map", "value=Temperature") if catalog.load(name).series else ()
    ask = ("analyze", name, *charted, *ASKED.get(name, ()), *WINDOW, "--format", "csv")
    here, there = invoke(*ask, "--on", lake), invoke(*ask, "--cloud", "plant")
    assert here.out.count("\n") > 1 or name == "changeover"
    assert (there.code, there.out, there.err) == (here.code, here.out, here.err)


def test_a_page_is_the_same_from_the_api(
    invoke: Run, lake: Path, cloud: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "bundle", lambda: "window.drawChart = () => {};")
    (tmp_path / "omptool.toml").write_text(cloud.settings)
    here = invoke("report", lake, *WINDOW, "-o", "here.html")
    there = invoke("report", "--cloud", "plant", *WINDOW, "-o", "there.html")
    assert (there.code, there.err.splitlines()[:-1]) == (here.code, here.err.splitlines()[:-1])
    pages = [Page((tmp_path / name).read_text(encoding="utf-8")) for name in ("here.html", "there.html")]
    assert pages[0].charts == pages[1].charts != []
    assert "omptool analyze" in pages[1].text and "--cloud plant" in pages[1].text


def test_a_page_of_a_cloud_and_a_lake_is_refused(invoke: Run, lake: Path) -> None:
    result = invoke("report", lake, "--cloud", "plant")
    assert (result.code, result.err.splitlines()[0]) == (2, "omptool: --on and --cloud are given")
