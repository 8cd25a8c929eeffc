"""Finds every node below Objects: batched Browse, several in flight, each node once however often it is referenced.

One request per node is what makes browsing slow elsewhere. Here as many nodes go into a request as will make an answer
of some thousand references, and up to four requests are under way: while one answer is turned into nodes, the server
works on the next. Answers are taken in the order of their requests, so the nodes come breadth first, in the same order
whatever overtakes what on the way. Reads no attribute and no value: a BrowseResult already has names, classes and
types; the rest is `metadata`'s.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from omptool.errors import NotFound, OmptoolError, Unreachable
from omptool.model import path as paths
from omptool.model import status
from omptool.model.nodes import Node
from omptool.opcua import batch, requests
from omptool.opcua.exploring.browsing import CUT_SHORT, TOO_MANY, browse_encoded
from omptool.opcua.exploring.landmarks import BEYOND, OBJECTS, indexes
from omptool.opcua.exploring.nodemaker import NodeMaker
from omptool.protocol.browse import BrowseResult, Reference
from omptool.protocol.nodebytes import EXPANDED
from omptool.protocol.wire import WireNodeId

if TYPE_CHECKING:
    from omptool.opcua.session import Session

REFERENCES_WANTED = 5_000
"""An answer should have about so many: some 400 kB, and less than a tenth of a second's work for either side."""
_GROWTH = 8
"""A request names at most so many times as many nodes as the one before: what the next nodes have is unknown."""

MOST_NODES = 2_000_000
MOST_LEVELS = 200
"""Below the start. A server that makes up nodes as it is asked would fill the memory else: what is beyond is missing,
and said. No plant that is known has a tenth of it."""

GONE = status.code_of("BadConnectionClosed")
"""StatusCode of nodes that nobody could ask about any more."""

OnProgress = Callable[[int], None]
"""Told how many nodes are known so far."""
OnProblem = Callable[[str, int], None]
"""Told of a node whose references the server does not give, with the StatusCode."""
OnLoss = Callable[[OmptoolError], None]
"""Told that the connection is gone for good, and why; `OnProblem` then hears of every node nobody could ask about."""

_Place = tuple[bytes, str, str | None, int]
"""A node to be asked about: its bytes, its text, its path (None: what is below it begins a path), its depth."""


async def crawl(
    session: Session,
    *,
    root: str | None = None,
    names: tuple[str, ...] = (),
    depth: int | None = None,
    on_progress: OnProgress | None = None,
    on_problem: OnProblem | None = None,
    on_loss: OnLoss | None = None,
) -> list[Node]:
    """All nodes below Objects (or below `root`), without their attributes, in breadth-first order.

    Args:
        root: NodeId (C1 text) to start from; its own row is not part of the result.
        names: browse names from below Objects down to `root`, where they are known.
        depth: how many levels; None for all.
        on_loss: what was found is returned even when the connection is lost; without it that is an error.

    Raises:
        NotFound: `root` is not known to the server, or not below Objects.
        Unreachable, ServerRefused: the server does not answer; a single node that it will not browse is no error.
    """
    start = OBJECTS
    if root is not None:
        start = WireNodeId(*session.resolve(root))
        names = names or await _names_of(session, start)
        if not names and start != OBJECTS:
            raise NotFound(
                f"{session.url} has no node {root} below Objects", f"see what is there:  omptool browse {session.url}"
            )
    crawler = _Crawler(session, start, names, depth, on_progress, on_problem)
    try:
        await crawler.run()
    except Unreachable as error:
        if on_loss is None or not crawler.found:
            raise
        on_loss(error)
        crawler.give_up(GONE)
    return list(crawler.found.values())


async def _names_of(session: Session, node: WireNodeId) -> tuple[str, ...]:
    """Browse names from below Objects down to `node`, empty when it is not there.

    Upwards in a few requests; by a crawl where a server knows its references in one direction only.
    """
    from omptool.opcua.exploring.around import path_of
    from omptool.opcua.exploring.metadata import NODE_CLASS, read_attribute

    names = await path_of(session, node)
    if names or node == OBJECTS or await read_attribute(session, [node], NODE_CLASS) == [None]:
        return names
    whole = _Crawler(session, OBJECTS, (), None, None, None)
    await whole.run()
    found = whole.found.get(requests.encode_node_id(node.namespace, node.identifier))
    return () if found is None else paths.split(found.path) or ("",)


class _Crawler:
    """One crawl: the nodes found so far and the ones still to be asked about."""

    def __init__(
        self,
        session: Session,
        start: WireNodeId,
        names: tuple[str, ...],
        depth: int | None,
        on_progress: OnProgress | None,
        on_problem: OnProblem | None,
    ) -> None:
        self.session = session
        self.found: dict[bytes, Node] = {}
        self._make = NodeMaker(session.namespaces)
        self._indexes = indexes(session.namespaces)
        first = requests.encode_node_id(start.namespace, start.identifier)
        path = paths.join(names) if names else None
        self._waiting: deque[_Place] = deque([(first, self._make.text(first), path, len(names))])
        self._later: list[_Place] = []
        self._under_way: deque[tuple[list[_Place], asyncio.Task[list[BrowseResult]]]] = deque()
        self._is_bound = depth is None or depth > MOST_LEVELS
        self._deepest = len(names) + (MOST_LEVELS if depth is None else min(depth, MOST_LEVELS))
        self._is_full = False
        self._outside = {requests.encode_node_id(node.namespace, node.identifier) for node in BEYOND | {start}}
        self._portion = 1
        self._pace = batch.Pace(session.limits.chunk(session.limits.max_nodes_per_browse))
        self._on_progress = on_progress or (lambda count: None)
        self._on_problem = on_problem or (lambda node_id, code: None)

    async def run(self) -> None:
        if self._deepest <= self._waiting[0][3]:
            return
        try:
            while self._ask():
                places, answer = self._under_way[0]
                results = await self._whole(places, await answer)
                self._under_way.popleft()
                self._take(places, results)
                self._on_progress(len(self.found))
                if self._is_full:
                    self.give_up(TOO_MANY)
                    break
        finally:
            for _, answer in self._under_way:
                answer.cancel()
            await asyncio.gather(*(answer for _, answer in self._under_way), return_exceptions=True)

    def give_up(self, why: int) -> None:
        """Report every node whose references are not known."""
        for places in (*(places for places, _ in self._under_way), self._waiting, self._later):
            for _, text, _, _ in places:
                self._on_problem(text, why)

    def _ask(self) -> bool:
        """Send as many requests as may be under way; False when everything is known."""
        if not self._waiting and not self._under_way:
            self._waiting.extend(self._later)
            self._later.clear()
        while self._waiting and len(self._under_way) < batch.IN_FLIGHT:
            size = min(self._portion, self._pace.most, len(self._waiting))
            places = [self._waiting.popleft() for _ in range(size)]
            keys = [place[0] for place in places]
            asked = browse_encoded(self.session, keys, go_on=True, is_alone=False, pace=self._pace)
            self._under_way.append((places, asyncio.create_task(asked)))
        return bool(self._under_way)

    async def _whole(self, places: list[_Place], results: list[BrowseResult]) -> list[BrowseResult]:
        """Ask once more, with nothing else under way, for what other requests took the continuation points of."""
        short = [index for index, result in enumerate(results) if result.status in CUT_SHORT]
        if short:
            await asyncio.gather(*(answer for _, answer in self._under_way))
            for index in short:
                (results[index],) = await browse_encoded(self.session, [places[index][0]], go_on=True)
        return results

    def _take(self, places: list[_Place], results: Sequence[BrowseResult]) -> None:
        references = 0
        for place, result in zip(places, results, strict=True):
            if result.status >> 31:
                self._on_problem(place[1], result.status)
            if result.references:
                references += len(result.references)
                self._follow(place, result.references)
        fitting = REFERENCES_WANTED * len(places) // max(references, 1)
        self._portion = max(1, min(fitting, len(places) * _GROWTH))

    def _follow(self, place: _Place, references: Sequence[Reference]) -> None:
        _, above, path, depth = place
        prefix = "" if path is None else path + "/"
        parents = (above,)
        found, make = self.found, self._make
        next_places = self._waiting if depth + 1 < self._deepest else None
        for reference in references:
            key = reference[1]
            known = found.get(key)
            if known is None:
                if key[0] >= EXPANDED:
                    key = make.local(key) or b""
                    known = found.get(key)
                if known is None and key and key not in self._outside:
                    if len(found) >= MOST_NODES:
                        self._is_full = True
                        self._on_problem(above, TOO_MANY)
                        return
                    found[key] = node = make(key, reference, prefix, parents)
                    if next_places is not None:
                        following = self._later if key in self._indexes else next_places
                        following.append((key, node.node_id, node.path, depth + 1))
                    elif self._is_bound:
                        self._on_problem(node.node_id, TOO_MANY)
            if known is not None and above not in known.parents:
                found[key] = replace(known, parents=(*known.parents, above))
