"""`omptool read --history`: the values that a server kept, raw, or one per interval as it computes them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from omptool.cli import diagnostics, noderows, rowfilter, streaming
from omptool.cli.exits import ExitCode
from omptool.errors import NotFound, UsageError
from omptool.model.listing import listed

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from omptool.capture.nodetable import ServerIdentity
    from omptool.cli.read_nodes import Chosen
    from omptool.model.nodes import Node
    from omptool.model.plant import PlantModel
    from omptool.opcua.history import History, Processed, Raw
    from omptool.opcua.session import Session
    from omptool.protocol.structure import Kept

_DEFAULT = timedelta(hours=1)
_NAMED = 3
"""Nodes named in one note."""

_NOTHING = frozenset({"BadNoData", "BadBoundNotFound", "BadBoundNotSupported"})
"""Answers of a server that has a history, and nothing of it in the window."""

_NO_SUCH_SERVICE = frozenset({"BadHistoryOperationUnsupported", "BadHistoryOperationInvalid", "BadNotImplemented"})
"""Of an aggregate: of most servers that keep values, but compute none."""

_WHY = {
    "BadHistoryOperationUnsupported": "the server keeps none",
    "BadHistoryOperationInvalid": "the server keeps none",
    "BadNotReadable": "the server keeps none",
    "BadUserAccessDenied": "this user may not read its history",
    "BadNodeIdUnknown": "the server does not have it",
    "BadNodeIdInvalid": "the server does not have it",
    "BadAggregateNotSupported": "the server does not compute that aggregate",
    "BadAggregateInvalidInputs": "that aggregate cannot be computed of it",
    "BadTimeout": "the server did not finish in time",
}


@dataclass(frozen=True, slots=True)
class Window:
    """What of the past is wanted.

    Attributes:
        start: None = the newest `limit` values before `end`.
        limit: most values of each node; None = all.
        bounds: also the values beside the window.
        aggregate, every_ms: computed by the server instead of raw; 0 = one interval.
    """

    start: datetime | None
    end: datetime
    limit: int | None = None
    bounds: bool = False
    aggregate: str | None = None
    every_ms: float = 0.0


def window(
    start: str | None,
    end: str | None,
    *,
    limit: int | None,
    bounds: bool,
    aggregate: str | None,
    every: str | None,
    zone: str | None,
) -> Window:
    """What the flags mean; without --start the last hour before --end, or with --limit the newest values.

    Raises:
        UsageError: flags that cannot be read, or do not go together.
    """
    from omptool.cli import narrow
    from omptool.model.times import parse_duration
    from omptool.opcua.history import MOST_NEWEST

    if every is not None and aggregate is None:
        raise UsageError("--every is the interval of an aggregate", "add --aggregate Average, or leave --every out")
    if bounds and aggregate is not None:
        raise UsageError("--bounds is about raw values", "leave out --bounds or --aggregate")
    first, last = narrow.window(start, end, zone)
    last = last or datetime.now(UTC)
    if first is not None and first >= last:
        raise UsageError(f"--start {start} is not in the past", "windows are [start, end), and end is now")
    if first is None and (limit is None or aggregate is not None):
        first = last - _DEFAULT
    if first is None and limit is not None and limit > MOST_NEWEST:
        raise UsageError(
            f"--limit {limit}: so many values cannot be asked for from the newest on",
            f"add --start, or write at most {MOST_NEWEST}",
        )
    span = None if every is None else narrow.timed("--every", parse_duration, every)
    return Window(first, last, limit, bounds, aggregate, span / timedelta(milliseconds=1) if span else 0.0)


def unwanted(start: str | None, end: str | None, zone: str | None, **given: object) -> None:
    """Refuse flags of history where --history was not typed; what is no time at all is said first.

    Raises:
        UsageError: one of them is there.
    """
    from omptool.cli import narrow

    narrow.window(start, end, zone)
    for name, value in {"start": start, "end": end, **given}.items():
        if value:
            raise UsageError(f"--{name} is about values of the past", "add --history, or leave it out")


async def read(
    session: Session,
    server: ServerIdentity,
    chosen: Chosen,
    wanted: Window,
    plant: PlantModel | None,
    write: Callable[[pa.RecordBatchReader], None],
    progress: diagnostics.Progress,
) -> ExitCode:
    """Read the history of the chosen nodes and have it written, page by page."""
    nodes = [*chosen.named, *_historized(chosen.selected)]
    if not nodes:
        return ExitCode.FAILED
    reading = _Reading(session, nodes, wanted, await _details(session, wanted), progress)

    def rows(pages: Iterator[pa.RecordBatch]) -> None:
        from omptool.model.contracts import TELEMETRY

        write(rowfilter.stream(TELEMETRY, pages, rowfilter.Filter("telemetry"), None))

    await streaming.written(reading.batches(server, chosen.context, plant), rows)
    progress.clear()
    noderows.say_kept(reading.kept)
    return await reading.said()


def _historized(selected: list[Node]) -> list[Node]:
    """The selected nodes that the server says it has a history of; how many others there are is said.

    Raises:
        NotFound: there is none among them.
    """
    from omptool.model.nodes import HISTORY_READ

    found = [node for node in selected if node.access_level is None or node.access_level & HISTORY_READ]
    left = len(selected) - len(found)
    if selected and not found:
        raise NotFound(
            f"none of the {len(selected):,} Variables selected has a history that may be read",
            "name a node to ask for it all the same, or see whether the server keeps any:  omptool doctor SERVER",
        )
    if left:
        diagnostics.note(f"note: {left:,} of the {len(selected):,} Variables selected have no history")
    return found


async def _details(session: Session, wanted: Window) -> Raw | Processed:
    from omptool.model.times import unix_us
    from omptool.opcua import aggregates
    from omptool.opcua.history import Processed, Raw

    start = None if wanted.start is None else unix_us(wanted.start) * 1000
    end = unix_us(wanted.end) * 1000
    if wanted.aggregate is None:
        return Raw(start, end, wanted.bounds, wanted.limit)
    assert start is not None  # of `window`
    return Processed(start, end, wanted.every_ms, await aggregates.resolve(session, wanted.aggregate), wanted.limit)


@dataclass(slots=True)
class _Reading:
    """One history read under way, and what is to be said of it."""

    session: Session
    nodes: list[Node]
    wanted: Window
    details: Raw | Processed
    progress: diagnostics.Progress
    kept: Kept = field(default_factory=Counter)
    rows: Counter[int] = field(default_factory=Counter)
    history: History | None = None

    async def batches(
        self, server: ServerIdentity, context: list[Node], plant: PlantModel | None
    ) -> AsyncGenerator[pa.RecordBatch]:
        """Telemetry rows: of each node in the server's order, several nodes side by side."""
        import contextlib

        from omptool.capture.format import Flag
        from omptool.capture.view import Answers
        from omptool.opcua.history import History

        answers = Answers(server, self.nodes, since_ns=time.time_ns(), context=context, plant=plant, kept=self.kept)
        self.history = History(self.session, [node.node_id for node in self.nodes], self.details)
        narrowing = self._narrowing()
        async with contextlib.aclosing(self.history.pages()) as pages:
            async for at, columns in pages:
                batch = narrowing.apply(answers.rows(columns, at + 1, time.time_ns(), Flag.HISTORY))
                self.rows[at] += batch.num_rows
                self._show()
                if batch.num_rows:
                    yield batch

    def _narrowing(self) -> rowfilter.Filter:
        """Servers take the end of a window for a part of it, or not; intervals are stamped as the server likes."""
        if self.wanted.bounds or self.wanted.aggregate is not None:
            return rowfilter.Filter("telemetry")
        return rowfilter.Filter("telemetry", self.wanted.start, self.wanted.end)

    def _show(self) -> None:
        values, nodes = self.rows.total(), len(self.rows)
        self.progress.update(
            [f"{values:,} values of {nodes:,} of {_nodes(len(self.nodes))}"], {"values": values, "nodes": nodes}
        )

    async def said(self) -> ExitCode:
        """Say what did not come, and why; the exit code that follows."""
        assert self.history is not None
        why: dict[str, list[Node]] = {}
        empty: list[Node] = []
        for at, ending in enumerate(self.history.endings):
            if ending and ending not in _NOTHING:
                why.setdefault(ending, []).append(self.nodes[at])
            elif not self.rows[at]:
                empty.append(self.nodes[at])
        for ending, nodes in why.items():
            diagnostics.error(*await self._problem(ending, nodes))
        self._say_empty(empty)
        failed = sum(map(len, why.values()))
        if not failed:
            return ExitCode.OK
        return ExitCode.FAILED if failed == len(self.nodes) and not self.rows.total() else ExitCode.PARTIAL

    def _say_empty(self, nodes: list[Node]) -> None:
        """Some servers answer that there is nothing, rather than that they keep nothing."""
        if not nodes:
            return
        from omptool.model.nodes import HISTORY_READ

        of = "" if len(nodes) == len(self.nodes) else f"of {len(self.nodes):,} "
        verb = "has" if len(nodes) == 1 else "have"
        diagnostics.note(f"note: {of}{_nodes(len(nodes))} {verb} no values {self._when()}")
        keeps = sum(node.access_level is None or bool(node.access_level & HISTORY_READ) for node in nodes)
        if keeps < len(nodes):
            of = "it keeps" if len(nodes) == 1 else f"of {len(nodes) - keeps:,} of these it keeps"
            diagnostics.note(f"note: the server says that {of} no history")

    def _when(self) -> str:
        end = f"{self.wanted.end:%Y-%m-%dT%H:%M:%SZ}"
        return f"before {end}" if self.wanted.start is None else f"in [{self.wanted.start:%Y-%m-%dT%H:%M:%SZ}, {end})"

    async def _problem(self, ending: str, nodes: list[Node]) -> tuple[str, str]:
        names = listed([node.path or node.node_id for node in nodes], _NAMED)
        came = any(self.rows[at] for at, node in enumerate(self.nodes) if node in nodes)
        if self.wanted.aggregate is not None and ending in _NO_SUCH_SERVICE:
            return (
                f"no {self.wanted.aggregate} of {names}: the server computes nothing ({ending})",
                await self._hint(),
            )
        what = self.wanted.aggregate or ("whole history" if came else "history")
        reason = f"{_WHY[ending]} ({ending})" if ending in _WHY else ending
        return f"no {what} of {names}: {reason}", await self._hint()

    async def _hint(self) -> str:
        url = self.session.url
        if self.wanted.aggregate is None:
            return f"see what the server keeps:  omptool doctor {url}"
        from omptool.opcua import aggregates

        own = list(await aggregates.offered(self.session))
        said = f"it says that it computes: {', '.join(own)}" if own else "it names no aggregate that it computes"
        return f"{said}\nits raw values:  the same without --aggregate"


def _nodes(count: int) -> str:
    return f"{count:,} {'node' if count == 1 else 'nodes'}"
