"""A recording that nobody watches: its log, its metrics, its lines for programs."""

from __future__ import annotations

import json
import logging
import logging.handlers
import re
import signal
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from omptool.capture.recording.terms import Progress, ServerProgress
from omptool.cli import logfile, metrics, operating
from omptool.cli.operating import LogFormat
from omptool.config import File, load
from omptool.errors import ConfigError, OutputFailed
from tests.capture.counting import counting_server
from tests.capture.counting_server import Options
from tests.cli.test_capture import PATIENCE_S, start, wait_for_rows
from tests.conftest import Result

_SAMPLE = re.compile(r'^(omptool_capture_[a-z_]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (\S+)$')


def samples(page: str) -> dict[str, float]:
    """The samples of a page by `name{labels}`; every line of it has to be one, or a comment that announces it."""
    found, announced = {}, set()
    for line in page.splitlines():
        if line.startswith("# TYPE "):
            announced.add(line.split()[2])
        elif not line.startswith("# HELP "):
            match = _SAMPLE.match(line)
            assert match is not None, line
            assert match[1] in announced, line
            found[match[1] + (match[2] or "")] = float(match[3])
    return found


def test_log_and_metrics_tell_of_a_server_that_was_killed_and_of_one_that_never_came(tmp_path: Path) -> None:
    folder, log = tmp_path / "x.omcap", tmp_path / "x.log"
    (tmp_path / "omptool.toml").write_text('[servers.oven2]\nurl = "opc.tcp://127.0.0.1:9"\n')
    with counting_server(Options(counters=2)) as server:
        process = start(
            tmp_path, "capture", server.url, "oven2", "-o", "x.omcap", "--metrics", "0", "--progress", "json",
            "--log-file", log, "--log-format", "json", "--publishing-interval", "50ms",
        )  # fmt: skip
        assert process.stderr is not None
        line = process.stderr.readline()
        while not line.startswith("metrics: "):
            line = process.stderr.readline()
        url = line.split()[1]
        assert url.startswith("http://127.0.0.1:")
        wait_for_rows(process, folder, 100)
        page = samples(urllib.request.urlopen(url, timeout=PATIENCE_S).read().decode())
        label = f'{{server="{server.url}"}}'
        assert page["omptool_capture_recording"] == 1
        assert page[f"omptool_capture_server_items{label}"] == 2
        assert page[f"omptool_capture_server_values_total{label}"] >= 100
        assert page['omptool_capture_server_connected{server="oven2"}'] == 0
        assert page['omptool_capture_server_gaps{server="oven2",reason="connection_lost"}'] == 1
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(url + "x", timeout=PATIENCE_S)
        server.kill()
        while not any('"event": "lost"' in line for line in log.read_text().splitlines()):
            assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 143
    told = [json.loads(line) for line in err.splitlines() if line.startswith("{")]
    assert [one["server"] for one in told[-1]["servers"]] == [server.url, "oven2"]
    assert set(told[-1]["servers"][0]) >= {"items", "rows_per_s", "lag_s", "gaps", "connected"}
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    events = [entry["event"] for entry in entries]
    assert {"start", "connect", "subscribe", "unreachable", "lost", "gap", "stop"} <= set(events)
    assert events[-2:] == ["summary", "summary"]
    assert all(set(entry) == {"time", "level", "event", "server", "detail"} for entry in entries)
    lost = next(entry for entry in entries if entry["event"] == "lost")
    assert lost["level"] == "warning" and lost["detail"]["cause"]
    assert json.loads(out)["rows"] >= 100


def record(event: str, server: str, **detail: object) -> logging.LogRecord:
    made = logging.LogRecord("omptool.capture", logging.WARNING, "", 0, "%s", (event,), None)
    made.__dict__.update(event=event, server=server, detail=detail)
    made.created = 1_700_000_000.25
    return made


def test_a_line_of_text_has_no_control_characters_and_no_password() -> None:
    line = logfile._Text().format(record("lost", "pr\x1b[2Jess", cause="a\nb", url="opc.tcp://ann:secret@h:1"))
    assert line.startswith("2023-11-14T22:13:20.25Z WARNING pr")
    assert "\x1b" not in line and "\n" not in line
    assert "secret" not in line and "opc.tcp://***@h:1" in line
    encoded = logfile._Json().format(record("lost", "x", cause="\u202e\x1b", url="opc.tcp://ann:secret@h:1"))
    assert encoded.isascii() and "secret" not in encoded
    assert json.loads(encoded)["detail"]["cause"] == "\u202e\x1b"


def test_a_log_that_is_full_begins_anew_and_keeps_five(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logfile, "MAX_BYTES", 2000)
    log = tmp_path / "x.log"
    with logfile.logging_to(log, LogFormat.TEXT):
        for number in range(300):
            logging.getLogger("omptool.capture").warning("x", extra={"event": "x", "detail": {"n": number}})
    files = sorted(path.name for path in tmp_path.iterdir())
    assert files == ["x.log", *(f"x.log.{number}" for number in range(1, 6))]
    assert all(path.stat().st_size <= 2000 for path in tmp_path.iterdir())
    assert log.read_text().splitlines()[-1].endswith("n=299")


def test_without_a_log_nothing_listens_and_a_folder_is_none(tmp_path: Path) -> None:
    before = list(logging.getLogger("omptool").handlers)
    with logfile.logging_to(None, LogFormat.TEXT):
        assert logging.getLogger("omptool").handlers == before
    with pytest.raises(OutputFailed, match="cannot write the log"), logfile.logging_to(tmp_path, LogFormat.TEXT):
        pass


def test_without_a_log_nothing_of_it_is_on_stderr(invoke: Callable[..., Result]) -> None:
    with counting_server(Options(counters=2, refused=(1,))) as server:
        result = invoke("capture", server.url, "-o", "x.omcap", "--count", 10)
    assert result.code == 3
    assert result.err.splitlines()[-1].startswith("next: ")


def test_labels_of_metrics_are_escaped(tmp_path: Path) -> None:
    server = ServerProgress('a"b\\c\nd', "capturing", reasons=Counter({"stale": 2}))
    page = samples(metrics.text(Progress([server]), tmp_path / "x.omcap"))
    assert page['omptool_capture_server_gaps{server="a\\"b\\\\c\\nd",reason="stale"}'] == 2
    assert sum(value for name, value in page.items() if "server_state" in name) == 1


@pytest.mark.parametrize(
    ("text", "address"), [("9464", ("127.0.0.1", 9464)), ("0.0.0.0:0", ("0.0.0.0", 0)), ("[::1]:80", ("::1", 80))]
)
def test_addresses_of_metrics(text: str, address: tuple[str, int]) -> None:
    assert load({"capture.metrics": text}, {}, [])["capture.metrics"] == address


@pytest.mark.parametrize("text", ["", "here", ":80", "[]:80", "127.0.0.1", "127.0.0.1:99999", "1:2:x"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ConfigError, match="--metrics must be "):
        load({"capture.metrics": text}, {}, [])


def test_what_keeps_a_recording_in_order_is_set_once_for_all_runs(tmp_path: Path) -> None:
    settings = File(
        tmp_path / "omptool.toml",
        """[capture]
rotate_every = "1h"
keep_for = "30d"
keep_free = "20GB"
lock = "press7.lock"
log_file = "logs/press7.log"
log_format = "json"
metrics = 9464
""",
    )
    order = operating.read(load({"capture.keep_for": "2d"}, {}, [settings]))
    assert (order.upkeep.rotate_seconds, order.upkeep.keep.age_s, order.upkeep.keep.free) == (3600, 172_800, 20 * 10**9)
    assert (order.lock, order.log_file) == (tmp_path / "press7.lock", tmp_path / "logs" / "press7.log")
    assert (order.log_format, order.metrics) == (LogFormat.JSON, ("127.0.0.1", 9464))
    nothing = operating.read(load({}, {}, []))
    assert (nothing.lock, nothing.log_file, nothing.log_format, nothing.metrics) == (None, None, LogFormat.TEXT, None)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('keep_size = "much"', 'must be a size such as "64MB" or "10GB"'),
        ('rotate_size = "1kB"', "must be a size of at least 64 kB"),
        ('rotate_every = "1ms"', "must be a duration of at least 1s"),
        ('log_format = "xml"', "must be one of text, json"),
        ("lock = 5", "must be a text"),
    ],
)
def test_settings_that_cannot_be(line: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({}, {}, [File(Path("omptool.toml"), f"[capture]\n{line}\n")])
    assert caught.value.message.startswith("omptool.toml:2: capture.") and said in caught.value.message
