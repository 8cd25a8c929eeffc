"""Pages of `omptool report` in a real headless Chromium: no message in its console, nothing asked of any network,
everything drawn, nothing wider than the window, in light, dark and on paper; and hostile names are seen, not run.

The run of tests leaves this file out, and says so, where there is no Chromium; see `browser` in tests/run.sh.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from omptool.analytics.report import content, library
from omptool.analytics.report.charts import spans
from omptool.analytics.report.page import page
from omptool.cli import app, settings, terminal
from tests.conftest import ROOT

SAMPLES = sorted(path.parent for path in (ROOT / "sample_data").glob("*/about.json"))
_WAIT_MS = 200_000
_COUNT = (
    "() => [...document.querySelectorAll('[data-chart]')]"
    ".map(place => place.querySelectorAll('svg path, svg text').length)"
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "install Chromium, or name it: CHROMIUM=/path/to/chromium"
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-dev-shm-usage"], timeout=_WAIT_MS
        )
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def script() -> str:
    """The library, put together once."""
    return library.bundle()


def _look(browser: Browser, path: Path, width: int, scheme: Any) -> tuple[Page, list[str]]:
    """The page when all is drawn, and everything that the browser said or asked for."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(_WAIT_MS)
    shown, said = context.new_page(), []
    shown.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
    shown.on("pageerror", lambda error: said.append(f"error: {error}"))
    shown.on("dialog", lambda dialog: (said.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    shown.on("request", lambda request: None if request.url.startswith("file:") else said.append(request.url))
    shown.goto(path.as_uri())
    shown.wait_for_selector("html[data-drawn]", state="attached")
    return shown, said


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_a_sample_is_drawn(
    browser: Browser, script: str, sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "bundle", lambda: script)
    monkeypatch.chdir(tmp_path)
    settings.forget()
    assert app.run(["report", str(sample / "lake"), "-o", "page.html"]) in (0, 3)
    settings.forget()
    for width, scheme in ((400, "light"), (1280, "dark")):
        shown, said = _look(browser, tmp_path / "page.html", width, scheme)
        assert said == []
        assert all(shown.evaluate(_COUNT)), "every chart has something in it"
        assert shown.locator(".failed").count() == 0
        assert shown.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        ink = shown.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ink == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(18, 23, 29)")
        shown.context.close()


def test_a_chart_answers_the_mouse_and_paper_is_white(browser: Browser, script: str, tmp_path: Path) -> None:
    path = _hostile_page(tmp_path, script, "M1")
    shown, said = _look(browser, path, 900, "dark")
    shown.locator("[data-chart] svg .mark-rect path").first.hover(force=True)
    shown.wait_for_selector("#tip:not([hidden])", state="attached")
    assert "because" in (shown.locator("#tip").text_content() or "")
    shown.emulate_media(media="print")
    assert shown.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    shown.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert shown.locator("details[open]").count() == 1, "the table under the chart is printed"
    assert shown.pdf().startswith(b"%PDF")
    assert said == []


EVIL = "</script><img src=x onerror=alert(1)><svg onload=alert(2)>\u2028\u202e\"'&{{7*7}}"


def test_hostile_names_are_seen_and_not_run(browser: Browser, script: str, tmp_path: Path) -> None:
    shown, said = _look(browser, _hostile_page(tmp_path, script, EVIL), 900, "light")
    assert said == []
    assert shown.locator("img").count() == 0
    assert shown.title() == terminal.escape(EVIL)
    assert terminal.escape(EVIL) in (shown.locator("h1").text_content() or "")
    shown.locator("[data-chart] svg .mark-rect path").first.hover(force=True)
    shown.wait_for_selector("#tip:not([hidden])", state="attached")
    assert shown.locator("#tip img, #tip svg").count() == 0
    assert terminal.escape(EVIL) in (shown.locator("#tip").text_content() or "")
    assert said == []


def test_the_policy_stops_what_is_not_ours(browser: Browser, script: str, tmp_path: Path) -> None:
    path = _hostile_page(tmp_path, script, "M1")
    text = path.read_text().replace(
        "<main>", "<main><script>document.title = 'run'</script><img src='http://127.0.0.1:9/x'>"
    )
    path.write_text(text)
    shown, said = _look(browser, path, 900, "light")
    assert shown.title() == "M1"
    assert len([each for each in said if "Content Security Policy" in each]) >= 2


def _hostile_page(folder: Path, script: str, name: str) -> Path:
    rows = [
        {"name": name, "reason": "because", "state": name, "from": name, "to": name, "since": 0, "till": 3_600_000},
    ]  # fmt: skip
    figure = content.Figure(name, name, spans(rows, (0, 7_200_000)), True)
    table = content.Table(name, [(name, False)], [[name]], 3, name)
    section = content.Section("one", name, [name], [figure], [table], name, name, [name], "good", (name, name, name))
    tiles = [content.Tile(name, name, name, "one", "good")]
    made = page(content.Report(name, [(name, name)], tiles, [section]), script, terminal.escape, name)
    path = folder / "page.html"
    path.write_text(made)
    return path
