"""What all tests share: the command line as a function, a clean environment, one simulated plant per session."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "ci", derandomize=True, max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("full", max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Result:
    """What a command line did."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """JSON Lines on stdout."""
        return [json.loads(line) for line in self.out.splitlines()]


def clean_environment(home: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment without anything that changes what omptool does, and with its own, empty settings folder."""
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(("OMPTOOL_", "COV_", "AWS_", "AZURE_"))
        and k not in {"NO_COLOR", "FORCE_COLOR", "COLUMNS", "TZ"}
    }
    own = {"XDG_CONFIG_HOME": str(home / "config"), "XDG_STATE_HOME": str(home / "state")}
    return kept | own | {"TZ": "UTC", "PYTHONUTF8": "1"} | dict(extra or {})


@pytest.fixture(autouse=True)
def _isolated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("OMPTOOL_", "AWS_", "AZURE_")) or name in {"NO_COLOR", "FORCE_COLOR", "COLUMNS"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("TZ", "UTC")


@pytest.fixture
def run_cli(tmp_path: Path) -> Callable[..., Result]:
    """`run_cli(*args, input=, env=, cwd=, timeout=)`: a real process, stdout and stderr are pipes."""

    def run(
        *args: object,
        input: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        timeout: float = 100,
    ) -> Result:
        done = subprocess.run(
            [sys.executable, "-m", "omptool", *map(str, args)],
            input="" if input is None else input,
            capture_output=True,
            encoding="utf-8",
            env=clean_environment(tmp_path, env),
            cwd=cwd or tmp_path,
            timeout=timeout,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    return run


class _Captured(io.TextIOWrapper):
    """Text stream over memory; `text` is what was written."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", newline="", write_through=True)

    @property
    def text(self) -> str:
        self.flush()
        return self.buffer.getvalue().decode()  # type: ignore[attr-defined]


@pytest.fixture
def invoke(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """`invoke(*args, env=, cwd=)`: the same in this process, quicker; the current folder is `tmp_path`."""
    from omptool.cli import app, settings

    def run(*args: object, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Result:
        out, err = _Captured(), _Captured()
        settings.forget()
        with monkeypatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            patch.chdir(cwd or tmp_path)
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            code = app.run([str(arg) for arg in args])
        settings.forget()
        return Result(code, out.text, err.text)

    return run


@dataclass(frozen=True)
class DemoServer:
    """A running `omptool demo`."""

    url: str
    hello: dict[str, Any]
    pid: int


@contextlib.contextmanager
def running_demo(home: Path, *options: str) -> Iterator[DemoServer]:
    """`omptool demo --port 0 OPTIONS` until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "omptool", "demo", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=clean_environment(home),
        cwd=home,
    )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the demo did not start: {process.communicate()[1]}")
        hello = json.loads(line)
        yield DemoServer(hello["url"], hello, process.pid)
    finally:
        process.terminate()
        try:
            process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


@pytest.fixture(scope="session")
def demo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoServer]:
    """One simulated plant for all tests of a session, an hour a minute; `.url` is its address."""
    with running_demo(tmp_path_factory.mktemp("demo"), "--speed", "60") as server:
        yield server


@pytest.fixture(scope="session")
def plant_capture(demo_server: DemoServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small, complete capture of the simulated plant. Read only: all tests share it."""
    folder = tmp_path_factory.mktemp("capture")
    subprocess.run(
        [sys.executable, "-m", "omptool", "capture", demo_server.url, "-o", "plant.omcap", "--for", "3s"],
        cwd=folder,
        env=clean_environment(folder),
        check=True,
        capture_output=True,
        timeout=100,
    )
    return folder / "plant.omcap"
