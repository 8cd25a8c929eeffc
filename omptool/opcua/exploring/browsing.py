"""All references of given nodes: Browse in batches, BrowseNext until done, within what the server can keep open.

Knows nothing of trees: which nodes to ask about is for `crawl`, `around`, `type_tree` and others.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from omptool.errors import MalformedMessage, OmptoolError
from omptool.model import status
from omptool.opcua import batch, requests
from omptool.protocol.browse import BrowseResult, Reference, parse_browse_response
from omptool.protocol.wire import WireNodeId

if TYPE_CHECKING:
    from omptool.opcua.session import Session

REFERENCES_PER_ANSWER = 10_000
"""Per node: a folder with 100,000 children comes in ten answers of about a megabyte, not in one that times out."""

HIERARCHICAL_REFERENCES = requests.encode_node_id(0, 33)

CUT_SHORT = frozenset(status.code_of(name) for name in ("BadNoContinuationPoints", "BadContinuationPointInvalid"))
"""A server with few continuation points refuses more, or drops the oldest."""
TOO_MANY = status.code_of("BadTooManyMatches")
"""StatusCode of nodes below which nobody looks on, because a server that makes up nodes for ever would never end."""
MOST_REFERENCES = 2_000_000
"""Of one node."""
_TIMEOUT = status.code_of("BadTimeout")

_EMPTY_ANSWERS = 20
"""BrowseNext may come back empty when a server ran out of time; one that does so for ever would hold us for ever."""


def local(node: WireNodeId, namespaces: Sequence[str]) -> WireNodeId | None:
    """An ExpandedNodeId as a NodeId of this server; None when it is of another server or of an unknown namespace."""
    if node.server:
        return None
    if not node.uri:
        return node if node.uri is None else WireNodeId(node.namespace, node.identifier)
    return WireNodeId(namespaces.index(node.uri), node.identifier) if node.uri in namespaces else None


async def browse_all(
    session: Session,
    nodes: Sequence[WireNodeId],
    *,
    reference_type: bytes = HIERARCHICAL_REFERENCES,
    inverse: bool = False,
) -> list[BrowseResult]:
    """All references of each node: one complete result per node, in order, with the node's status."""
    encoded = [requests.encode_node_id(node.namespace, node.identifier) for node in nodes]
    return await browse_encoded(session, encoded, reference_type=reference_type, inverse=inverse)


async def browse_encoded(
    session: Session,
    nodes: Sequence[bytes],
    *,
    reference_type: bytes = HIERARCHICAL_REFERENCES,
    inverse: bool = False,
    go_on: bool = False,
    is_alone: bool = True,
    pace: batch.Pace | None = None,
) -> list[BrowseResult]:
    """`browse_all` for NodeIds as bytes.

    Args:
        go_on: a node whose references do not come in time has the status BadTimeout, and is no error.
        is_alone: ask again what was cut short for want of continuation points; not where other requests, under way at
            the same time, take them: then the status stays in `CUT_SHORT`.
        pace: of earlier calls.
    """
    size = session.limits.chunk(session.limits.max_nodes_per_browse)

    def request(part: Sequence[bytes]) -> requests.RawRequest:
        return requests.browse(
            part, reference_type=reference_type, max_references=REFERENCES_PER_ANSWER, inverse=inverse
        )

    given_up = _given_up if go_on else None
    results = await batch.run(session, nodes, size, request, _decode, unanswered=given_up, pace=pace)
    await _continue(session, results, size, go_on=go_on)
    for index, result in enumerate(results):
        if is_alone and result.status in CUT_SHORT:
            alone = await batch.run(session, [nodes[index]], 1, request, _decode, unanswered=given_up)
            await _continue(session, alone, size, go_on=go_on)
            results[index] = alone[0]
    return results


def _decode(body: bytes, part: Sequence[bytes]) -> list[BrowseResult]:
    return batch.matched(parse_browse_response(body), len(part))


def _given_up(_: object) -> BrowseResult:
    return BrowseResult(_TIMEOUT, b"", ())


async def _continue(session: Session, results: list[BrowseResult], size: int, *, go_on: bool) -> None:
    """Fetch what did not fit into the first answers and put it behind their references."""
    waiting = [(index, result.continuation) for index, result in enumerate(results) if result.continuation]
    whole: dict[int, list[Reference]] = {index: list(results[index].references) for index, _ in waiting}
    empty = 0
    while waiting:
        answers = await batch.run(
            session,
            [point for _, point in waiting],
            size,
            requests.browse_next,
            _decode,
            unanswered=_given_up if go_on else None,
        )
        empty = 0 if any(answer.references for answer in answers) else empty + 1
        if empty > _EMPTY_ANSWERS:
            raise MalformedMessage(f"{session.url} keeps promising more references and sends none")
        following = []
        for (index, _), answer in zip(waiting, answers, strict=True):
            whole[index] += answer.references
            if answer.continuation and len(whole[index]) >= MOST_REFERENCES:
                results[index] = results[index]._replace(status=TOO_MANY)
                await _release(session, answer.continuation)
            elif answer.continuation:
                following.append((index, answer.continuation))
            elif answer.status >> 31:
                results[index] = results[index]._replace(status=answer.status)
        waiting = following
    for index, references in whole.items():
        results[index] = results[index]._replace(references=references)


async def _release(session: Session, point: bytes) -> None:
    """Give a continuation point back; a server that does not listen frees it with the session."""
    with contextlib.suppress(OmptoolError):
        await session.checked(requests.browse_next([point], release=True))
