"""What the servers of this folder show: tick k is due at k periods since 1970, which is its SourceTimestamp, and the
value of every node follows from k. So whoever holds a row can tell whether it is right. Pure."""

from __future__ import annotations

from typing import NamedTuple

NAMESPACE = "urn:test:ticking"
PERIOD_MS = 50
PERIOD_NS = PERIOD_MS * 1_000_000
NODES = tuple(f"Tick{number}" for number in range(4))


class Tick(NamedTuple):
    """One value of one node: `node` is a name of `NODES`, `at_ns` its SourceTimestamp in Unix nanoseconds."""

    node: str
    at_ns: int
    value: float


def node_id(name: str) -> str:
    """C1 text."""
    return f"nsu={NAMESPACE};s={name}"


def value(name: str, k: int) -> float:
    """Exact in a Double: no two nodes and no two ticks share one."""
    return float(k * len(NODES) + NODES.index(name))


def ticks(shown: list[int]) -> list[Tick]:
    """What a server showed that says it gave out these k, in its order."""
    return [Tick(name, k * PERIOD_NS, value(name, k)) for k in shown for name in NODES]
