"""The contract as an OpenAPI document, made from the routes and their models.

FastAPI writes what it knows; this adds what it does not: problems, the token, the media types of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from omptool.cloud.server.models import Health, Plant, StatementRequest, StatementStatus, Tables
from omptool.cloud.server.problems import MEDIA_TYPE, Problem

_DESCRIPTION = (
    "Statements over the tables of a lake: submit, poll, fetch chunks of rows, cancel. "
    "Every answer that is no success is an RFC 9457 problem."
)
_WHEN = {
    "400": "The request is not as it must be.",
    "401": "The token is missing or wrong.",
    "404": "There is no such statement or chunk.",
    "406": "Rows are not written in an accepted type.",
    "409": "The request contradicts an earlier one, or the statement has no result.",
    "413": "The request is too long.",
    "500": "The server has a fault.",
    "503": "The server is busy; Retry-After says when to come again.",
}
_POSSIBLE = {
    ("/v1/health", "get"): (),
    ("/v1/tables", "get"): ("401", "500"),
    ("/v1/plant", "get"): ("401", "500"),
    ("/v1/statements", "post"): ("400", "401", "409", "413", "500", "503"),
    ("/v1/statements/{id}", "get"): ("400", "401", "404", "500"),
    ("/v1/statements/{id}:cancel", "post"): ("401", "404", "500"),
    ("/v1/statements/{id}/chunks/{n}", "get"): ("400", "401", "404", "406", "409", "500"),
}
_MAY_RUN = frozenset({("/v1/statements", "post"), ("/v1/statements/{id}", "get")})
_ANSWERS = (Health, Plant, Problem, StatementStatus, Tables)
_LINKS = {
    name: {"operationId": name, "parameters": {"id": "$response.body#/id"}} for name in ("poll", "cancel", "chunk")
}
_HEADERS: dict[str, Any] = {
    "Operation-Location": {"description": "Path of the statement.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds until the next try.", "schema": {"type": "integer"}},
}


def document(app: FastAPI, media_types: Sequence[str]) -> dict[str, Any]:
    """The contract of an application."""
    found = get_openapi(
        title=app.title, version=app.version, openapi_version="3.1.0", description=_DESCRIPTION, routes=app.routes
    )
    # by pydantic itself: FastAPI writes bounds as floats, and large ones would be others
    _, models = models_json_schema(
        [(StatementRequest, "validation"), *((model, "serialization") for model in _ANSWERS)],
        ref_template="#/components/schemas/{model}",
    )
    found["components"]["schemas"] = models["$defs"]
    found["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    found["security"] = [{"token": []}]
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            _complete(operation, path, method)
    rows = found["paths"]["/v1/statements/{id}/chunks/{n}"]["get"]["responses"]["200"]
    rows["description"] = "Rows. Chunks of JSON and Arrow are complete documents; those of CSV are parts of one file."
    rows["content"] = {media_type: {"schema": _rows(media_type)} for media_type in media_types}
    return found


def _complete(operation: dict[str, Any], path: str, method: str) -> None:
    operation["operationId"] = operation["operationId"].split("_v1_")[0]
    responses = operation["responses"]
    responses.pop("422", None)
    responses["200"]["description"] = "As asked."
    for status in _POSSIBLE[path, method]:
        responses[status] = {
            "description": _WHEN[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    if not _POSSIBLE[path, method]:
        operation["security"] = []
    if (path, method) in _MAY_RUN:
        ended = responses["200"]
        ended["description"] = "The statement has ended."
        ended["headers"] = {"Operation-Location": _HEADERS["Operation-Location"]}
        ended["links"] = _LINKS
        responses["202"] = {
            "description": "The statement goes on.",
            "content": ended["content"],
            "headers": _HEADERS,
            "links": _LINKS,
        }
    operation["responses"] = dict(sorted(responses.items()))


def _rows(media_type: str) -> dict[str, Any]:
    if media_type == "application/json":
        return {"type": "array", "items": {"type": "object"}}
    return {"type": "string"} if media_type.startswith("text/") else {}
