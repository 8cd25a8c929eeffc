"""Thousands of servers into one capture, through the real `omptool capture`: every row compared with the truth.

    python -m tests.bench.bench_many                          3,000 servers x 10 Doubles, once a second, two minutes
    python -m tests.bench.bench_many --stall 3                the same, and the disk stands still for 3 s
    python -m tests.bench.bench_many --items 100 --mix mixed  300,000 values of mixed types a second
    python -m tests.bench.bench_many --seconds 1800           a soak; memory every minute

CPU is that of a core, user and system, all threads, between the last item's creation and the end; the server's stands
beside. `set-up` counts from the start of the process to the last item. Linux.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from omptool.capture.reader import Capture
from omptool.capture.verify import verify
from tests.bench.meter import Meter
from tests.load.checker import check
from tests.load.running import ROOT, LoadServer, load_server
from tests.load.server import Options

SETTLE_S = 3.0
"""After the last item: what set-up left behind is not counted as steady."""


@dataclass
class Run:
    """What was measured.

    Attributes:
        steady_s: length of the window in which CPU was measured.
        memory: of the client over time, MB.
    """

    setup_s: float = 0.0
    setup_cpu_s: float = 0.0
    steady_s: float = 0.0
    client_cpu_s: float = 0.0
    server_cpu_s: float = 0.0
    peak_mb: float = 0.0
    memory: list[float] = field(default_factory=list)
    exit_code: int = 0


def record(server: LoadServer, folder: Path, arguments: argparse.Namespace) -> Run:
    """Start the capture, watch it, end it in good order."""
    (folder / "omptool.toml").write_text(server.settings(), encoding="utf-8")
    program = ["-m", "tests.load.slow_disk", str(arguments.stall)] if arguments.stall else ["-m", "omptool"]
    interval = f"{round(arguments.period_ms)}ms"
    command = [sys.executable, *program, "capture", "*", "-o", "x.omcap", "--publishing-interval", interval]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    run, started = Run(), time.time()
    with (folder / "said").open("w", encoding="utf-8") as said:
        client = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
    try:
        run.setup_s = server.all_items(client) - started
        watch(client, server, run, arguments)
    except RuntimeError as error:
        sys.exit("\n".join([str(error), *(folder / "said").read_text(encoding="utf-8").splitlines()[:5]]))
    finally:
        if client.poll() is None:
            client.send_signal(signal.SIGINT)
            run.exit_code = client.wait(timeout=300)
    return run


def watch(client: subprocess.Popen[bytes], server: LoadServer, run: Run, arguments: argparse.Namespace) -> None:
    """Measure until the time is over."""
    theirs, ours = Meter(server.process.pid), Meter(client.pid)
    run.setup_cpu_s = ours.cpu_s
    time.sleep(SETTLE_S)
    begun, client_cpu, server_cpu = time.monotonic(), ours.cpu_s, theirs.cpu_s
    stall_at = begun + arguments.seconds / 3 if arguments.stall else float("inf")
    while time.monotonic() < begun + arguments.seconds:
        run.memory.append(ours.rss_mb)
        time.sleep(min(arguments.seconds / 30, begun + arguments.seconds - time.monotonic(), 60.0))
        if time.monotonic() >= stall_at:
            client.send_signal(signal.SIGUSR1)
            stall_at = float("inf")
    run.steady_s = time.monotonic() - begun
    run.client_cpu_s, run.server_cpu_s = ours.cpu_s - client_cpu, theirs.cpu_s - server_cpu
    run.peak_mb = ours.peak_mb


def say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")


def report(arguments: argparse.Namespace, run: Run, folder: Path, server: LoadServer) -> None:
    """The lines for docs/benchmarks.md."""
    counted = server.story["counted"]
    rate = arguments.machines * arguments.items * 1000 / arguments.period_ms
    publishes = arguments.machines * 1000 / arguments.period_ms * run.steady_s
    capture = Capture.open(folder / "x.omcap")
    verdicts = Counter(verdict.verdict for verdict in verify(capture).verdicts)
    notes = Counter(
        entry.kind for entry in capture.journal_entries if entry.kind in ("client_slow", "slow_disk", "lost")
    )
    core, servers_core = run.client_cpu_s / run.steady_s, run.server_cpu_s / run.steady_s
    outcome = check(folder / "x.omcap", server.story)
    say(
        f"{arguments.machines:,} servers x {arguments.items} {arguments.mix} every {arguments.period_ms:g} ms "
        f"({rate:,.0f} values/s) for {run.steady_s:.0f} s"
        + (f", disk stalled {arguments.stall:g} s" if arguments.stall else ""),
        f"  set-up {run.setup_s:.1f} s ({run.setup_cpu_s:.1f} s CPU)",
        f"  client {core:.2f} core ({run.client_cpu_s * 1e6 / publishes:.0f} µs a publish), peak {run.peak_mb:.0f} MB; "
        f"server {servers_core:.2f} core, at most {server.story['late_s']:.2f} s late",
        f"  memory {' '.join(f'{mb:.0f}' for mb in run.memory[:: max(len(run.memory) // 15, 1)])} MB",
        f"  {outcome}",
        f"  verify: {', '.join(f'{count:,} {word}' for word, count in verdicts.items())}; exit {run.exit_code}; "
        f"journal: {dict(notes) or 'nothing of note'}",
        f"  server: {json.dumps(dict(sorted(counted.items())))}",
    )
    if outcome.wrong:
        say(*("  said: " + line for line in (folder / "said").read_text(encoding="utf-8").splitlines()[:20]))


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=3000)
    parser.add_argument("--items", type=int, default=10)
    parser.add_argument("--mix", default="double", choices=("double", "mixed"))
    parser.add_argument("--period-ms", type=float, default=1000)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--stall", type=float, default=0.0, help="seconds that the disk stands still")
    parser.add_argument("--folder", type=Path, help="keep the capture and the server's story here")
    return parser.parse_args(arguments)


def main(given: Sequence[str] | None = None) -> None:
    arguments = parsed(given)
    options = Options(arguments.machines, arguments.items, arguments.mix, arguments.period_ms)
    with tempfile.TemporaryDirectory() as name, load_server(options) as server:
        folder: Path = arguments.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        run = record(server, folder, arguments)
        (folder / "story.json").write_text(json.dumps(server.end()), encoding="utf-8")
        report(arguments, run, folder, server)


if __name__ == "__main__":
    main()
