"""Finds every node below Objects: batched Browse, BrowseNext until done, each node once however often it is referenced.

One request per node is what makes browsing slow elsewhere; here a level of the tree goes out in requests of up to 1,000
nodes, four at a time. Reads no attribute and no value: a BrowseResult already has names, classes and types; the rest is
`metadata`'s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from sys import intern
from typing import TYPE_CHECKING

from omptool.errors import MalformedMessage, NotFound
from omptool.model import path as paths
from omptool.model import status
from omptool.model.nodes import Node
from omptool.opcua import batch, requests
from omptool.protocol.browse import BrowseResult, Reference, parse_browse_response
from omptool.protocol.wire import WireNodeId

if TYPE_CHECKING:
    from omptool.opcua.session import Session

OBJECTS = WireNodeId(0, 85)
BEYOND = frozenset({WireNodeId(0, 84), OBJECTS, WireNodeId(0, 86), WireNodeId(0, 87)})
"""Root, Objects, Types, Views: a reference back to them is a cycle, or leads from the plant into the type system."""

REFERENCES_PER_ANSWER = 10_000
"""Per node: a folder with 100,000 children comes in ten answers of about a megabyte, not in one that times out."""

HIERARCHICAL_REFERENCES = requests.encode_node_id(0, 33)
_HAS_PROPERTY = WireNodeId(0, 46)

MACHINERY = "http://opcfoundation.org/UA/Machinery/"
DEVICES = "http://opcfoundation.org/UA/DI/"
MACHINES_FOLDER = f"nsu={MACHINERY};i=1001"
DEVICE_SET = f"nsu={DEVICES};i=5001"
_INDEXES = frozenset({"i=2253", MACHINES_FOLDER, DEVICE_SET})
"""Server (whose HasNotifier leads to every source of events), Machines and DeviceSet list nodes that have their place
elsewhere in the plant. They are followed last, so that a path tells where a machine stands and not who lists it."""

_CUT_SHORT = frozenset(status.code_of(name) for name in ("BadNoContinuationPoints", "BadContinuationPointInvalid"))
"""A server with few continuation points refuses more, or drops the oldest."""
_TIMEOUT = status.code_of("BadTimeout")
NODE_CLASSES = {
    1: "Object",
    2: "Variable",
    4: "Method",
    8: "ObjectType",
    16: "VariableType",
    32: "ReferenceType",
    64: "DataType",
    128: "View",
}

_EMPTY_ANSWERS = 20
"""BrowseNext may come back empty when a server ran out of time; one that does so for ever would hold us for ever."""

OnProgress = Callable[[int], None]
"""Told how many nodes are known so far."""
OnProblem = Callable[[str, int], None]
"""Told of a node whose references the server does not give, with the StatusCode."""


@dataclass(slots=True)
class _Found:
    """A node on the list: the reference that led to it first, and everyone else who has one."""

    reference: Reference
    names: tuple[str, ...]
    parents: list[WireNodeId] = field(default_factory=list)


async def crawl(
    session: Session,
    *,
    root: str | None = None,
    names: tuple[str, ...] = (),
    depth: int | None = None,
    on_progress: OnProgress | None = None,
    on_problem: OnProblem | None = None,
) -> list[Node]:
    """All nodes below Objects (or below `root`), without their attributes, in breadth-first order.

    Args:
        root: NodeId (C1 text) to start from; its own row is not part of the result.
        names: browse names from below Objects down to `root`, where they are known.
        depth: how many levels; None for all.

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
    await crawler.run()
    return crawler.nodes()


async def _names_of(session: Session, node: WireNodeId) -> tuple[str, ...]:
    """Browse names from below Objects down to `node`, empty when it is not there.

    Upwards in a few requests; by a crawl where a server knows its references in one direction only.
    """
    from omptool.opcua.around import path_of
    from omptool.opcua.metadata import NODE_CLASS, read_attribute

    names = await path_of(session, node)
    if names or node == OBJECTS or await read_attribute(session, [node], NODE_CLASS) == [None]:
        return names
    whole = _Crawler(session, OBJECTS, (), None, None, None)
    await whole.run()
    return whole.found[node].names if node in whole.found else ()


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
        self.found: dict[WireNodeId, _Found] = {}
        self._level: list[tuple[WireNodeId, tuple[str, ...]]] = [(start, names)]
        self._later: list[tuple[WireNodeId, tuple[str, ...]]] = []
        self._deepest = None if depth is None else len(names) + depth
        self._outside = BEYOND | {start}
        self._on_progress = on_progress or (lambda count: None)
        self._on_problem = on_problem or (lambda node_id, code: None)

    async def run(self) -> None:
        while self._level or self._later:
            if not self._level:
                self._level, self._later = self._later, []
            level, self._level = self._level, []
            if self._deepest is not None:
                level = [(node, names) for node, names in level if len(names) < self._deepest]
            results = await browse_all(self.session, [node for node, _ in level], go_on=True)
            for (node, names), result in zip(level, results, strict=True):
                if result.status >> 31:
                    self._on_problem(self._text(node), result.status)
                for reference in result.references:
                    self._take(node, names, reference)
            self._on_progress(len(self.found))

    def _take(self, parent: WireNodeId, names: tuple[str, ...], reference: Reference) -> None:
        node = local(reference.node_id, self.session.namespaces)
        if node is None or node in self._outside:
            return
        known = self.found.get(node)
        if known is None:
            known = self.found[node] = _Found(reference, (*names, reference.browse_name.name))
            (self._later if is_index(self.session, node) else self._level).append((node, known.names))
        if parent not in known.parents:
            known.parents.append(parent)

    def nodes(self) -> list[Node]:
        text = cache(self._text)
        return [
            node_of(text(node), found.reference, found.names, tuple(map(text, found.parents)), self.session.namespaces)
            for node, found in self.found.items()
        ]

    def _text(self, node: WireNodeId) -> str:
        return node.to_text(self.session.namespaces)


def node_of(
    node_id: str, reference: Reference, names: Sequence[str], parents: tuple[str, ...], namespaces: Sequence[str]
) -> Node:
    """What one reference says about the node at its end."""
    return Node(
        node_id=node_id,
        path=intern(paths.join(names)),  # machines of one type have these words in common
        browse_name=intern(reference.browse_name.to_text(namespaces)),
        display_name=intern(reference.display_name.text or reference.browse_name.name),
        node_class=NODE_CLASSES.get(reference.node_class, str(reference.node_class)),
        type_definition=_type_text(reference.type_definition, namespaces),
        parents=parents,
        is_property=reference.reference_type == _HAS_PROPERTY,
    )


def is_index(session: Session, node: WireNodeId) -> bool:
    """Whether a node only lists others that stand elsewhere."""
    return isinstance(node.identifier, int) and node.to_text(session.namespaces) in _INDEXES


def local(node: WireNodeId, namespaces: Sequence[str]) -> WireNodeId | None:
    """An ExpandedNodeId as a NodeId of this server; None when it is of another server or of an unknown namespace."""
    if node.server:
        return None
    if not node.uri:
        return node if node.uri is None else WireNodeId(node.namespace, node.identifier)
    return WireNodeId(namespaces.index(node.uri), node.identifier) if node.uri in namespaces else None


def _type_text(type_definition: WireNodeId, namespaces: Sequence[str]) -> str | None:
    is_null = type_definition.namespace == 0 and type_definition.identifier in (0, "", b"")
    return None if is_null and type_definition.uri is None else intern(type_definition.to_text(namespaces))


async def browse_all(
    session: Session,
    nodes: Sequence[WireNodeId],
    *,
    reference_type: bytes = HIERARCHICAL_REFERENCES,
    inverse: bool = False,
    go_on: bool = False,
) -> list[BrowseResult]:
    """All references of each node: one complete result per node, in order, with the node's status.

    Args:
        go_on: a node whose references do not come in time has the status BadTimeout, and is no error.
    """
    encoded = [requests.encode_node_id(node.namespace, node.identifier) for node in nodes]
    size = session.limits.chunk(session.limits.max_nodes_per_browse)

    def request(part: Sequence[bytes]) -> requests.RawRequest:
        return requests.browse(
            part, reference_type=reference_type, max_references=REFERENCES_PER_ANSWER, inverse=inverse
        )

    def decode(body: bytes, part: Sequence[bytes]) -> list[BrowseResult]:
        return batch.matched(parse_browse_response(body), len(part))

    given_up = _given_up if go_on else None
    results = await batch.run(session, encoded, size, request, decode, unanswered=given_up)
    await _continue(session, results, size, go_on=go_on)
    for index, result in enumerate(results):
        if result.status in _CUT_SHORT:
            alone = await batch.run(session, [encoded[index]], 1, request, decode, unanswered=given_up)
            await _continue(session, alone, size, go_on=go_on)
            results[index] = alone[0]
    return results


def _given_up(_: object) -> BrowseResult:
    return BrowseResult(_TIMEOUT, b"", [])


async def _continue(session: Session, results: list[BrowseResult], size: int, *, go_on: bool) -> None:
    """Fetch what did not fit into the first answers and append it to their references."""
    waiting = [(index, result.continuation) for index, result in enumerate(results) if result.continuation]
    empty = 0
    while waiting:
        answers = await batch.run(
            session,
            [point for _, point in waiting],
            size,
            requests.browse_next,
            lambda body, part: batch.matched(parse_browse_response(body), len(part)),
            unanswered=_given_up if go_on else None,
        )
        empty = 0 if any(answer.references for answer in answers) else empty + 1
        if empty > _EMPTY_ANSWERS:
            raise MalformedMessage(f"{session.url} keeps promising more references and sends none")
        following = []
        for (index, _), answer in zip(waiting, answers, strict=True):
            results[index].references.extend(answer.references)
            if answer.continuation:
                following.append((index, answer.continuation))
            elif answer.status >> 31:
                results[index] = results[index]._replace(status=answer.status)
        waiting = following
