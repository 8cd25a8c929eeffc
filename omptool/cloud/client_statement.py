"""One statement on the server: submitted, followed, fetched chunk by chunk, cancelled. The server's word is checked."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pyarrow as pa

from omptool.cloud import client_chunks
from omptool.cloud import client_problems as problems
from omptool.cloud.client_chunks import Chunk
from omptool.cloud.client_http import Http, Lost
from omptool.errors import NotFound, OmptoolError, QueryError, Unreachable

SUBMIT_WAIT_S: Final = 0.5
"""Most statements are answered in that time, with one request; and Ctrl-C knows after it what to cancel."""
_LONGEST_WAIT_S: Final = 20.0
_CANCEL_S: Final = 3.0
_MOST_CHUNKS: Final = 10_000_000
_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_STATES: Final = frozenset({"queued", "running", "succeeded", "failed", "cancelled"})
_CANCELLED: Final = "the statement was cancelled"


@dataclass(frozen=True, slots=True)
class _Status:
    """A StatementStatus as far as the client needs it, checked."""

    id: str
    state: str
    chunks: int
    rows: int
    problem: problems.Problem | None
    lake_version: Mapping[str, int] | None

    @property
    def ended(self) -> bool:
        return self.state not in ("queued", "running")


class Statement:
    """One statement on the server, from its submission to its end."""

    def __init__(self, http: Http, body: Mapping[str, Any]) -> None:
        self._http = http
        self._body = body
        self._key = str(uuid.uuid4())
        self._id: str | None = None
        self._submitted = False
        self.ended = False
        """Whether there is nothing left to cancel."""

    @property
    def lake_version(self) -> Mapping[str, int] | None:
        """Version of each table of the lake that it reads; None before it runs."""
        return self._status.lake_version

    def submit(self) -> None:
        """Send it; a submission whose answer was lost is repeated under the same key, and runs once."""
        self._submitted = True
        self._status = self._checked(
            self._http.ask("POST", "/v1/statements", body=self._body, key=self._key, wait_s=SUBMIT_WAIT_S)
        )
        self._id = self._status.id

    def chunks(self) -> Iterator[Chunk]:
        """Every chunk in order, each as soon as it is there; one at least."""
        schema: pa.Schema | None = None
        number, rows = 0, 0
        while True:
            status = self._status
            self._raise_failure()
            if number < status.chunks:
                chunk = self._chunk(number)
                if schema is not None and not chunk.schema.equals(schema, check_metadata=True):
                    raise self._http.stranger(f"chunk {number} has other columns than the first")
                schema, number = chunk.schema, number + 1
                rows += sum(batch.num_rows for batch in chunk.batches)
                yield chunk
            elif status.ended:
                self.ended = True
                if schema is None or rows != status.rows:
                    raise self._http.stranger(f"{rows} rows came of the {status.rows} that it says it has")
                return
            else:
                self._poll()

    def batches(self, first: Chunk, rest: Iterator[Chunk]) -> Iterator[pa.RecordBatch]:
        """The batches of all chunks; a reader that is interrupted or let down stops the statement."""
        try:
            yield from first.batches
            for chunk in rest:
                yield from chunk.batches
        except BaseException:
            self.cancel()
            raise

    def cancel(self) -> None:
        """Stop it on the server if it may still run there; says nothing when that fails, as there is nobody to help."""
        if self.ended or not self._submitted:
            return
        self.ended = True
        if self._id is None:  # interrupted while it was submitted: the same key tells which one it became
            with contextlib.suppress(OmptoolError):
                body = {**self._body, "wait_timeout": 0}
                found = self._http.once("POST", "/v1/statements", timeout_s=_CANCEL_S, body=body, key=self._key)
                self._id = self._checked(found).id
        if self._id is not None:
            self._http.once("POST", f"/v1/statements/{self._id}:cancel", timeout_s=_CANCEL_S)

    def _raise_failure(self) -> None:
        if self._status.state not in ("failed", "cancelled"):
            return
        was_cancelled_here, self.ended = self.ended, True
        if self._status.problem is not None:
            raise self._status.problem.error()
        if was_cancelled_here:
            raise QueryError(_CANCELLED)
        raise Unreachable(
            f"cloud {self._http.cloud.name} stopped the statement",
            "it is shutting down, or somebody else did; run it again",
        )

    def _poll(self) -> None:
        """Wait for its end, or for a chunk more than those that are known."""
        before = self._status
        query = f"wait={_LONGEST_WAIT_S:g}&seen={before.chunks}"
        try:
            answer = self._http.ask("GET", f"/v1/statements/{before.id}?{query}", wait_s=_LONGEST_WAIT_S)
        except NotFound as error:
            raise self._forgotten(error) from None
        status = self._checked(answer)
        if status.id != before.id or status.chunks < before.chunks:
            raise self._http.stranger("the state of the statement goes backward")
        self._status = status

    def _chunk(self, number: int) -> Chunk:
        attempt = 0
        while True:
            try:
                return client_chunks.read(self._fetched(number))
            except client_chunks.Truncated:
                lost = Lost(f"chunk {number} ends in the middle")
            except client_chunks.NotArrow as error:
                raise self._http.stranger(f"chunk {number} is no Arrow stream: {error}") from None
            except QueryError:  # it failed after the last poll: its status says why
                self._poll()
                self._raise_failure()
                raise
            except Lost as error:
                lost = error
            self._http.again(attempt, lost)
            attempt += 1

    def _fetched(self, number: int) -> bytes:
        path = f"/v1/statements/{self._status.id}/chunks/{number}"
        try:
            return self._http.fetch(path, client_chunks.MEDIA_TYPE, client_chunks.LIMIT)
        except NotFound as error:
            raise self._forgotten(error) from None

    def _forgotten(self, error: NotFound) -> Unreachable:
        return Unreachable(
            f"cloud {self._http.cloud.name} does not know the statement any more: {error.message}",
            "the server was started anew, or the result waited too long; run it again",
        )

    def _checked(self, answer: Any) -> _Status:
        """A status that can be relied on; the server's word is not taken for any number."""
        match answer:
            case {"id": str(name), "state": str(state), "chunks": int(chunks), "rows": int(rows)} if (
                _ID.fullmatch(name) and state in _STATES and 0 <= chunks <= _MOST_CHUNKS and rows >= 0
            ):
                version = answer.get("lake_version")
                version = version if isinstance(version, dict) else None
                return _Status(name, state, chunks, rows, problems.read(answer.get("problem")), version)
        raise self._http.stranger("the status of the statement is none")
