"""`omptool cloud serve` as a process: what it says, what it refuses, how it ends, and that a lake may grow under it."""

from __future__ import annotations

import json
import os
import pty
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from docs.row_meanings import ROWS
from tests.cloud.api import problem
from tests.conftest import Result, clean_environment
from tests.sources.captures import Recording
from tests.test_imports import _loaded

Invoke = Callable[..., Result]
LONG = "select count(*) from telemetry a, telemetry b, telemetry c, telemetry d"


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lakes")
    recording = Recording(folder / "x.omcap")
    recording.grow(6000)
    recording.close()
    convert(folder, "x.omcap")
    return folder / "lake"


def convert(folder: Path, capture: str) -> None:
    command = [sys.executable, "-m", "omptool", "convert", capture, "-o", "lake"]
    subprocess.run(command, cwd=folder, env=clean_environment(folder), check=True, capture_output=True, timeout=100)


@dataclass
class Serving:
    """A running `cloud serve`."""

    process: subprocess.Popen[str]
    hello: dict[str, Any]
    client: httpx.Client

    def ask(self, statement: str, **more: object) -> dict[str, Any]:
        answer = self.client.post("/v1/statements", json={"statement": statement, "wait_timeout": 50, **more})
        assert answer.status_code in (200, 202), answer.text
        return answer.json()  # type: ignore[no-any-return]

    def value(self, statement: str) -> Any:
        """The only value of a result."""
        status = self.ask(statement)
        assert status["state"] == "succeeded", status
        path = f"/v1/statements/{status['id']}/chunks/0"
        return next(iter(self.client.get(path, headers={"Accept": "application/json"}).json()[0].values()))

    def end(self, number: int) -> tuple[int, str, str]:
        """Send a signal; exit code, the rest of stdout, stderr."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=100)
        return self.process.returncode, out, err

    @property
    def workers(self) -> list[int]:
        """Processes that it started."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def serve(tmp_path: Path, lake: Path) -> Iterator[Callable[..., Serving]]:
    started: list[Serving] = []

    def start(*options: str, on: Path | None = None) -> Serving:
        (tmp_path / "temporary").mkdir(exist_ok=True)
        process = subprocess.Popen(
            [*(sys.executable, "-m", "omptool", "cloud", "serve"), "--lake", str(on or lake), "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env=clean_environment(tmp_path, {"TMPDIR": str(tmp_path / "temporary")}),
            cwd=tmp_path,
        )
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        assert line, process.stderr.read()
        hello = json.loads(line)
        token = Path(hello["token_file"]).read_text().strip()
        client = httpx.Client(
            base_url=hello["url"], headers={"Authorization": f"Bearer {token}"}, timeout=100, trust_env=False
        )
        started.append(Serving(process, hello, client))
        return started[-1]

    yield start
    for each in started:
        each.client.close()
        each.process.kill()
        each.process.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_it_serves_until_a_signal_and_leaves_nothing_behind(
    serve: Callable[..., Serving], tmp_path: Path, lake: Path, number: int, code: int
) -> None:
    served = serve("--token-file", "secrets/api.token", "--workers", "2")
    assert list(served.hello) == list(ROWS["cloud serve"])
    assert served.hello == {
        "url": served.hello["url"],
        "lake": str(lake),
        "token_file": str(tmp_path / "secrets" / "api.token"),
    }
    assert served.hello["url"].startswith("http://127.0.0.1:")
    assert served.value("select count(*) from telemetry") == 6000
    running = served.ask(LONG, wait_timeout=0)
    assert running["state"] in ("queued", "running")
    workers = served.workers
    assert len(workers) >= 2
    assert [entry.stat().st_mode & 0o777 for entry in (tmp_path / "temporary").glob("omptool-cloud-*")] == [0o700]
    assert served.end(number) == (code, "", "")
    assert [pid for pid in workers if Path(f"/proc/{pid}").exists()] == []
    assert list((tmp_path / "temporary").iterdir()) == []


def test_the_token_file_is_made_for_this_user_alone_and_kept(serve: Callable[..., Serving], tmp_path: Path) -> None:
    first = serve()
    path = Path(first.hello["token_file"])
    assert path == tmp_path / "config" / "omptool" / "cloud.token"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text().strip()) == 43
    before = path.read_bytes()
    second = serve()
    assert path.read_bytes() == before
    assert second.client.get("/v1/tables").status_code == 200
    assert list(path.parent.iterdir()) == [path]


def test_cancel_ends_the_statement_and_the_server_goes_on(serve: Callable[..., Serving]) -> None:
    served = serve("--workers", "1")
    identifier = served.ask(LONG, wait_timeout=0.2)["id"]
    assert served.client.post(f"/v1/statements/{identifier}:cancel").json()["state"] == "cancelled"
    assert served.value("select 1") == 1


def test_limits_of_time_and_size_are_problems_of_the_statement(serve: Callable[..., Serving]) -> None:
    served = serve("--statement-timeout", "500ms", "--result-limit", "20KB", "--memory", "512MiB", "--threads", "1")
    slow, large = served.ask(LONG), served.ask("from telemetry")
    assert [status["problem"]["type"].rpartition(":")[2] for status in (slow, large)] == [
        "statement-timeout",
        "result-too-large",
    ]
    assert all(status["state"] == "failed" and status["problem"]["hint"] for status in (slow, large))
    assert served.ask("select 1 as one", byte_limit=10)["problem"]["type"].endswith("result-too-large")
    assert served.value("select 1") == 1


def test_each_statement_sees_the_lake_as_it_was_at_its_start(serve: Callable[..., Serving], tmp_path: Path) -> None:
    recording = Recording(tmp_path / "x.omcap")
    recording.grow(600)
    convert(tmp_path, "x.omcap")
    served = serve(on=tmp_path / "lake")
    before = served.ask("select count(*) from telemetry")
    recording.grow(60)
    recording.close()
    convert(tmp_path, "x.omcap")
    assert served.value("select count(*) from telemetry") == 660
    after = served.ask("select count(*) from telemetry")
    assert after["lake_version"]["telemetry"] > before["lake_version"]["telemetry"]
    tables = served.client.get("/v1/tables").json()
    assert tables["lake_version"] == after["lake_version"]
    chunk = served.client.get(f"/v1/statements/{before['id']}/chunks/0", headers={"Accept": "text/csv"})
    assert chunk.text.splitlines()[1] == "600"


def test_rows_are_the_bytes_that_query_writes(serve: Callable[..., Serving], lake: Path, invoke: Invoke) -> None:
    served = serve()
    statement = "select time, tag, value, status, value > 5 as high from telemetry order by time, tag limit 2000"
    status = served.ask(statement)
    path = f"/v1/statements/{status['id']}/chunks"
    for accept, format in (("text/csv", "csv"), ("application/json", "json")):
        chunks = [served.client.get(f"{path}/{n}", headers={"Accept": accept}) for n in range(status["chunks"])]
        asked = invoke("query", statement, "--on", lake, "--format", format)
        assert asked.code == 0, asked.err
        if format == "csv":
            assert "".join(chunk.text for chunk in chunks) == asked.out
        else:
            assert [row for chunk in chunks for row in chunk.json()] == json.loads(asked.out)


def test_a_refused_statement_reads_as_it_does_locally(
    serve: Callable[..., Serving], lake: Path, invoke: Invoke
) -> None:
    found = serve().ask("select valu from telemetry")["problem"]
    asked = invoke("query", "select valu from telemetry", "--on", lake)
    indented = "".join(f"  {line}\n" for line in found["hint"].splitlines())
    assert asked.err == f"omptool: {found['detail']}\n{indented}"


def test_a_terminal_gets_the_table_to_paste(lake: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*(sys.executable, "-m", "omptool", "cloud", "serve", "--lake", str(lake), "--port", "0")],
        stdout=theirs,
        stderr=subprocess.PIPE,
        env=clean_environment(tmp_path),
        cwd=tmp_path,
    )
    os.close(theirs)
    shown = b""
    try:
        while b"Ctrl-C stops the server" not in shown:
            shown += os.read(ours, 4096)
    finally:
        process.terminate()
        process.communicate(timeout=100)
        os.close(ours)
    assert process.returncode == 143
    screen = shown.decode().replace("\r\n", "\n").splitlines()
    url = screen[0].split()[0]
    token = tmp_path / "config" / "omptool" / "cloud.token"
    assert screen[0] == f"{url}   {lake}   2 processes · 2GiB and 300 s per statement"
    assert screen[1] == f"a new token is in {token}"
    assert ["  [cloud.local]", f'  url = "{url}"', f'  token_file = "{token}"'] == screen[4:7]
    assert '  omptool query "from telemetry limit 10" --cloud local' in screen


def test_a_port_in_use_is_said(lake: Path, invoke: Invoke) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = invoke("cloud", "serve", "--lake", lake, "--port", port)
    assert (done.code, done.out) == (5, "")
    assert done.err.splitlines() == [
        f"omptool: port {port} on 127.0.0.1 is in use",
        "  take another one, or let a free one be found: --port 0",
    ]


def test_what_is_no_lake_is_said(invoke: Invoke, tmp_path: Path, lake: Path) -> None:
    (tmp_path / "lakes").mkdir()
    missing = invoke("cloud", "serve", "--lake", "lake")
    assert (missing.code, missing.err.splitlines()) == (
        1,
        ["omptool: no such lake: lake", "  did you mean lakes?"],
    )
    folder = invoke("cloud", "serve", "--lake", "lakes")
    assert (folder.code, folder.err.splitlines()) == (
        1,
        ["omptool: lakes is no lake", "  convert makes one from captures: omptool convert x.omcap -o lake"],
    )
    capture = invoke("cloud", "serve", "--lake", lake.with_name("x.omcap"))
    assert capture.code == 1
    assert capture.err.splitlines()[1].startswith("  that is a capture; make a lake of it: omptool convert ")


@pytest.mark.parametrize(
    ("content", "mode", "message", "hint"),
    [
        ("a" * 43, 0o644, "others may read or write the token file t", "chmod 600 t"),
        ("a" * 43, 0o620, "others may read or write the token file t", "chmod 600 t"),
        ("", 0o600, "the token file t is empty", "rm t"),
        ("short", 0o600, "the token file t holds no token", "rm t"),
        ("two words of a secret", 0o600, "the token file t holds no token", "rm t"),
    ],
)
def test_a_token_file_that_is_no_secret_is_refused(
    invoke: Invoke, tmp_path: Path, lake: Path, content: str, mode: int, message: str, hint: str
) -> None:
    path = tmp_path / "t"
    path.write_text(content)
    path.chmod(mode)
    done = invoke("cloud", "serve", "--lake", lake, "--port", "0", "--token-file", "t")
    assert (done.code, done.out) == (2, "")
    assert message in done.err.splitlines()[0]
    assert done.err.splitlines()[1].endswith(hint)
    assert not content or content not in done.err


def test_a_token_file_that_is_no_file_is_refused(invoke: Invoke, tmp_path: Path, lake: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        done = invoke("cloud", "serve", "--lake", lake, "--port", "0", "--token-file", name)
        assert (done.code, done.out) == (2, "")
        assert done.err.splitlines()[0] == f"omptool: {name} is no file"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--memory", "much"), "--memory much is no size"),
        (("--result-limit", "0"), "--result-limit 0 is no size"),
        (("--statement-timeout", "5"), "'5' is not a duration"),
        (("--workers", "0"), "0 is not in the range"),
        (("--threads", "0"), "0 is not in the range"),
        (("--port", "70000"), "70000 is not in the range"),
    ],
)
def test_wrong_input_is_told_in_one_sentence(
    invoke: Invoke, lake: Path, options: tuple[str, ...], message: str
) -> None:
    done = invoke("cloud", "serve", "--lake", lake, *options)
    assert (done.code, done.out) == (2, "")
    assert message in done.err.splitlines()[0]
    assert "Traceback" not in done.err


def test_what_is_refused_loads_no_server(tmp_path: Path) -> None:
    code, loaded = _loaded(tmp_path, "cloud", "serve", "--lake", "nowhere")
    assert code == 1
    assert not loaded & {"fastapi", "uvicorn", "pydantic", "duckdb", "deltalake", "asyncio"}


def test_the_token_is_asked_for(serve: Callable[..., Serving]) -> None:
    served = serve()
    problem(httpx.get(served.hello["url"] + "/v1/tables", trust_env=False), 401, "unauthorized")
    assert served.client.get("/v1/plant").json() == {"plant": None}
