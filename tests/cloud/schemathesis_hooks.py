"""What schemathesis must be told: how to read Arrow, and which statements the pool of the tests answers."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import schemathesis

ARROW = "application/vnd.apache.arrow.stream"


@schemathesis.deserializer(ARROW)
def rows(_: Any, response: Any) -> Any:
    """A chunk that is not complete raises, which is a failure."""
    return pa.ipc.open_stream(response.content).read_all().to_pylist()


@schemathesis.hook
def map_body(_: Any, body: Any) -> Any:
    """Some statements that succeed, fail or go on."""
    if not isinstance(body, dict) or not isinstance(body.get("statement"), str) or not body["statement"]:
        return body
    known = ("rows 2 1", "refuse", "rows 1 wait", "rows 0", "broken")
    statement = body["statement"]
    return body | {"statement": known[len(statement) % len(known)] if len(statement) < 1000 else statement}
