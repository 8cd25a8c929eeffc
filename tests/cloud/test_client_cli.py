"""`query` and `analyze` with `--cloud`, as users type them and when things go wrong: one message, no half row."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from omptool.cloud import client_http
from omptool.cloud.client import CloudEngine
from tests.cloud.clouds import Cloud, make_lake, running_cloud
from tests.cloud.scripted import Answer, answer, chunk, problem, scripted, simple, status
from tests.cloud.test_client import GOOD, ROWS
from tests.conftest import Result, clean_environment

Run = Callable[..., Result]
BUSY = "select count(*) as n from range(1000000) a, range(1000000) b where a.range * b.range = -1"
MANY = "select md5(concat(a.seq, b.seq)) as h from telemetry a, telemetry b, range(20)"
"""Nothing of it compresses."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_lake(tmp_path_factory.mktemp("lake") / "lake")


@pytest.fixture(scope="module")
def cloud(lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """One worker: a statement that is not really stopped holds up the next one."""
    with running_cloud(tmp_path_factory.mktemp("cloud"), lake, "--workers", "1", "--result-limit", "20MB") as running:
        yield running


@pytest.fixture
def configured(tmp_path: Path, cloud: Cloud) -> Cloud:
    (tmp_path / "omptool.toml").write_text(cloud.settings)
    return cloud


def _start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "omptool", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=folder, env=clean_environment(folder),
    )  # fmt: skip


def test_a_query_and_an_analysis(invoke: Run, configured: Cloud) -> None:
    rows = invoke(
        "query", "select count(*) as n from telemetry where machine = $m", "--cloud", "plant", "--param", "m=CNC1"
    )
    assert (rows.code, rows.rows) == (0, [{"n": 216}])
    analysis = invoke("analyze", "oee", "--cloud", "plant", "--chart")
    assert (analysis.code, analysis.out.count("\n")) == (3, 8)  # the gap touches it


@pytest.mark.parametrize(
    ("versions", "moved"),
    [([None, None], False), ([{"nodes": 1}, {"nodes": 1}], False), ([{"nodes": 1}, {"nodes": 2}, {"nodes": 2}], True)],
)
def test_a_lake_that_grows_between_two_statements_is_noticed(
    tmp_path: Path, versions: list[dict[str, int] | None], moved: bool
) -> None:
    answers = [answer(status(lake_version=version)) for version in versions]
    with scripted(tmp_path, simple(*answers, chunks={0: [GOOD]})) as server, CloudEngine(server.config) as engine:
        for _ in versions:
            assert engine.run("from x").read_all() == ROWS
        assert (engine.moved(), engine.moved()) == (moved, False)
        engine.run("from x").read_all()
        assert not engine.moved()  # one version, however it compares with those before


@pytest.mark.parametrize("moves", [0, 1, 2])
def test_an_analysis_of_a_lake_that_grows_is_made_again(
    invoke: Run, configured: Cloud, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    ask = ("analyze", "time_in_state", "--cloud", "plant")
    left, wanted = [True] * moves, invoke(*ask)
    monkeypatch.setattr(CloudEngine, "moved", lambda self: bool(left and left.pop()))
    found = invoke(*ask)
    assert (found.code, found.out, left) == (wanted.code, wanted.out, [])
    assert ("note: the lake grew while it was asked" in found.err) == (moves == 2)


def test_the_zone_is_that_of_the_lakes_plant(invoke: Run, configured: Cloud) -> None:
    bare = ("query", "select $t as t", "--cloud", "plant", "--param", "t:timestamp=2026-11-16T12:00")
    assert invoke(*bare).rows == [{"t": "2026-11-16T06:30:00Z"}]
    assert invoke(*bare, "--tz", "UTC").rows == [{"t": "2026-11-16T12:00:00Z"}]
    assert "2026-11-16 12:00:00" in invoke(*bare, "--format", "table").out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["query", "select 1", "--cloud", "plnat"], 2, 'no cloud "plnat" in omptool.toml\n  did you mean plant?'),
        (["query", "select 1", "--cloud", "http://127.0.0.1:8440"], 2, "add [cloud.NAME] with url and token_file"),
        (["query", "select 1", "--cloud", "http://u:secret@h/"], 2, 'no cloud "http://h/"'),
        (["query", "select 1", "--cloud", "plant", "--on", "x.csv"], 2, "--on and --cloud are given"),
        (["analyze", "oee", "--cloud", "plant", "--on", "lake"], 2, "--on and --cloud are given"),
        (["query", "select 1", "--cloud", "plant", "--plant", "p.toml"], 2, "--plant and --cloud are given"),
        (["query", "select 1", "--cloud", "plant", "--input-format", "csv"], 2, "--input-format and --cloud are given"),
        (["query", "select 1"], 2, "omptool query 'select 1' --cloud plant"),
        (["analyze", "oee"], 2, "or --cloud NAME; omptool.toml has plant"),
        (["query", "", "--cloud", "plant"], 2, "the statement is empty"),
        (["query", "/* later */ ;", "--cloud", "plant"], 2, "the statement is empty"),
        (["query", "select 1", "--cloud", "plant", "--tz", "Mars/Olympus"], 2, "Mars/Olympus"),
        (["query", "from read_csv('/etc/passwd')", "--cloud", "plant"], 1, "read_csv"),
        (["query", "from orders", "--cloud", "plant"], 1, 'no table "orders"'),
        (
            ["query", "select $l", "--cloud", "plant", "--param", 'l:list=[1, "a"]'],
            2,
            "a list holds values of one type",
        ),
        (["analyze", "oee", "--cloud", "plant", "--map", "good=Nothing"], 1, "good"),
    ],
)
def test_wrong_input(invoke: Run, configured: Cloud, arguments: list[str], code: int, message: str) -> None:
    result = invoke(*arguments)
    assert (result.code, result.out) == (code, "")
    assert message in result.err
    assert "secret" not in result.err


def test_a_statement_that_is_too_long(invoke: Run, configured: Cloud, tmp_path: Path) -> None:
    (tmp_path / "long.sql").write_text("select 1 --" + "x" * (1 << 20))
    result = invoke("query", "--file", "long.sql", "--cloud", "plant")
    assert (result.code, result.out) == (1, "")
    assert "omptool: the statement has 1048587 characters, a cloud takes 1048576\n" in result.err


def test_a_result_that_is_too_large_leaves_no_file(invoke: Run, configured: Cloud, tmp_path: Path) -> None:
    result = invoke("query", MANY, "--cloud", "plant", "-o", "many.csv")
    assert (result.code, result.out) == (1, "")
    assert "result" in result.err and "Traceback" not in result.err
    assert sorted(path.name for path in tmp_path.glob("*many*")) == []


def test_tokens(invoke: Run, cloud: Cloud, tmp_path: Path) -> None:
    token = tmp_path / "my.token"
    (tmp_path / "omptool.toml").write_text(f'[cloud.plant]\nurl = "{cloud.url}"\ntoken_file = "my.token"\n')
    ask = ("query", "select 1 as one", "--cloud", "plant")

    def said(code: int) -> str:
        result = invoke(*ask)
        assert (result.code, result.out) == (code, "")
        return result.err

    assert said(1).startswith("omptool: the token file of cloud plant is not there: my.token\n")
    token.write_text("not-the-right-token-0123\n")
    token.chmod(0o644)
    assert said(2) == "omptool: the token file of cloud plant may be read by others: my.token\n  chmod 600 my.token\n"
    token.chmod(0o600)
    assert said(1).startswith("omptool: cloud plant refuses the token: ")
    assert "not-the-right" not in said(1)
    for content in (b"", b"two\nlines", b"\xff\xfe" * 10, b"x" * 5000):
        token.write_bytes(content)
        assert said(2).startswith("omptool: the token file of cloud plant holds no token: my.token\n")
    token.unlink()
    os.mkfifo(token, 0o600)  # a named pipe would wait for a writer for ever
    is_no_file = "omptool: the token file of cloud plant is no file: my.token\n  token_file of [cloud.plant] names it\n"
    assert said(2) == is_no_file
    token.unlink()
    token.mkdir(0o700)
    assert said(2) == is_no_file
    token.rmdir()
    token.write_bytes(cloud.token_file.read_bytes())
    token.chmod(0o600)
    assert invoke(*ask).rows == [{"one": 1}]
    elsewhere = invoke(*ask, "--config", tmp_path / "omptool.toml", cwd=tmp_path.parent)
    assert elsewhere.rows == [{"one": 1}]  # the file is beside the settings that name it


def test_a_server_that_is_not_there(invoke: Run, tmp_path: Path) -> None:
    with scripted(tmp_path, simple(answer(status()))) as server:
        settings = server.settings()
    (tmp_path / "omptool.toml").write_text(settings)
    result = invoke("query", "select 1", "--cloud", "plant")
    assert (result.code, result.out) == (4, "")
    assert result.err.startswith(f"omptool: cannot reach cloud plant ({server.url}): connection refused\n")
    assert "omptool cloud serve" in result.err


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_server_that_goes_away_in_mid_query(lake: Path, tmp_path: Path, how: signal.Signals) -> None:
    with running_cloud(tmp_path, lake) as cloud:
        (tmp_path / "omptool.toml").write_text(cloud.settings)
        asking = _start(tmp_path, "query", BUSY, "--cloud", "plant")
        _wait_until_running(cloud)
        cloud.process.send_signal(how)
        out, err = asking.communicate(timeout=60)
    assert (asking.returncode, out) == (4, "")
    gone, stopped = f"omptool: cloud plant ({cloud.url}) is gone: ", "omptool: cloud plant stopped the statement\n"
    assert gone in err or (how == signal.SIGTERM and stopped in err)
    assert "Traceback" not in err


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_the_statement_on_the_server(
    invoke: Run, configured: Cloud, tmp_path: Path, stop: signal.Signals
) -> None:
    asking = _start(tmp_path, "query", BUSY, "--cloud", "plant", "-o", "out.csv")
    _wait_until_running(configured)
    asking.send_signal(stop)
    out, err = asking.communicate(timeout=60)
    assert (asking.returncode, out) == ({signal.SIGINT: 130, signal.SIGTERM: 143}[stop], "")
    assert "Traceback" not in err and "omptool:" not in err
    assert not list(tmp_path.glob("*out.csv*"))
    # the only worker is free again, long before the statement would have ended by itself
    assert invoke("query", "select 1 as one", "--cloud", "plant").rows == [{"one": 1}]


def test_a_closed_pipe_is_silent_and_stops_the_statement(invoke: Run, configured: Cloud, tmp_path: Path) -> None:
    command = f"{sys.executable} -m omptool query '{MANY} limit 400000' --cloud plant 2>err | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=tmp_path, env=clean_environment(tmp_path),
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "h" in json.loads(done.stdout)
    assert "omptool:" not in (tmp_path / "err").read_text()
    assert invoke("query", "select 1 as one", "--cloud", "plant").rows == [{"one": 1}]


TORN = simple(answer(status()), chunks={0: [Answer(200, GOOD.body[:-8], GOOD.type)]})
LATER = simple(answer(status(chunks=2, rows=6)), chunks={0: [GOOD], 1: [answer(problem("not-found", "gone"), 404)]})


@pytest.mark.parametrize(
    ("script", "code", "lines", "message"),
    [
        (TORN, 4, 0, "is gone: chunk 0 ends in the middle"),
        (LATER, 4, 4, "does not know the statement any more"),
        (simple(Answer(200, b"\x00\x01", "application/json")), 1, 0, "does not answer like a cloud API"),
        (simple(answer(problem("too-busy", "32 statements wait", "try again"), 503)), 5, 0, "wait\n  try again"),
    ],
    ids=["torn", "gone after one chunk", "garbage", "busy"],
)  # fmt: skip
def test_rows_are_whole_or_not_there(
    invoke: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: object, code: int, lines: int, message: str
) -> None:
    monkeypatch.setattr(client_http, "_FIRST_PAUSE_S", 0.001)
    with scripted(tmp_path, script) as server:  # type: ignore[arg-type]
        (tmp_path / "omptool.toml").write_text(server.settings())
        result = invoke("query", "select 1 from gaps", "--cloud", "plant", "--format", "csv")
        to_file = invoke("query", "select 1 from gaps", "--cloud", "plant", "-o", "x.csv")
    assert (result.code, result.out.count("\n")) == (code, lines)
    assert result.out in ("", 'n,t\n1,a\n2,""\n3,\n')
    assert message in result.err
    assert result.err.count("omptool:") == 1
    assert (to_file.code, list(tmp_path.glob("*x.csv*"))) == (code, [])


def test_a_token_does_not_follow_a_redirect(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    with scripted(tmp_path / "other", simple(answer(status()))) as thief:
        away = Answer(308, headers={"Location": f"{thief.url}/v1/plant"})
        with scripted(tmp_path, lambda _: away) as server:
            (tmp_path / "omptool.toml").write_text(server.settings())
            result = invoke("query", "select 1", "--cloud", "plant")
        assert thief.requests == []
    assert (result.code, result.out) == (1, "")
    assert f"cloud plant sends on to {thief.url}/v1/plant (308)" in result.err


def test_text_of_a_server_is_no_command_for_a_terminal(invoke: Run, tmp_path: Path) -> None:
    hostile = problem("statement-refused", "\x1b[2Jgone\x07\nomptool: all is well", "\u202etxet")
    with scripted(tmp_path, simple(answer(status(state="failed", chunks=0, problem=hostile)))) as server:
        (tmp_path / "omptool.toml").write_text(server.settings())
        result = invoke("query", "select 1 from gaps", "--cloud", "plant")
    assert result.code == 1
    assert not set("\x1b\x07\u202e") & set(result.err)
    assert result.err.count("\n") == 2


def test_repeatable_and_a_typed_zone_are_sent(invoke: Run, tmp_path: Path) -> None:
    with scripted(tmp_path, simple(answer(status()), chunks={0: [chunk(ROWS)]})) as server:
        (tmp_path / "omptool.toml").write_text(server.settings())
        ask = ("query", "select 1 from gaps", "--cloud", "plant")
        assert invoke(*ask, "--repeatable", "--tz", "Asia/Tokyo").code == 0
        assert invoke(*ask, env={"OMPTOOL_OUTPUT_TZ": "Asia/Tokyo"}).code == 0
        first, second = [request.body for request in server.asked("POST", "/v1/statements")]
    assert (first["repeatable"], first["tz"]) == (True, "Asia/Tokyo")
    assert (second["repeatable"], second["tz"]) == (False, None)


def _wait_until_running(cloud: Cloud) -> None:
    """Until a worker of the server has computed for a second: the statement is there and busy."""
    before = _cpu_ticks(cloud.process.pid)
    for _ in range(600):
        if _cpu_ticks(cloud.process.pid) - before > 100:
            return
        time.sleep(0.1)
    raise AssertionError("the statement never became busy")


def _cpu_ticks(parent: int) -> int:
    """User time of all children of a process."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            total += int(fields[11])
    return total
