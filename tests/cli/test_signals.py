"""Ctrl-C and SIGTERM: the first asks, the second ends; the exit code tells which."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

_COOPERATIVE = """
import asyncio, sys
from omptool.cli import signals
async def work(stop):
    print("ready", flush=True)
    await stop.wait()
    print("closing", flush=True)
    {rest}
sys.exit(signals.run_until_stopped(work))
"""

_CANCELLED = """
import asyncio, sys
from omptool.cli import signals
async def work():
    print("ready", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        print("closing", flush=True)
sys.exit(signals.run_async(work))
"""


def _start(code: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, encoding="utf-8")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("code", [_COOPERATIVE.format(rest=""), _CANCELLED], ids=["cooperative", "cancelled"])
@pytest.mark.parametrize(("number", "expected"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_closes_and_tells(code: str, number: int, expected: int) -> None:
    process = _start(code)
    process.send_signal(number)
    assert process.communicate(timeout=30)[0] == "closing\n"
    assert process.returncode == expected


def test_the_second_signal_ends_at_once() -> None:
    process = _start(_COOPERATIVE.format(rest="await asyncio.Event().wait()"))
    assert process.stdout is not None
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "closing\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130


@pytest.mark.parametrize(("returned", "expected"), [("None", 0), ("ExitCode.PARTIAL", 3)])
def test_without_a_signal_the_result_counts(returned: str, expected: int) -> None:
    code = (
        "import sys\nfrom omptool.cli import signals\nfrom omptool.cli.exits import ExitCode\n"
        f"async def work(): return {returned}\nsys.exit(signals.run_async(work))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == expected


def test_an_error_comes_through() -> None:
    from omptool.cli import signals
    from omptool.errors import NotFound

    async def work() -> None:
        raise NotFound("nothing here")

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(NotFound, match="nothing here"):
        signals.run_async(work)
    assert signal.getsignal(signal.SIGTERM) == before
