"""Records servers: connects to each, finds its nodes, subscribes, and puts what arrives into one capture until stopped.

With `participant` the only module of this folder that knows `opcua`. The event loop receives; one worker thread
decodes, encodes and syncs for all servers (`commitline`, `store`). It prints nothing and decides no exit code. A server
that is away, at the start or later, is tried again until the end; the others do not notice.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from omptool.capture.lock import refuse_if_held
from omptool.capture.placing import check_free, is_free
from omptool.capture.recording.choosing import Pool
from omptool.capture.recording.commitline import CommitLine
from omptool.capture.recording.descriptors import make_room
from omptool.capture.recording.participant import Participant
from omptool.capture.recording.rejoining import keep, offer, purpose_of
from omptool.capture.recording.retention import Keeper, explained
from omptool.capture.recording.sessions import Sessions
from omptool.capture.recording.startup import Startup
from omptool.capture.recording.store import RecordingStore
from omptool.capture.recording.terms import (
    Limits,
    Progress,
    Quota,
    RecordingResult,
    Selection,
    Upkeep,
    Wanted,
)
from omptool.capture.recording.together import Books, append_together
from omptool.capture.resume import Standing, take_up
from omptool.capture.writer import CaptureWriter
from omptool.errors import DiskFull, OutputFailed
from omptool.model.vocabulary import GapReason
from omptool.opcua.session import Session
from omptool.opcua.subscribing import stalls
from omptool.opcua.subscribing.flusher import Flusher
from omptool.opcua.subscribing.gate import Gate
from omptool.opcua.subscribing.granted import Subscription
from omptool.opcua.subscribing.subscription_batch import Batch
from omptool.opcua.subscribing.waiting import pass_on, unless

T = TypeVar("T")


async def record(
    servers: Sequence[Wanted],
    output: Path,
    *,
    selection: Selection,
    limits: Limits,
    stop: asyncio.Event,
    force: bool = False,
    resume: bool = False,
    backfill: bool = False,
    upkeep: Upkeep = Upkeep(),  # noqa: B008  frozen
    progress: Progress | None = None,
    sessions: Path | None = None,
) -> RecordingResult | None:
    """Record until a limit is reached or `stop` is set.

    Args:
        output: folder of the capture; created when the first items exist, so a failed start leaves nothing behind.
        force: replace a capture that is there.
        resume: go on with a capture that is there; likewise, nothing is written to it before the first items exist.
        backfill: fill windows from the history of the servers.
        upkeep: when segments end, and which may stay.
        progress: kept up to date, for whoever shows it.
        sessions: folder outside of any capture for what `resume` needs to take up sessions; None keeps nothing.

    Returns:
        None when it was stopped before anything could be captured; nothing is on disk then.

    Raises:
        OutputExists, NotFound, UsageError: nothing was captured.
        Busy: another process writes there.
        NotACapture, UnsupportedFormat, Damaged: what is there cannot be resumed.
        Unreachable, ServerRefused: likewise; none of the servers could be recorded.
        DiskFull: everything acknowledged is in the capture.
    """
    make_room(len(servers))
    refuse_if_held(output)
    standing = None
    if resume and not is_free(output):
        standing = await asyncio.to_thread(take_up, output)
    else:
        check_free(output, force, can_resume=True)  # before the long browse, not after it; the writer checks again
    recording = Recording(
        servers, output, selection, limits, progress or Progress(), force, standing, backfill, upkeep, sessions
    )
    return await recording.run(stop)


class Recording:
    """State of one `record`: what its participants share."""

    def __init__(
        self,
        servers: Sequence[Wanted],
        output: Path,
        selection: Selection,
        limits: Limits,
        progress: Progress,
        force: bool,
        standing: Standing | None = None,
        backfill: bool = False,
        upkeep: Upkeep = Upkeep(),  # noqa: B008  frozen
        sessions: Path | None = None,
    ) -> None:
        self._output = output
        self._selection = selection
        self._sessions_home = sessions
        self._sessions = Sessions(sessions, output, standing.capture_id) if sessions and standing else None
        self._standing = standing
        self.fills = backfill
        self._limits = limits
        self._progress = progress
        self._force = force
        self._quota = Quota(limits.count)
        self._slow: deque[tuple[int, float, int]] = deque()
        self._line = CommitLine(self._sync, lambda *slow: self._slow.append((time.time_ns(), *slow)))
        self._upkeep = upkeep
        self._keeper = Keeper(upkeep.keep, self._line.commit, self._account, standing.capture if standing else None)
        self._stalls: deque[tuple[int, float]] = deque()
        self.flusher = Flusher(lambda due: self.store([(each.source.owner, each.batch) for each in due]))
        self.gate = Gate()
        self.pool = Pool()
        self._books: Books | None = None
        self._startup = Startup(servers)
        self._writer: CaptureWriter | None = None
        self._handles = 1
        self._done = asyncio.Event()
        self._reason = "stopped"
        self._hopeless: BaseException | None = None
        self.begun_ns = 0
        self._participants = [
            Participant(number, wanted, selection, self, self._startup, is_alone=len(servers) == 1)
            for number, wanted in enumerate(servers)
        ]
        for each in self._participants:
            left = standing.left_of(each.wanted.server) if standing else None
            if standing is not None and left is not None:
                each.take_up(left)
                self._startup.names.keep(each.number, left.identity)
                offer(each, standing, left, each.wanted.selection or selection, self._sessions)
        progress.servers[:] = [participant.progress for participant in self._participants]

    async def run(self, stop: asyncio.Event) -> RecordingResult | None:
        self._event_loop = type(asyncio.get_running_loop()).__module__.partition(".")[0]
        stopper = asyncio.create_task(pass_on(stop, self._done))
        keeping = asyncio.create_task(self._keeper.run(lambda: self._writer))
        watching = asyncio.create_task(stalls.watch(lambda seconds: self._stalls.append((time.time_ns(), seconds))))
        links = [asyncio.create_task(each.link.run(self._done)) for each in self._participants]
        try:
            await self._until_done(links)
            await self._end_links(links)
        except BaseException as error:
            await self._end_links(links, suppress=True)
            await self._give_up(error)
            if isinstance(error, DiskFull):
                raise explained(error, self._upkeep.keep) from error
            raise
        finally:
            stopper.cancel()
            keeping.cancel()
            watching.cancel()
            await self._line.close()
            if self._writer is None and self._standing is not None:
                self._standing.lock.release()
            if self._writer is not None and self._sessions is not None:
                self._sessions.forget()
        return None if self._writer is None else self._result()

    async def _until_done(self, links: Sequence[asyncio.Task[None]]) -> None:
        """Begin, and wait for the end.

        Raises:
            Exception: what ended it early: nothing could begin, or the capture cannot be written.
        """
        await unless(self._done, self._startup.decide())
        done = asyncio.create_task(self._done.wait())
        try:
            await asyncio.wait({done, *links}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            done.cancel()
        if self._hopeless is not None:
            raise self._hopeless

    async def _end_links(self, links: Sequence[asyncio.Task[None]], *, suppress: bool = False) -> None:
        self._done.set()
        self._startup.give_up()
        for each in self._participants:
            await each.errands.polling.stop()  # a Read that the end of its session cuts off is no cycle that was missed
        ended = await asyncio.gather(*links, return_exceptions=True)
        for each in self._participants:
            await each.errands.stop()
        errors = [error for error in ended if isinstance(error, BaseException)]
        if errors and not suppress:
            raise next((error for error in errors if isinstance(error, OutputFailed)), errors[0])
        await self._line.commit(lambda: None)  # a stop may have come while the capture was being created
        if self._writer is not None and not suppress:
            await self._line.commit(self._finish)

    # what participants use

    @property
    def is_open(self) -> bool:
        """Whether the capture exists."""
        return self._writer is not None

    def check_hope(self, startup: Startup) -> None:
        """An attempt failed before anything was captured: when nobody is left to wait for, it is over."""
        if not self.is_open and all(each.progress.phase == "waiting" for each in self._participants):
            self._hopeless = startup.nobody()
            self._done.set()

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Do work on the capture, and sync it; see `CommitLine.commit`."""
        done = await self._line.commit(work)
        if self._quota.is_full:  # by what was read or repeated in cycles
            self._end("count")
        return done

    async def keep(self, store: RecordingStore, session: Session, granted: Subscription, wanted: Wanted) -> str:
        """Note outside of the capture what a later run needs to go on with a subscription; empty, or why not."""
        purpose = purpose_of(wanted, wanted.selection or self._selection)
        return await asyncio.to_thread(keep, self._sessions, store.name, store.epoch, session, granted, purpose)

    def arm(self) -> None:
        """Start the clocks, once: values count from here."""
        progress, limits = self._progress, self._limits
        if progress.is_capturing:
            return
        loop = asyncio.get_running_loop()
        progress.is_capturing, progress.started = True, time.monotonic()
        if limits.seconds is not None:
            loop.call_later(limits.seconds, self._end, "for")
        if limits.until_ns is not None:
            loop.call_later(max(limits.until_ns - time.time_ns(), 0) / 1e9, self._end, "until")

    async def store(self, batches: Sequence[tuple[Participant, Batch]]) -> list[Exception | None]:
        """Write what came from several servers, and sync it; what went wrong with each. Raises OutputFailed for all."""
        outcomes = await self._line.commit(lambda: self._write(batches))
        for (participant, batch), error in zip(batches, outcomes, strict=True):
            if error is None:
                participant.committed(batch)
        assert self._writer is not None
        self._progress.bytes = self._writer.bytes_written
        if self._quota.is_full:
            self._end("count")
        return outcomes

    # what participants use in the worker thread

    @property
    def writer(self) -> CaptureWriter:
        """Of the capture, once it exists."""
        assert self._writer is not None
        return self._writer

    def open(self, now_ns: int) -> None:
        """Create the capture, once; values count from `now_ns`, when the first items existed."""
        if self._writer is not None:
            return
        asked = [{"name": each.wanted.server.name, "url": each.wanted.server.url} for each in self._participants]
        standing, session = self._standing, {"servers": asked, "event_loop": self._event_loop}
        more = self._upkeep.rotation | {"story": self._keeper.story}
        if standing is None:
            refuse_if_held(self._output)  # another one may have begun it in the meantime
            writer = CaptureWriter.create(self._output, force=self._force, session=session, **more)
        else:
            writer = CaptureWriter.resume(standing, session=session, **more)
            self._handles = standing.next_handle
        self._writer = writer
        if self._sessions_home is not None:
            self._sessions = Sessions(self._sessions_home, self._output, writer.id)
            self._sessions.tidy()
        self.begun_ns = now_ns
        books = self._books = Books(writer, self._quota)
        run = standing.run if standing else 0
        for each in self._participants:
            each.begin(RecordingStore(books, each.number, each.wanted.label, run, fills=self.fills), self.begun_ns)
        if standing is not None:
            self._leave_out(books, standing)

    def _leave_out(self, books: Books, standing: Standing) -> None:
        """Servers of earlier runs that are not recorded any more: a window is open from there on."""
        wanted = [each.wanted.server for each in self._participants]
        others = [left for left in standing.left.values() if not any(map(left.is_of, wanted))]
        for number, left in enumerate(others, len(self._participants)):
            RecordingStore(books, number, left.identity.server, standing.run).adopt(left)

    def take_handles(self, count: int, instead_of: range, *, grows: bool = False) -> range:
        """Node handles that nobody else has, for nodes that had others before.

        Args:
            grows: the first of these nodes are those of before, which keep their handles where more can follow them.
        """
        assert self._writer is not None
        if grows and instead_of.stop == self._handles:
            self._handles = instead_of.start + count
            return range(instead_of.start, self._handles)
        self._writer.forget(instead_of)
        taken = range(self._handles, self._handles + count)
        self._handles = taken.stop
        return taken

    def _write(self, batches: Sequence[tuple[Participant, Batch]]) -> list[Exception | None]:
        assert self._books is not None and self._writer is not None
        self._note_stalls(self._writer)
        if self._quota.is_full:  # what arrives on the way out was not asked for
            return [None for _ in batches]
        return append_together(self._books, [participant.entry(batch) for participant, batch in batches])

    def _account(self) -> None:
        for each in self._participants:
            if each.store is not None:
                each.store.account_now()

    def _sync(self) -> None:
        if self._writer is not None:
            self._note_stalls(self._writer)
            self._writer.commit()

    def _note_stalls(self, writer: CaptureWriter) -> None:
        """This process stood still and asked no server for anything, or everybody waited for the disk."""
        while self._stalls:
            at_ns, seconds = self._stalls.popleft()
            detail = {"seconds": round(seconds, 3), "stalled": True}
            writer.journal("client_slow", server=None, sub=None, detail=detail, time_ns=at_ns)
            for each in self._participants:
                if each.store is not None:
                    each.store.paused(at_ns, seconds)

        while self._slow:
            at_ns, seconds, waited = self._slow.popleft()
            detail = {"seconds": round(seconds, 3), "waited": waited}
            writer.journal("slow_disk", server=None, sub=None, detail=detail, time_ns=at_ns)

    def _finish(self) -> None:
        assert self._writer is not None
        self._note_stalls(self._writer)
        for each in self._participants:
            each.finish()
        self._writer.close("stop", {"reason": self._reason})

    def _end(self, reason: str) -> None:
        if not self._done.is_set():
            self._reason = reason
            self._done.set()

    async def _give_up(self, error: BaseException) -> None:
        """End the capture on the way out of an error: say why in it, if the disk still takes a few bytes."""
        writer = self._writer
        if writer is None:
            return
        is_full = isinstance(error, DiskFull)
        reason, word = (GapReason.DISK_FULL, "disk_full") if is_full else (GapReason.CLIENT_STOPPED, "error")
        cause = str(error) or type(error).__name__

        def close() -> None:
            for each in self._participants:
                each.give_up(reason, cause)
            with contextlib.suppress(OutputFailed):
                writer.close("stop", {"reason": word, "cause": cause})

        with contextlib.suppress(Exception):
            await self._line.commit(close)

    def _result(self) -> RecordingResult:
        assert self._writer is not None
        return RecordingResult(
            tuple(each.result() for each in self._participants),
            time.monotonic() - self._progress.started,
            self._writer.bytes_written,
            self._reason,
            tuple(self._startup.shared),
        )
