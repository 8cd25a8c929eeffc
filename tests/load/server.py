"""A server of thousands of machines, each an OPC UA server of its own behind one port, for load that can be proven.

    python -m tests.load.server '{"machines": 3000, "items": 10}'

Machine n is `opc.tcp://127.0.0.1:PORT/m00000…`, with an ApplicationUri of its own. Prints one JSON line with `url` when
it listens, one when all items of all machines are monitored, one with what it counted so far at SIGUSR1, and one with
what it queued, sent and discarded when it ends (SIGTERM). Not a server for anything else: SecurityPolicy None, no
history, no methods, nobody can write.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from tests.load.connection import Connection
from tests.load.encode import Layout
from tests.load.machines import Machine, Pace, Slot
from tests.load.services import Services
from tests.load.truth import Plan


@dataclass(frozen=True, slots=True)
class Options:
    """What the server does.

    Attributes:
        mix: types of the items, see `truth.MIXES`.
        period_ms: between two values of an item; 0 answers every PublishRequest at once with the next values.
        queue: queue size granted at most.
        swallow: every so many messages one is not sent, though it is kept for Republish; 0 = none.
        pause_after_s, pause_s: how long after the creation of a subscription nothing is published, and how long.
    """

    machines: int = 100
    items: int = 10
    mix: str = "double"
    period_ms: float = 1000
    queue: int = 10_000
    port: int = 0
    swallow: int = 0
    pause_after_s: float = 0.0
    pause_s: float = 0.0

    def text(self) -> str:
        return json.dumps(asdict(self))

    @property
    def plan(self) -> Plan:
        """At most a hundred moments a second at which machines tick; without a period 0.1 ms pass between values."""
        if not self.period_ms:
            return Plan(self.machines, self.items, self.mix, 100_000)
        slots = max(min(self.machines, round(self.period_ms / 10)), 1)
        return Plan(self.machines, self.items, self.mix, round(self.period_ms * 1e6), slots)


class Server:
    """All machines, and the clock that they tick by."""

    def __init__(self, options: Options) -> None:
        self.options, self.plan = options, options.plan
        self.layout = Layout(self.plan)
        self.counted: Counter[str] = Counter()
        self.pace = Pace(options.period_ms == 0, options.queue, options.swallow, options.pause_after_s, options.pause_s)
        self.machines = [Machine(number, self.layout, self.counted, self.pace) for number in range(options.machines)]
        self.late_s = 0.0
        self.url = ""

    async def run(self, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        services: list[Services] = []
        numbers = iter(range(1, 1 << 31))
        listening = await loop.create_server(
            lambda: Connection(services[0], self.machines, self.counted, next(numbers)),
            "127.0.0.1",
            self.options.port,
            backlog=4096,
        )
        self.url = f"opc.tcp://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
        services.append(Services(self.plan, self.url))
        say({"url": self.url, "loop": type(loop).__module__})
        works = [asyncio.create_task(self._watch())]
        if self.options.period_ms:
            works.append(asyncio.create_task(self._tick()))
        waiting = asyncio.create_task(stop.wait())
        await asyncio.wait([waiting, *works], return_when=asyncio.FIRST_COMPLETED)
        for work in works:
            if work.done():
                work.result()
            work.cancel()
        listening.close()

    async def _tick(self) -> None:
        """Let the machines of one slot after the other tick, as close to their moment as the loop allows."""
        plan = self.plan
        slots = [Slot(self.machines[number :: plan.slots], self.layout) for number in range(plan.slots)]
        tick = time.time_ns() // plan.period_ns + 1
        while True:
            for number, slot in enumerate(slots):
                ahead_s = (int(plan.due_ns(number, tick)) - time.time_ns()) / 1e9
                if ahead_s > 0:
                    await asyncio.sleep(ahead_s)
                elif number % 10 == 0:
                    await asyncio.sleep(0)
                self.late_s = max(self.late_s, -ahead_s)
                slot.tick(tick)
            tick += 1

    async def _watch(self) -> None:
        """Keep-alives, and the end of subscriptions that nobody asks for any more."""
        wanted: int | None = self.plan.machines * self.plan.items
        while True:
            await asyncio.sleep(0.25)
            if wanted is not None and self.counted["items"] >= wanted:
                wanted = None
                say({"all_items": time.time()})
            for machine in self.machines:
                machine.look_after(time.monotonic())

    def story(self) -> dict[str, Any]:
        used = resource.getrusage(resource.RUSAGE_SELF)
        return {
            "plan": asdict(self.plan),
            "counted": dict(self.counted),
            "late_s": round(self.late_s, 3),
            "cpu_s": round(used.ru_utime + used.ru_stime, 3),
            "rss_mb": round(used.ru_maxrss * 1024 / 1e6, 1),
            "groups": [story for machine in self.machines for story in machine.stories()],
        }


def say(row: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


async def main(options: Options) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = Server(options)
    loop.add_signal_handler(signal.SIGUSR1, lambda: say({"counted": dict(server.counted)}))
    gc.freeze()
    await server.run(stop)
    say(server.story())


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop's where it is installed."""
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return None


if __name__ == "__main__":
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main(Options(**json.loads(sys.argv[1]))))
