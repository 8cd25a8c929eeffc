"""What signing and encryption cost the client: the same publishes with Basic256Sha256 SignAndEncrypt and without.

    python -m tests.bench.bench_secure [--items 1000] [--period-ms 200] [--seconds S] [--rounds N]

The server is omptool's own, in a process of its own (the load server speaks no security), and takes most of a core for
a few publishes a second; so the clients are compared at the same rate, by their CPU, and the difference is shown for
one publish. Every row that the servers gave out in the window is in the capture, which `verify` says. Linux.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from omptool.capture.reader import Capture
from omptool.capture.verify import verify
from omptool.model.builtin import BuiltinType
from omptool.model.nodes import Node
from omptool.model.times import unix_ns_to_ticks
from omptool.opcua.security.pki import Pki
from omptool.opcua.serving.security import OFFERED, ServerSecurity
from omptool.opcua.serving.served import ServedValue, encode_variant
from omptool.opcua.serving.server import serve
from tests.bench.meter import Meter
from tests.load.running import ROOT

URI = "urn:omptool:bench"
WARM_S = 3.0
POLICY = ("Basic256Sha256", "SignAndEncrypt")


def node(number: int) -> Node:
    name = f"Tag{number:04}"
    return Node(
        node_id=f"nsu={URI};i={number}", path=name, browse_name=f"nsu={URI};{name}", display_name=name,
        node_class="Variable", data_type="Double", data_type_id="i=11", parents=("i=85",),
    )  # fmt: skip


async def ticking(nodes: Sequence[Node], period_ns: int) -> AsyncIterator[ServedValue]:
    """Every node has a new value at the same moment, period by period."""
    due = time.time_ns()
    while True:
        due += period_ns
        value = encode_variant(BuiltinType.Double, due / 1e9)
        ticks = unix_ns_to_ticks(due)
        for each in nodes:
            yield ServedValue(due, each.node_id, value, 0, ticks)


async def run_server(folder: Path, items: int, period_ms: float, *, is_secure: bool) -> None:
    pki = Pki(folder / "pki")
    nodes = [node(number) for number in range(1, items + 1)]
    security = None
    if is_secure:
        pki.create("urn:here:omptool", ["here"], 365)
        own = pki.served(URI, ["localhost", "127.0.0.1"])
        pki.trust(own.certificate)
        security = ServerSecurity(own, pki.knows_client, OFFERED)
    values = ticking(nodes, round(period_ms * 1e6))
    served = await serve(nodes, values, namespaces=["", URI], application_uri=URI, security=security)
    sys.stdout.write(served.url + "\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


def measured(arguments: argparse.Namespace, *, is_secure: bool) -> float:
    """CPU microseconds of the client for one publish."""
    mode = "secure" if is_secure else "plain"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        asked = [str(folder), str(arguments.items), str(arguments.period_ms), mode]
        server = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.bench_secure", "--serve", *asked],
            stdout=subprocess.PIPE, encoding="utf-8", env=environment, cwd=ROOT,
        )  # fmt: skip
        assert server.stdout is not None
        try:
            url = server.stdout.readline().strip()
            (folder / "omptool.toml").write_text(f'[pki]\nfolder = "{folder / "pki"}"\n', encoding="utf-8")
            security = ["--security", ":".join(POLICY)] if is_secure else []
            interval = ["--publishing-interval", f"{round(arguments.period_ms)}ms"]
            client = subprocess.Popen(
                [sys.executable, "-m", "omptool", "capture", url, "-o", "x.omcap", *interval, *security],
                cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            while client.poll() is None and not any((folder / "x.omcap").glob("seg-*")):
                time.sleep(0.2)
            time.sleep(WARM_S)
            meter = Meter(client.pid)
            cpu, begun = meter.cpu_s, time.monotonic()
            time.sleep(arguments.seconds)
            cpu, took = meter.cpu_s - cpu, time.monotonic() - begun
            client.send_signal(signal.SIGINT)
            client.wait(timeout=60)
        finally:
            server.kill()
            server.wait()
        capture = Capture.open(folder / "x.omcap")
        said = {verdict.verdict for verdict in verify(capture).verdicts}
        if said != {"complete"} or capture.rows < arguments.items * took * 1000 / arguments.period_ms * 0.5:
            sys.exit(f"{mode}: {capture.rows} rows, {said}")
    return cpu / (took * 1000 / arguments.period_ms) * 1e6


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", nargs=4, metavar=("FOLDER", "ITEMS", "PERIOD_MS", "MODE"), help=argparse.SUPPRESS)
    parser.add_argument("--items", type=int, default=1000)
    parser.add_argument("--period-ms", type=float, default=200.0)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args(given)
    if arguments.serve:
        folder, items, period_ms, mode = arguments.serve
        asyncio.run(run_server(Path(folder), int(items), float(period_ms), is_secure=mode == "secure"))
        return
    found: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(arguments.rounds):
        for is_secure in found:
            found[is_secure].append(measured(arguments, is_secure=is_secure))
    plain, secure = (statistics.median(each) for each in found.values())
    rounds = "; ".join(" ".join(f"{us:.0f}" for us in each) for each in found.values())
    sys.stdout.write(
        f"{arguments.items} Doubles a publish, every {arguments.period_ms:g} ms\n"
        f"  without security          {plain:8.0f} µs a publish\n"
        f"  {' '.join(POLICY)} {secure:8.0f} µs a publish, {secure - plain:+.0f} µs   ({rounds})\n"
    )


if __name__ == "__main__":
    main()
