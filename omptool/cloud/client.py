"""The cloud API as an `Engine`: the same statements, the same batches, the same errors as in this process.

Rows arrive while the statement still runs. Whatever ends the reading early – Ctrl-C, a closed pipe, an error – stops
the statement on the server too.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

import pyarrow as pa

from omptool.cloud import wire
from omptool.cloud.client_http import Http
from omptool.cloud.client_statement import SUBMIT_WAIT_S, Statement
from omptool.cloud.client_token import read_token
from omptool.config import CloudConfig
from omptool.errors import ConfigError, QueryError, UsageError
from omptool.model.plant import PlantModel


class CloudEngine:
    """A lake behind a cloud API. A context manager; one statement at a time."""

    def __init__(self, cloud: CloudConfig, *, tz: str | None = None, repeatable: bool = False) -> None:
        """Nothing is sent yet.

        Args:
            tz: time zone of the SQL session; default UTC.
            repeatable: the same bytes on every run, see `sql.engine.LocalEngine`.

        Raises:
            NotFound, ConfigError: the token file cannot be used.
        """
        self._http = Http(cloud, read_token(cloud))
        self._tz = tz
        self._repeatable = repeatable
        self._statements: list[Statement] = []
        self._seen: Mapping[str, int] | None = None
        self._has_moved = False

    def __enter__(self) -> CloudEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop what still runs on the server and let the connection go."""
        try:
            self.cancel()
        finally:
            self._http.close()

    def cancel(self) -> None:
        for statement in self._statements:
            statement.cancel()

    def run(self, statement: str, parameters: Mapping[str, object] | None = None) -> pa.RecordBatchReader:
        body = self._body(statement, parameters or {})
        self._statements = [running for running in self._statements if not running.ended]
        running = Statement(self._http, body)
        self._statements.append(running)
        try:
            running.submit()
            chunks = running.chunks()
            first = next(chunks)
        except BaseException:
            running.cancel()
            raise
        self._note_version(running)
        return pa.RecordBatchReader.from_batches(first.schema, running.batches(first, chunks))

    def moved(self) -> bool:
        """Whether statements since the last call saw different versions of the lake: somebody wrote to it."""
        moved, self._has_moved, self._seen = self._has_moved, False, None
        return moved

    def _note_version(self, statement: Statement) -> None:
        version = statement.lake_version
        if version is not None:
            self._has_moved |= self._seen not in (None, version)
            self._seen = version

    def plant(self) -> PlantModel | None:
        """The plant model that the lake was made with.

        Raises:
            OmptoolError: the server cannot be reached, or sends something else.
        """
        found = self._http.ask("GET", "/v1/plant")
        if not isinstance(found, dict) or not isinstance(found.get("plant"), dict | None):
            raise self._http.stranger("/v1/plant has no plant")
        if found.get("plant") is None:
            return None
        try:
            return PlantModel.of(found["plant"], f"plant model of cloud {self._http.cloud.name}")
        except ConfigError as error:
            raise self._http.stranger(error.message) from None

    def _body(self, statement: str, parameters: Mapping[str, object]) -> dict[str, Any]:
        if not statement.strip():
            raise UsageError("the statement is empty", 'example: omptool query "from telemetry limit 10" --cloud NAME')
        if len(statement) > wire.MAX_STATEMENT:
            raise QueryError(
                f"the statement has {len(statement)} characters, a cloud takes {wire.MAX_STATEMENT}",
                "give long lists as --param NAME:list=…",
            )
        bound = {name: wire.encode(value) for name, value in parameters.items()}
        texts = [statement, *(item for value in bound.values() for item in _texts(value["value"]))]
        try:
            for text in texts:
                text.encode()
        except UnicodeEncodeError:
            raise QueryError("the statement or a parameter is not UTF-8 text") from None
        return {
            "statement": statement,
            "parameters": bound,
            "tz": self._tz,
            "repeatable": self._repeatable,
            "wait_timeout": SUBMIT_WAIT_S,
        }


def _texts(value: object) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str)]
