"""What a publish costs the client, from the socket to the disk, beside clients that do nothing with the values.

    python -m tests.bench.bench_publish [--seconds S] [--rounds N]

A load server answers every PublishRequest at once, and counts. CPU is that of the client's process, all its threads,
user and system, in a window in which the server counted what it sent; every client stands alone beside the server, in
turn, round after round; medians. omptool is the real `omptool capture`: full rows, zstd, a sync every 250 ms, and each
row is compared with the truth after. `socket` receives the bytes of such messages and does nothing. Linux.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tests.bench.meter import Meter
from tests.load.checker import check
from tests.load.encode import Layout
from tests.load.running import ROOT, load_server
from tests.load.server import Options
from tests.peers.plants import node_binary

WARM_S = 2.0


class Load(NamedTuple):
    """What is sent, and whom it is sent to in turn."""

    items: int
    mix: str
    clients: tuple[str, ...]


LOADS = (
    Load(1000, "double", ("omptool", "node-opcua", "asyncua", "socket")),
    Load(1000, "mixed", ("omptool", "node-opcua", "asyncua", "socket")),
    Load(100, "mixed", ("omptool", "asyncua")),
    Load(10, "double", ("omptool", "node-opcua", "asyncua")),
)


class Cost(NamedTuple):
    """Of one client in one window: CPU microseconds per value, values per second, share of a core."""

    us: float
    rate: float
    core: float


def command(client: str, url: str, items: int) -> list[str]:
    match client:
        case "omptool":
            return [sys.executable, "-m", "omptool", "capture", url, "-o", "x.omcap"]
        case "asyncua":
            return [sys.executable, "-m", "tests.bench.asyncua_client", url, str(items)]
    return [str(node_binary()), str(ROOT / "tests/peers/subscribing.cjs"), url, str(items)]


def measured(client: str, load: Load, seconds: float) -> Cost:
    """One client beside a server of its own."""
    options = Options(machines=1, items=load.items, mix=load.mix, period_ms=0)
    with load_server(options) as server, tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
        with (Path(folder) / "said").open("w", encoding="utf-8") as said:
            process = subprocess.Popen(
                command(client, server.machine_url(0), load.items),
                cwd=folder,
                env=environment,
                stdout=said,
                stderr=said,
            )
        try:
            server.all_items(process)
            time.sleep(WARM_S)
            meter = Meter(process.pid)
            sent, cpu, begun = server.counted()["sent"], meter.cpu_s, time.monotonic()
            time.sleep(seconds)
            sent, cpu = server.counted()["sent"] - sent, meter.cpu_s - cpu
            took = time.monotonic() - begun
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT if client == "omptool" else signal.SIGKILL)
            process.wait(timeout=120)
        if client == "omptool":
            outcome = check(Path(folder) / "x.omcap", server.end())
            if outcome.wrong:
                sys.exit(f"omptool lost or changed rows: {outcome}")
    return Cost(cpu / sent * 1e6, sent / took, cpu / took)


def _pour(port: int, size: int) -> None:
    """Send messages of this size without end."""
    data = os.urandom(size) * max(1 << 18 // size, 1)
    with socket.create_connection(("127.0.0.1", port)) as sink, contextlib.suppress(OSError):
        while True:
            sink.sendall(data)


def received(load: Load, seconds: float) -> Cost:
    """CPU of taking the bytes off a socket, a message at a time."""
    size = Layout(Options(1, load.items, load.mix).plan).size + 100
    buffer = bytearray(size)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        arguments = (listening.getsockname()[1], size)
        source = multiprocessing.get_context("spawn").Process(target=_pour, args=arguments, daemon=True)
        source.start()
        with listening.accept()[0] as connection:
            taken, begun, cpu = 0, time.monotonic(), time.process_time()
            while time.monotonic() < begun + seconds:
                taken += connection.recv_into(buffer)
            cpu, took = time.process_time() - cpu, time.monotonic() - begun
        source.terminate()
        source.join()
    values = taken / size * load.items
    return Cost(cpu / values * 1e6, values / took, cpu / took)


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args(given)
    for load in LOADS:
        costs: dict[str, list[Cost]] = defaultdict(list)
        for _ in range(arguments.rounds):
            for client in load.clients:
                one = received(load, 1.0) if client == "socket" else measured(client, load, arguments.seconds)
                costs[client].append(one)
        report(load, costs)


def report(load: Load, costs: dict[str, list[Cost]]) -> None:
    middle: dict[str, Any] = {name: statistics.median(cost.us for cost in found) for name, found in costs.items()}
    say(f"{load.items} {load.mix} a publish")
    for name, us in middle.items():
        spread = " ".join(f"{cost.us:.3f}" for cost in costs[name])
        rate, core = (statistics.median(getattr(cost, word) for cost in costs[name]) for word in ("rate", "core"))
        ratio = "" if name == "omptool" else f"   {us / middle['omptool']:.2f} x omptool's"
        say(
            f"  {name:10} {us:8.3f} µs a value, {us * load.items:8.0f} µs a publish   ({spread})   "
            f"{rate:,.0f} values/s at {core:.2f} core{ratio}"
        )


if __name__ == "__main__":
    main()
