"""The writing half of a recording: what was received goes in, and stays in, in the order it came.

Runs in one worker thread and is the only thing there that touches the writer. Knows no server and no event loop;
whoever receives hands in blocks, gaps and journal entries, and may acknowledge after `commit`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from omptool.capture import account
from omptool.capture.account import Account
from omptool.capture.nodetable import ServerIdentity
from omptool.capture.recording.backfill import Window
from omptool.capture.recording.filler import Filler
from omptool.capture.recording.fullqueues import CAUSE, FullQueues
from omptool.capture.recording.outage import Hole, Outage, Pauses
from omptool.capture.recording.together import Books, Entry, append_together
from omptool.capture.recording.typechanges import TypeChange
from omptool.capture.recording.windows import Windows
from omptool.capture.rows import Block, Encoded, Overflow, RowEncoder
from omptool.capture.steps import Clocks
from omptool.model import status
from omptool.model.datatypes import Kind
from omptool.model.nodes import MonitoredNode
from omptool.model.vocabulary import GapReason
from omptool.protocol.statement import Statement

if TYPE_CHECKING:
    from omptool.capture.position import Position
    from omptool.capture.resume import Left


_NAMED = 20
"""Nodes named in one journal entry about overflows; the gaps name all."""

_NOT_RUNNING = "the capture was not running"

_REVISED_PER_ENTRY = 200
_CHANGES_PER_BATCH = 1000


class RecordingStore:
    """One server's part of a capture being written: its rows, journal and windows.

    Args:
        number: of the server in this capture.
        label: what it is called until it has said who it is.
        run: how often the capture was taken up again.
        fills: whether windows are to be filled from history.

    Attributes:
        epoch: of its newest subscription.
        rows: telemetry rows stored, committed or not.
        overflows: values that carried the Overflow bit.
        filler: fills windows from history; None when that was not asked for.
        last_cause: why it was last not connected; empty = always was.
        queue_sizes: as the server granted them last, by handle; see `FullQueues`.
    """

    def __init__(self, books: Books, number: int, label: str, run: int = 0, *, fills: bool = False) -> None:
        self.books = books
        self._writer = books.writer
        self.filler = Filler(books.writer, books.quota) if fills else None
        on_part = self.filler.noted if self.filler else None
        self._windows = Windows(books.writer, label, f"{run}.{number}" if run else str(number), on_part)
        self.epoch = 0
        self._encoder: RowEncoder | None = None
        self.account = Account()
        self._published_ns: int | None = None
        self._created_ns = 0
        self.rows = self.overflows = 0
        self.last_cause = ""
        self.unknown_types: tuple[str, ...] = ()
        self._clocks = Clocks(self._clock_set)
        self._pauses = Pauses()
        self._full: FullQueues | None = None
        self.queue_sizes: Callable[[], Mapping[int, int]] = dict

    def adopt(self, left: Left, *, is_held: bool = False) -> None:
        """Go on where an earlier run left this server: values may be missing from there until its items exist again.

        Args:
            is_held: no window yet; `rejoined` or `ended` follows. A capture that dies meanwhile has one anyhow.
        """
        self.name, self.epoch, self.last_cause = left.identity.server, left.epoch, _NOT_RUNNING
        self.books.types.describe(left.identity, left.nodes)
        self.books.types.changes(left.last_values)
        if left.reading is not None:
            self._clocks.recall(left.reading, time.time_ns(), time.monotonic_ns())
        start, by_our_clock = self._windows.adopt(left)
        if self._windows.outage is None:
            self._windows.sub = left.sub
            how: dict[str, bool] = {"by_our_clock": by_our_clock, "is_held": is_held}
            self._windows.begin(GapReason.CLIENT_STOPPED, start, _NOT_RUNNING, self.epoch, **how)
        assert self._windows.outage is not None
        self._windows.outage.is_foreign = left.is_foreign

    def rejoined(self, at: Position) -> None:
        """The subscription of an earlier run goes on, its numbers and account with it, and there is no window."""
        self._windows.outage, self._windows.sub, self.last_cause = None, at.sub, ""
        self.account = Account(at.rows, at.undecodable, is_heir=True)
        self._encoder = RowEncoder(
            len(at.handles), sub=at.sub, started_ns=at.began_ns, slack_ns=at.slack_ns, base=at.handles.start - 1,
            memory=self.books.nodes,
        )  # fmt: skip
        self._encoder.go_on(at.seen.astype(np.intp), at.last_ns, at.anchor, at.said)
        self._clocks.go_on()
        self._published_ns = None
        self._created_ns = at.began_ns

    @property
    def name(self) -> str:
        """What its rows, journal entries and windows call the server (C1)."""
        return self._windows.server

    @name.setter
    def name(self, name: str) -> None:
        self._windows.server = name

    @property
    def gaps(self) -> Counter[str]:
        """Windows written, by reason; one that is written again counts once."""
        return self._windows.gaps

    def account_now(self) -> None:
        """Write the account, if anything came since."""
        self.account.hasten()
        self._write_account()

    @property
    def sub(self) -> int | None:
        """The subscription that stands, as the capture calls it."""
        return self._windows.sub

    @property
    def _outage(self) -> Outage | None:
        return self._windows.outage

    def describe(self, server: ServerIdentity, nodes: Sequence[MonitoredNode]) -> None:
        """Record the server and its nodes; before the first row that uses their handles."""
        self._writer.put_nodes(server, nodes)
        self.books.types.describe(server, nodes)
        unknown = [kind for kind in server.data_types if kind.kind is Kind.UNKNOWN]
        self.unknown_types = tuple(kind.name for kind in unknown)
        if unknown:
            named = [{"name": kind.name, "node_id": kind.node_id, "problem": kind.problem} for kind in unknown[:_NAMED]]
            self.note("type_unknown", {"types": len(unknown), "named": named})

    def subscribed(
        self,
        *,
        subscription_id: int,
        handles: range,
        created_ns: tuple[int, int],
        now_ns: tuple[int, int],
        publishing_ms: float,
        facts: Mapping[str, Any],
    ) -> None:
        """Bind a new subscription; a window that was open ends here. Before its first block.

        Args:
            handles: of the nodes in the capture; ClientHandles count from 1.
            created_ns: the server's clock when its first and its last item existed; `now_ns` ours, just after that, and
                one that nobody sets.
        """
        before, self._full = self._encoder, None
        if self.filler is not None:
            self.filler.subscribed(handles)
        self.epoch += 1
        promised = {"handles": [handles.start, handles.stop - 1], account.KIND: account.EVERY_S}
        facts = {"publishing_ms": publishing_ms, **promised, **facts}
        self.account = Account()
        self._windows.sub = sub = self._writer.subscription(
            self.name, epoch=self.epoch, subscription_id=subscription_id, detail=facts
        )
        self._encoder = RowEncoder(
            len(handles),
            sub=sub,
            started_ns=created_ns[0],
            slack_ns=round(publishing_ms * 1e6),
            base=handles.start - 1,
            memory=self.books.nodes,
        )
        self._published_ns = None
        self._writer.mark(sub, max(self.since(None), 0))
        self._created_ns = created_ns[1]
        step_ns = self._clocks.back(created_ns[1], *now_ns)
        self._windows.handles(handles, created_ns[1])
        if self._outage is not None and not self._runs_on_its_own(before, self._outage):
            self._end_outage(before.clock.until(created_ns[1]) if before else created_ns[1], step_ns)

    def note(self, kind: str, detail: Mapping[str, Any], time_ns: int | None = None) -> None:
        """Add a journal entry."""
        if kind == "client_slow":
            self.paused(time.time_ns() if time_ns is None else time_ns, detail["seconds"])
        self._writer.journal(kind, server=self.name, sub=self.sub, detail=detail, time_ns=time_ns)

    def paused(self, end_ns: int, seconds: float) -> None:
        """This process asked the server for nothing for so long: a queue that ran over then is our doing."""
        self._pauses.note(end_ns, seconds)
        self._watch_queues(end_ns)

    def _watch_queues(self, paused_ns: int) -> None:
        """Look at what comes out of a pause, unless the server is known to mark a queue that ran over."""
        self._note_full(self._full.end() if self._full is not None else ())
        sizes = {} if self.overflows or self._encoder is None else self.queue_sizes()
        self._full = None
        if sizes:
            slack_ns, (first, last_ns) = self.encoder.clock.slack_ns, self.encoder.last_times()
            self._full = FullQueues(
                sizes, last_ns, self._published_ns, first=first, paused_ns=paused_ns, publishing_ns=slack_ns
            )

    def _note_full(self, found: Sequence[Overflow]) -> None:
        for node, *ends in found:
            self._windows.part(GapReason.QUEUE_OVERFLOW, *ends, node=node, missing=None, detail={"cause": CAUSE})

    def revised(self, items: Sequence[Mapping[str, Any]]) -> None:
        """Journal where the server granted something else than was asked for."""
        for start in range(0, len(items), _REVISED_PER_ENTRY):
            self.note("revised", {"items": items[start : start + _REVISED_PER_ENTRY]})

    def item_failed(self, handle: int, node_id: str, code: int, since_ns: int) -> None:
        """An item that the server would not create: nothing of it is in the capture from here on."""
        detail = {"node_id": node_id, "status": code, "status_name": status.name(code)}
        self.note("item_failed", detail)
        self._windows.item_failed(handle, since_ns, detail)

    def item_created(self, handle: int, at_ns: int) -> None:
        """An item exists; where it had failed before, its window ends."""
        self._windows.item_created(handle, at_ns)

    @property
    def encoder(self) -> RowEncoder:
        """Of the subscription that stands, or stood last."""
        assert self._encoder is not None
        return self._encoder

    def append(self, blocks: Sequence[Block], holes: Sequence[Hole] = (), statement: Statement | None = None) -> None:
        """Store what came from this server alone; see `append_together`."""
        [error] = append_together(self.books, [Entry(self, blocks, holes, statement)])
        if error is not None:
            raise error

    def booked(
        self, encoded: Encoded, blocks: Sequence[Block], holes: Sequence[Hole], statement: Statement | None
    ) -> None:
        """The values of these blocks are stored, as far as they are `encoded`; note where messages are missing.

        A hole may lie before, between or behind the blocks: its window spans what arrived around all of them.
        `statement` is the account of all that came up to and with these blocks.
        """
        if encoded.rows is not None and self.filler is not None:
            self.filler.stored(encoded.rows)
        self.rows += encoded.stored
        self.account.book(blocks, encoded, statement)
        if statement is not None and not statement.missing:
            self.encoder.order.closed()
        self._note_overflows(encoded)
        if self._full is not None and encoded.rows is not None:
            self._note_full(self._full.follow(encoded.rows, blocks))
            self._full = None if self._full.is_over else self._full
        for hole in holes:
            self._lost(hole)
        for bad in encoded.undecodable:
            detail = {"cause": "undecodable", "error": bad.error, "sequence": bad.block.sequence}
            self.note("undecodable", detail)
            self._lost(Hole(self._published_ns, bad.block.publish_ns, bad.values, detail))
        self._published_ns = self._clocks.note(blocks) or self._published_ns
        self._write_account()
        is_open = self._outage is not None and not self._outage.is_held
        if is_open and self.encoder.clock.has_changes:  # rows on a clock of their own say when it was
            self._end_outage(self.encoder.clock.until(self._created_ns))
        if encoded.rows is not None and self._published_ns is not None:
            self._fillable(self._windows.late_start(encoded.rows, self._published_ns))

    def types_changed(self, changes: Sequence[tuple[TypeChange, int, int]]) -> None:
        """Journal what nodes changed their type, each with `seq` and arrival; very many at once only by number."""
        for change, seq, at_ns in changes[:_CHANGES_PER_BATCH]:
            detail = {"node_id": change.node_id, "handle": change.handle, "from": change.before, "to": change.after}
            self.note("type_change", detail | {"seq": seq}, at_ns)
        if len(changes) > _CHANGES_PER_BATCH:
            self.note("type_change", {"changes": len(changes) - _CHANGES_PER_BATCH})

    def away(self, since_ns: int, cause: str) -> None:
        """An attempt failed. Where the server was never reached, values may be missing since a moment of our clock."""
        if self._outage is None:
            self._windows.begin(GapReason.CONNECTION_LOST, since_ns, cause, self.epoch, by_our_clock=True)
            self.last_cause = cause
        outage = self._outage
        assert outage is not None
        outage.attempts += 1
        if outage.last != cause:  # every new cause, not every attempt
            outage.last = cause
            self.note("unreachable", {"cause": cause, "attempts": outage.attempts})

    def lost(self, reason: GapReason, last_ns: int | None, cause: str) -> None:
        """Nothing is known after the last message.

        Whether values are missing is not known either while the server may still have them: `resumed` or `ended`
        follows. Until then it is no window; a capture that dies meanwhile has one anyhow, from its last commit on.
        """
        self._write_account(is_last=True)
        self.note("lost", {"cause": cause})
        start_ns = self.since(last_ns if last_ns is not None else self._published_ns)
        self._windows.begin(reason, start_ns, cause, self.epoch, is_held=True)
        self.last_cause = cause

    def resumed(self) -> None:
        """The subscription that was lost goes on: what it missed will be sent again, or be a hole."""
        self._windows.outage = None
        self._watch_queues(time.time_ns())

    def ended(self, reason: GapReason) -> None:
        """The subscription that was lost is gone: its window stands, until there is a new one."""
        self._write_account(is_last=True)
        self._windows.give_up(reason)

    def stopped_early(self, reason: GapReason, cause: str) -> None:
        """The recording could not go on for a reason on our side."""
        if self._outage is not None:
            self.ended(self._outage.reason)
        if self._encoder is not None:
            key = f"end {self._windows.number}"
            self._windows.write(reason, self.since(self._published_ns), None, detail={"cause": cause}, key=key)

    def finish(self) -> None:
        """The capture ends: so does a window that is open, by the server's clock as far as it is known."""
        self._write_account(is_last=True)
        if self._outage is not None:
            self.ended(self._outage.reason)
        if self._outage is not None and not self._runs_on_its_own(self._encoder, self._outage):
            self._end_outage(time.time_ns() + self._clocks.ahead_ns)
        self._windows.bound_holes(time.time_ns() + self._clocks.ahead_ns, self.sub)

    def _runs_on_its_own(self, encoder: RowEncoder | None, outage: Outage) -> bool:
        """Whether a window can only be ended by rows: their clock is not the server's."""
        return outage.is_foreign if encoder is None or not encoder.clock.has_changes else encoder.clock.is_foreign

    def _end_outage(self, end_ns: int | None, step_ns: int = 0) -> None:
        if end_ns is not None:
            self._fillable(self._windows.end(end_ns, self._clocks.ahead_ns, step_ns))

    def _fillable(self, windows: Sequence[Window]) -> None:
        if self.filler is not None and windows:
            self.filler.ended(windows[-1])

    def covered(self, blocks: Sequence[Block]) -> tuple[int, int] | None:
        """Where a window begins if we die after these blocks: what the server sent before is in or before them."""
        sent = [block.publish_ns for block in blocks if block.publish_ns is not None and not block.is_republished]
        if self.sub is None or not (sent or self._published_ns):
            return None
        return self.sub, max(self.since(sent[-1] if sent else self._published_ns), 0)

    def _clock_set(self, clock: str, step_ns: int) -> None:
        self.note("clock_step", {"clock": clock, "seconds": round(step_ns / 1e9, 3)})

    def _write_account(self, *, is_last: bool = False) -> None:
        if is_last and self._full is not None:  # nothing more comes of what waited
            self._note_full(self._full.end())
            self._full = None
        if self.sub is not None and self.account.is_due(time.monotonic(), is_last=is_last):
            said = self.account.write(time.monotonic(), self._writer.rows, self._window, is_last=is_last)
            self.note(account.KIND, said)

    def _window(self, before_ns: int | None, after_ns: int | None) -> tuple[int, int | None]:
        """What lies between two PublishTimes, on the clock of the rows."""
        assert self._encoder is not None
        return self.since(before_ns), self._encoder.clock.until(after_ns)

    def _note_overflows(self, encoded: Encoded) -> None:
        if not encoded.overflows:
            return
        self.overflows += len(encoded.overflows)
        nodes = sorted({overflow.node for overflow in encoded.overflows})
        self.note("overflow", {"values": len(encoded.overflows), "handles": nodes[:_NAMED], "nodes": len(nodes)})
        ahead_ns = self._clocks.ahead_ns
        for overflow in encoded.overflows:
            seconds = self._pauses.seconds(overflow.start_ns - ahead_ns, overflow.end_ns - ahead_ns)
            reason = GapReason.CLIENT_SLOW if seconds else GapReason.QUEUE_OVERFLOW
            cause = f"omptool asked for nothing for {seconds:.1f} s, and a queue ran over"
            detail = {"cause": cause} if seconds else None
            ends = overflow.start_ns, overflow.end_ns
            self._windows.part(reason, *ends, node=overflow.node, missing=1, detail=detail)

    def _lost(self, hole: Hole) -> None:
        self._windows.hole(hole, *self._window(hole.before_ns, hole.after_ns))

    def since(self, publish_ns: int | None) -> int:
        """Where a window begins after this PublishTime."""
        if self._encoder is None:
            return time.time_ns() if publish_ns is None else publish_ns
        return self._encoder.clock.since(publish_ns)
