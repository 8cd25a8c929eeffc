"""Looks at every node of a server and chooses what a recording takes: the errand between crawl and selection."""

from __future__ import annotations

from typing import NamedTuple

from omptool.capture.recording import Selection, ServerProgress
from omptool.capture.selection import Choice, choose, select
from omptool.model.nodes import Node
from omptool.opcua.crawl import crawl
from omptool.opcua.metadata import enrich
from omptool.opcua.session import Session


class Found(NamedTuple):
    """Every node below Objects, the Variables to monitor, and nodes (with StatusCode) that cannot be browsed."""

    nodes: list[Node]
    chosen: list[Node]
    unbrowsable: dict[str, int]


async def browse(
    session: Session, selection: Selection, progress: ServerProgress, *, is_alone: bool
) -> tuple[Found, Choice]:
    """Look at every node of a server, and choose; where it is the only one, everything asked for must be there.

    Raises:
        NotFound, UsageError: see `selection.select` and `selection.choose`.
    """
    progress.phase = "browsing"

    def count(found: int) -> None:
        progress.nodes = found

    refused: dict[str, int] = {}
    nodes = await enrich(session, await crawl(session, on_progress=count, on_problem=refused.__setitem__))
    globs, listed = selection.globs, selection.listed
    if is_alone:
        choice = Choice(select(nodes, globs=globs, listed=listed, namespaces=session.namespaces), {})
    else:
        choice = choose(nodes, globs=globs, listed=listed, namespaces=session.namespaces)
    return Found(nodes, choice.nodes, refused), choice
