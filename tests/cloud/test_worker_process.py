"""A worker process and its server: what it is told, and that it does not outlive it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from omptool.cloud.server.pool import WorkerPool
from tests.cloud.test_worker import ENDLESS, lake, pooled
from tests.conftest import ROOT, clean_environment

__all__ = ["lake"]


def test_a_worker_knows_nothing_of_its_server(lake: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "hush")
    held = (tmp_path / "token").open("w")
    os.set_inheritable(held.fileno(), True)

    async def work(pool: WorkerPool) -> None:
        process = Path(f"/proc/{pool.processes[0]}")
        environment = dict(entry.split("=", 1) for entry in (process / "environ").read_text().split("\0") if entry)
        assert set(environment) <= {
            "PYTHONPATH", "PYTHONUTF8", "PYTHONDONTWRITEBYTECODE", "PYTHONSAFEPATH", "TZ", "TMPDIR", "TEMP", "TMP",
            "HOME", "ARROW_DEFAULT_MEMORY_POOL", "LD_LIBRARY_PATH", "LC_CTYPE",
        }  # fmt: skip
        opened = {entry.name: str(entry.readlink()) for entry in (process / "fd").iterdir()}
        assert not [name for name in opened.values() if "token" in name]
        assert os.getsid(pool.processes[0]) == pool.processes[0]

    with held:
        pooled(lake, work)


SERVER = """
import asyncio, sys, pathlib
from omptool.cloud.server.job import Job, Limits
from omptool.cloud.server.pool import WorkerPool
async def main():
    async with WorkerPool(pathlib.Path(sys.argv[1]), Limits(memory="512MiB", workers=2)) as pool:
        run = pool.submit(Job(sys.argv[2], {}))
        await run.started.wait()
        print(*pool.processes, flush=True)
        await asyncio.sleep(600)
asyncio.run(main())
"""


def test_workers_end_with_their_server(lake: Path, tmp_path: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, lake, ENDLESS], stdout=subprocess.PIPE, encoding="utf-8",
        env=clean_environment(tmp_path, {"PYTHONPATH": str(ROOT)}),
    )  # fmt: skip
    assert server.stdout is not None
    with server:
        workers = [int(word) for word in server.stdout.readline().split()]
        assert len(workers) == 2
        server.kill()
    end = time.monotonic() + 60
    while alive := [worker for worker in workers if _is_alive(worker)]:
        assert time.monotonic() < end, alive


def _is_alive(process: int) -> bool:
    with contextlib.suppress(OSError):
        return " Z " not in Path(f"/proc/{process}/stat").read_text()
    return False
