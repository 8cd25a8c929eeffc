"""One worker process as the server sees it: start it, send it a statement, read frames, end it.

The process gets an empty environment, a folder of its own and no file of the server; it leads its own session, so
that a Ctrl-C meant for the server does not reach it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

import omptool
from omptool.cloud.server import frames
from omptool.cloud.server.frames import Frame
from omptool.errors import OmptoolError

START_S = 60.0
"""A worker that has not answered by then will not; importing takes about a second."""

_BUFFER = 8 * 1024 * 1024
_KEPT = ("SYSTEMROOT", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
"""What some platforms need to start Python at all."""


class WorkerGone(Exception):
    """The process ended while it was needed; the text says how."""


class WorkerProcess:
    """A running worker."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self.lacks: tuple[str, ...] = ()
        """Protections that this platform does not give."""
        self.retired = False
        """Whether it must not get another statement."""

    @classmethod
    async def start(cls, setup: dict[str, Any]) -> WorkerProcess:
        """Start a process and wait until it can take a statement.

        Raises:
            OmptoolError: it does not start.
        """
        folder = Path(tempfile.mkdtemp(prefix="omptool-worker-"))
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "omptool.cloud.server.worker",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(folder),
            cwd=folder,
            start_new_session=True,
            limit=_BUFFER,
        )
        worker = cls(process, folder)
        try:
            async with asyncio.timeout(START_S):
                await worker.send(Frame({"kind": "setup", "setup": setup | {"folder": str(folder)}}))
                answer = await worker.receive()
        except (WorkerGone, TimeoutError) as error:
            await worker.end()
            raise OmptoolError(f"a worker process for statements does not start: {error}") from None
        except BaseException:
            await worker.end()
            raise
        if answer.head["kind"] != "ready":
            await worker.end()
            raise OmptoolError(f"a worker process for statements does not start: {answer.head.get('message')}")
        worker.lacks = tuple(answer.head.get("lacks", ()))
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def send(self, frame: Frame) -> None:
        """Give it an order.

        Raises:
            WorkerGone: it has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(frames.encode(frame))
            await self._process.stdin.drain()
        except (ConnectionError, RuntimeError):
            raise WorkerGone(await self._ending()) from None

    async def receive(self) -> Frame:
        """Its next message.

        Raises:
            WorkerGone: it has ended, or sends what is no message.
        """
        assert self._process.stdout is not None
        try:
            return await frames.receive(self._process.stdout)
        except (asyncio.IncompleteReadError, ConnectionError):
            raise WorkerGone(await self._ending()) from None
        except ValueError:
            raise WorkerGone("it sent what is no message") from None

    async def _ending(self) -> str:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                await self._process.wait()
        code = self._process.returncode
        if code is None:
            return "it closed its pipe"
        if code < 0:
            names = {int(known): known.name for known in signal.Signals}
            return f"signal {names.get(-code, -code)}"
        return f"exit code {code}"

    def kill(self) -> None:
        """End it at once; its end is noticed later, so it is marked as not to be used any more."""
        self.retired = True
        if not self.alive:
            return  # the number may belong to another process by now
        with contextlib.suppress(ProcessLookupError):
            if hasattr(os, "killpg"):
                os.killpg(self._process.pid, signal.SIGKILL)
            else:
                self._process.kill()

    async def end(self) -> None:
        """End it and remove what it left on the disk."""
        self.kill()
        await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)


def _environment(folder: Path) -> dict[str, str]:
    """What Python needs, and nothing that the server knows."""
    home = str(Path(omptool.__file__).parent.parent)
    found = {name: os.environ[name] for name in _KEPT if name in os.environ}
    if home not in (sysconfig.get_path("purelib"), sysconfig.get_path("platlib")):
        found["PYTHONPATH"] = home
    return found | {
        "PYTHONUTF8": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONSAFEPATH": "1",
        "TZ": "UTC",
        # Arrow's own allocator sets a gigabyte aside at once, which counts against the limit of the process
        "ARROW_DEFAULT_MEMORY_POOL": "system",
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP", "HOME"), str(folder)),
    }
