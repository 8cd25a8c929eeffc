"""Chunks of a cloud result as JSON and CSV: the same writers as for files, so that the same rows are the same bytes."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


def _json(rows: pa.Table, _: int) -> bytes:
    return _written("json", rows)


def _csv(rows: pa.Table, number: int) -> bytes:
    """The header stands in the first chunk only, so that all chunks together are one file."""
    data = _written("csv", rows)
    return data[len(_written("csv", rows.slice(0, 0))) :] if number else data


def _written(format: str, rows: pa.Table) -> bytes:
    from omptool.cli.render_text import WRITERS

    stream = io.BytesIO()
    WRITERS[format](rows, stream)
    return stream.getvalue()


RENDERERS: dict[str, Callable[[pa.Table, int], bytes]] = {"application/json": _json, "text/csv": _csv}
"""By media type."""
