"""Reads attributes of many nodes into columns: the same decoder as captured values, so both read alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from omptool.opcua import batch, requests
from omptool.protocol.columns import ItemColumns
from omptool.protocol.items import decode_data_values
from omptool.protocol.read import parse_read_response
from omptool.protocol.wire import WireNodeId

if TYPE_CHECKING:
    from omptool.opcua.session import Session

VALUE = 13


async def read_values(session: Session, node_ids: Sequence[str]) -> ItemColumns:
    """Current DataValues of nodes, both timestamps, one row each in the order asked; `client_handle` is the index.

    A node that cannot be read is a row with its Bad status.

    Args:
        node_ids: C1 texts.

    Raises:
        UsageError: not a NodeId, or of a namespace the server does not have.
        Unreachable, ServerRefused: the server does not answer.
    """
    items = [(WireNodeId(*session.resolve(node_id)), VALUE) for node_id in node_ids]
    return await read_columns(session, items, timestamps=requests.TIMESTAMPS_BOTH)


async def read_columns(
    session: Session, items: Sequence[tuple[WireNodeId, int]], *, timestamps: int = requests.TIMESTAMPS_NEITHER
) -> ItemColumns:
    """(node, AttributeId) pairs as columns, one row each in the order asked."""
    encoded = [(requests.encode_node_id(node.namespace, node.identifier), attribute) for node, attribute in items]

    def decode(body: bytes, part: Sequence[tuple[bytes, int]]) -> list[ItemColumns]:
        count, data = parse_read_response(body)
        batch.expect(count, len(part))
        return [decode_data_values(data, count)]

    size = session.limits.chunk(session.limits.max_nodes_per_read)
    blocks = await batch.run(session, encoded, size, lambda part: requests.read(part, timestamps=timestamps), decode)
    return _joined(blocks)


def _joined(blocks: Sequence[ItemColumns]) -> ItemColumns:
    """Blocks behind each other, the handles renumbered."""
    if not blocks:
        return ItemColumns.blank(0)
    joined: dict[str, Any] = {}
    for field in fields(ItemColumns):
        parts = [getattr(block, field.name) for block in blocks]
        joined[field.name] = list(chain.from_iterable(parts)) if isinstance(parts[0], list) else np.concatenate(parts)
    columns = ItemColumns(**joined)
    columns.client_handle[:] = np.arange(len(columns))
    return columns
