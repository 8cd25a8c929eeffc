"""One server's part in a recording: what is monitored on it, and how what it sends gets into the capture.

The owner of a link (`opcua.link.Owner`): the link connects, this decides what to ask for and stores what comes, life
after life. What touches the writer runs in the one worker thread, through the commit line. A server's trouble stays its
own; only a capture that cannot be written ends the others too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from omptool.capture import oplog
from omptool.capture.nodetable import ServerIdentity
from omptool.capture.recording import choosing
from omptool.capture.recording.alarms import Alarms
from omptool.capture.recording.described import Described, facts_of, unbrowsable
from omptool.capture.recording.errands import Errands
from omptool.capture.recording.numbering import Numbering
from omptool.capture.recording.outcome import queues_of, server_result, values_of
from omptool.capture.recording.received import blocks, hole, unix_ns
from omptool.capture.recording.revised import revision, tell, tell_revised, tell_untaken
from omptool.capture.recording.startup import Startup
from omptool.capture.recording.store import RecordingStore
from omptool.capture.recording.terms import Selection, ServerProgress, ServerResult, Wanted
from omptool.capture.recording.together import Entry
from omptool.capture.selecting.selection import Choice
from omptool.errors import NotFound, OmptoolError
from omptool.model.vocabulary import GapReason
from omptool.opcua.session import Session
from omptool.opcua.subscribing.events import refresh_conditions
from omptool.opcua.subscribing.granted import Subscription
from omptool.opcua.subscribing.items import MonitoredItem, RequestedItem
from omptool.opcua.subscribing.link import Link
from omptool.opcua.subscribing.moment import moment
from omptool.opcua.subscribing.subscription_batch import Batch, Ending, EndKind, Event

if TYPE_CHECKING:
    from omptool.capture.recording.recorder import Recording
    from omptool.capture.recording.rejoining import Heir
    from omptool.capture.resume import Left
    from omptool.model.datatypes import DataType

_REASONS = {EndKind.LOST: GapReason.CONNECTION_LOST, EndKind.STALE: GapReason.STALE,
            EndKind.RESTARTED: GapReason.SERVER_RESTART, EndKind.NOT_RUNNING: GapReason.CLIENT_STOPPED}  # fmt: skip


class Participant:
    """One server of a recording.

    Args:
        number: its place among the servers of the recording.
        is_alone: whether it is the only one.
    """

    def __init__(
        self,
        number: int,
        wanted: Wanted,
        selection: Selection,
        recording: Recording,
        startup: Startup,
        *,
        is_alone: bool,
    ) -> None:
        self.number = number
        self.wanted = wanted
        self.progress = ServerProgress(wanted.label)
        self.store: RecordingStore | None = None
        shared = recording.flusher, recording.gate
        self.link = Link(wanted.server, self, *shared, publishing_ms=wanted.intervals.publishing_ms)
        self._selection = wanted.selection or selection
        self._recording = recording
        self._startup = startup
        self.is_alone = is_alone
        self._found: choosing.Found | None = None
        self._about = Described()
        self._numbers = Numbering(is_growing=bool(wanted.intervals.rebrowse_s))
        self._data_types: dict[str, DataType] = {}
        self._items: tuple[MonitoredItem, ...] = ()
        self._events: list[tuple[int, Event]] = []
        self._away = ""
        self.was_reached = False
        self._left: Left | None = None
        self._heir: Heir | None = None
        self._granted: Subscription | None = None
        self._started: int | None = None
        self.alarms = Alarms()
        self.errands = Errands(recording, lambda: self.progress.phase == "capturing", self.event)
        self.progress.silence = lambda: self.link.silent_s
        self.progress.attempts = lambda: self.link.attempts
        self.progress.retry_in = lambda: max(self.link.retry_at - time.monotonic(), 0.0)

    def take_up(self, left: Left) -> None:
        """Go on with a server of an earlier run: who it must be, and what its nodes are called in the capture."""
        self._left, self._about = left, Described(left.identity, left.nodes)
        self._numbers.take_up(left)

    def inherit(self, heir: Heir) -> None:
        """Its subscription may still be at the server: ask for it first."""
        self._heir = heir
        self.link.inherit(heir.inheritance.left(self.wanted.server.timeout_s, self.event))

    # what the link asks

    async def prepare(self, session: Session) -> Sequence[RequestedItem]:
        self._startup.introduced(self.number, choosing.same_server(self._about.identity, self.wanted.server, session))
        if self._found is None:
            is_alone, look = self.is_alone or self.wanted.selection is not None, self._recording.pool.browse
            async with self._recording.gate.turn():
                found, choice = await look(session, self._selection, self.progress, is_alone=is_alone)
            await self._startup.chosen(self.number, choice)
            if not found.chosen:
                raise NotFound(f"nothing of what is selected is on {self.wanted.label}")
            self._found = self._numbers.in_order(found)
        elif self._about.identity is not None:
            await self._look_again(session, self._found)
        self._startup.name(self.number)
        self.progress.phase = "subscribing"
        return self._recording.pool.requests(self._found, self.wanted.intervals.sampling_ms)

    async def _look_again(self, session: Session, found: choosing.Found) -> None:
        """What types mean must be known again, and nodes may be others now."""
        session.data_types.update(self._data_types)
        is_restarted = self._started is None or session.server_start_time != self._started
        has_more = is_restarted or bool(self.wanted.intervals.rebrowse_s)
        self._found, events = await choosing.look_again(session, self._selection, found, is_restarted=has_more)
        self._events.extend((time.time_ns(), event) for event in events)

    async def created(self, session: Session, subscription: Subscription) -> None:
        if subscription.items and not any(item.is_monitored for item in subscription.items):
            self._found = None  # perhaps its nodes are others now: look again
            raise choosing.nothing_monitored(subscription.items, self.wanted.server.url)
        now_ns = moment()
        await self._recording.in_thread(lambda: self._open(session, subscription, now_ns))
        await self._begun(session, subscription)
        await self._refresh(session, subscription)
        await self._run_errands(session)

    async def _run_errands(self, session: Session) -> None:
        every_ms = self.wanted.intervals.publishing_ms
        await self.errands.fill(session, self._opened, self._found, self._items, self._numbers.base, every_ms)
        await self._start_cycles(session)
        every_s, growing = self.wanted.intervals.rebrowse_s, self.errands.growing
        await growing.start(session, self._selection, lambda: (self._found, self._numbers.free), self._take, every_s)

    async def _start_cycles(self, session: Session) -> None:
        if self._found is not None:
            await self.errands.start_cycles(session, self._opened, self._found, self._numbers.base)
            values = sum(item.is_monitored for item in values_of(self._items))
            self.progress.nodes = values + self.errands.polling.nodes

    async def _take(self, session: Session, grown: choosing.Grown) -> None:
        """These nodes came while it records: they are described first, since their values come at once."""
        found, subscriber, granted = grown.found, self.link.subscriber, self._granted
        assert self._about.identity is not None and granted is not None and subscriber is not None
        identity = replace(self._about.identity, data_types=ServerIdentity.of(self.wanted.server, session).data_types)
        self._found, self._data_types = found, dict(session.data_types)

        def write() -> None:
            self._numbers.grown(found.chosen)
            self._describe(identity, found, granted, time.time_ns())

        await self._recording.in_thread(write)
        first = len(found.chosen) - len(grown.new)
        items = choosing.requests(found.chosen, found.asked, self.wanted.intervals.sampling_ms)
        items = [item for item in items if item.handle > first]
        try:
            await subscriber.add(items)
        except OmptoolError:
            await self._recording.in_thread(lambda: tell_untaken(self._opened, items, self._numbers.base))
            raise
        await self._start_cycles(session)

    async def _begun(self, session: Session, subscription: Subscription) -> None:
        """It is received from here on; whoever comes after us may go on with it."""
        self._granted, self._started = subscription, session.server_start_time
        self.progress.keep_alive_s = subscription.keep_alive_s
        self.progress.nodes = sum(item.is_monitored for item in self._items)
        self.progress.connected()
        self._show()
        self._recording.arm()
        if cause := await self._recording.keep(self._opened, session, subscription, self.wanted):
            self.event(Event("session_not_kept", subscription.sub, {"cause": cause}))

    async def _refresh(self, session: Session, subscription: Subscription) -> None:
        """Have the server say what is active already: an alarm that stands sends no event until it changes."""
        if any(item.is_monitored and item.requested.events for item in subscription.items):
            said = await refresh_conditions(session, subscription.sub)
            self.event(Event("condition_refresh", subscription.sub, {"status_name": said}))

    async def items_came(self, subscription: Subscription, items: Sequence[MonitoredItem]) -> None:
        now_ns = time.time_ns()

        def write() -> None:
            self._items, self._granted = subscription.items, subscription
            assert self._about.identity is not None and self._found is not None
            self._describe(self._about.identity, self._found, subscription, now_ns)
            for item in items:
                handle = self._handle(item)
                if item.is_monitored:
                    self._opened.note("item_created", revision(handle, item))
                    self._opened.item_created(handle, item.created_ns or now_ns)
                else:
                    self._opened.item_failed(handle, item.requested.node_id, item.status, now_ns)
            tell_revised(self._opened, items, self._numbers.base)
            self._watch(subscription, self._about.identity.namespaces, now_ns)

        await self._recording.in_thread(write)
        self.progress.nodes = sum(item.is_monitored for item in self._items)
        self._show()

    async def commit(self, batch: Batch) -> None:
        [error] = await self._recording.store([(self, batch)])
        if error is not None:
            raise error

    def committed(self, batch: Batch) -> None:
        """A batch is on disk."""
        if batch.notifications:
            self.progress.lag_s = (time.monotonic_ns() - batch.notifications[0].receive_mono) / 1e9
        self.errands.committed()
        self._show()

    async def _written(self, work: Callable[[], None]) -> None:
        """Write this, behind what happened before it."""

        def write() -> None:
            self._write_events()
            work()

        await self._recording.in_thread(write)

    async def lost(self, ending: Ending) -> None:
        last_ns = unix_ns(ending.last_ticks)
        self.progress.disconnected(ending.cause)
        await self._written(lambda: self._opened.lost(_REASONS[ending.kind], last_ns, ending.cause))

    async def resumed(self, session: Session) -> None:
        if self._heir is not None:
            await self._go_on(session, self._heir)
        await self._written(self._opened.resumed)
        assert self._granted is not None
        await self._begun(session, self._granted)
        await self._run_errands(session)

    async def _go_on(self, session: Session, heir: Heir) -> None:
        """The subscription of an earlier run is ours: so are its items, and what it sent meanwhile."""
        self._startup.introduced(self.number, choosing.same_server(self._about.identity, self.wanted.server, session))
        await self._startup.chosen(self.number, Choice(heir.found.chosen, {}))
        self._startup.name(self.number)

        at, left, identity = heir.position, self._left, self._about.identity
        assert left is not None and identity is not None

        def write() -> None:
            self._recording.open(time.time_ns())
            self._opened.rejoined(at)
            self._watch(heir.inheritance.granted, identity.namespaces, at.began_ns)
            self.alarms.held(at.events)
            self.errands.went_on(self._opened, heir.found, self._numbers.base, left)

        await self._recording.in_thread(write)
        self._heir, self._granted = None, heir.inheritance.granted
        self._found, self._items, self.was_reached = heir.found, self._granted.items, True
        self._data_types = {kind.node_id: kind for kind in identity.data_types}

    async def ended(self, ending: Ending) -> None:
        self._heir = None
        if self.store is None:
            return  # of an earlier run, and this one has not begun: its window is opened when it does
        await self._written(lambda: self._opened.ended(_REASONS[ending.kind]))
        self._show()

    async def failed(self, error: BaseException) -> None:
        self._away = self.link.cause
        self.progress.disconnected(self.link.cause)
        has_more = self.link.route.has_more and not self._recording.is_open
        await self._startup.failed(self.number, error, has_more=has_more)
        if self._recording.is_open:
            await self._recording.in_thread(lambda: self._opened.away(self._recording.begun_ns, self._away))
            self._show()
        else:
            oplog.entry("unreachable", self.wanted.label, {"cause": self._away})
            if not has_more:
                self._recording.check_hope(self._startup)

    def event(self, event: Event) -> None:
        self.progress.slow += event.kind == "client_slow"
        self._events.append((time.time_ns(), event))

    # in the worker thread

    def begin(self, store: RecordingStore, since_ns: int) -> None:
        """The capture exists; whoever is away by then is away from its first moment on."""
        self.store = store
        store.queue_sizes = lambda: queues_of(self._items, self._numbers.base)
        self.progress.reasons = store.gaps
        if self._left is not None:
            store.adopt(self._left, is_held=self._heir is not None)
        if self._away:
            store.away(since_ns, self._away)

    def finish(self) -> None:
        """The capture ends in good order."""
        self._write_events()
        self._opened.finish()

    def give_up(self, reason: GapReason, cause: str) -> None:
        """The capture ends for a reason on our side."""
        if self.store is not None:
            self.store.stopped_early(reason, cause)

    def _open(self, session: Session, subscription: Subscription, now_ns: tuple[int, int]) -> None:
        if not self._recording.is_open:
            self._away = ""  # whoever begins it is there, whatever other addresses or earlier attempts came to
        self._recording.open(now_ns[0])
        self._write_events()
        store, found = self._opened, self._found
        assert found is not None
        identity = replace(
            ServerIdentity.of(self.wanted.server, session),
            server=self._startup.name(self.number),
            application_uri=choosing.same_server(self._about.identity, self.wanted.server, session),
        )
        is_new = self._about.identity is None or self._about.identity.namespaces != identity.namespaces
        self._data_types = dict(session.data_types)
        self._numbers.number(self._recording, found.chosen, is_new=is_new)
        store.name = identity.server
        facts = {"url": session.url, "application_uri": session.application_uri}
        store.note("connect", facts | {"server_start_time": session.server_start_time})
        self._describe(identity, found, subscription, now_ns[0])
        if found.unbrowsable and not self.was_reached:
            store.note("browse_failed", unbrowsable(found.unbrowsable))
        self._items, self.was_reached = subscription.items, True
        created_ns = subscription.created_ns or (now_ns[0], now_ns[0])
        store.subscribed(
            subscription_id=subscription.sub,
            handles=self._numbers.handles,
            created_ns=created_ns,
            now_ns=now_ns,
            publishing_ms=subscription.publishing_ms,
            facts=facts_of(self.wanted.intervals, subscription),
        )
        self._watch(subscription, identity.namespaces, created_ns[0])
        base = self._numbers.base
        tell(store, subscription.items, base, choosing.polled(found.chosen, found.asked, base), created_ns)

    def _watch(self, subscription: Subscription, namespaces: Sequence[str], since_ns: int) -> None:
        """From here on events of this subscription may come."""
        items = {self._handle(item): item for item in subscription.items if item.is_monitored}
        self.alarms.subscribed(items, sub=self._opened.sub or 0, namespaces=namespaces, started_ns=since_ns)

    def _describe(
        self, identity: ServerIdentity, found: choosing.Found, subscription: Subscription, now_ns: int
    ) -> None:
        self._about.describe(self._opened, identity, found.nodes, self._numbers, found.chosen, subscription, now_ns)

    def entry(self, batch: Batch) -> Entry:
        """What came, as the store takes it; what happened before it is in the journal by then."""
        self._write_events()
        events = self.alarms.write(self._recording.writer, self._opened, batch.notifications)
        self.errands.heartbeats.heard(unix_ns(batch.statement.published_ticks) if batch.statement else None)
        holes = [hole(gap) for gap in batch.gaps]
        return Entry(self._opened, list(blocks(batch.notifications)), holes, batch.statement, events)

    def _write_events(self) -> None:
        while self._events:
            at, event = self._events.pop(0)
            self._opened.note(event.kind, event.detail, at)

    @property
    def _opened(self) -> RecordingStore:
        assert self.store is not None
        return self.store

    # in the event loop

    def _show(self) -> None:
        store = self._opened
        self.progress.rows, self.progress.gaps = store.rows, store.gaps.total()

    def result(self) -> ServerResult:
        """What became of it."""
        paths = {node.node_id: node.path for node in self._found.chosen} if self._found else {}
        return server_result(self, self._items, paths)

    def _handle(self, item: MonitoredItem) -> int:
        """Of the node in the capture."""
        return self._numbers.base + item.requested.handle
