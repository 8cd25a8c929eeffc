"""What goes wrong, as RFC 9457 problem documents: one shape for every answer that is no success.

A problem says what a person can act on (`title`, `detail`, `hint`) and never how the server is built.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from omptool import errors

MEDIA_TYPE = "application/problem+json"

Kind = Literal[
    "unauthorized",
    "not-found",
    "invalid-request",
    "statement-refused",
    "statement-failed",
    "statement-timeout",
    "result-too-large",
    "too-busy",
    "conflict",
    "internal",
]

_PREFIX = "urn:omptool:problem:"

TITLES: dict[Kind, str] = {
    "unauthorized": "the token is missing or wrong",
    "not-found": "there is nothing here",
    "invalid-request": "the request is not as the API wants it",
    "statement-refused": "the statement was refused",
    "statement-failed": "the statement failed",
    "statement-timeout": "the statement ran too long",
    "result-too-large": "the result is too large",
    "too-busy": "the server is busy",
    "conflict": "the request contradicts an earlier one",
    "internal": "the server has a fault",
}
"""Every kind of problem, and what a person reads first."""


class Problem(BaseModel):
    """An RFC 9457 problem; `type` is stable, the sentences are for people."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(
        pattern=f"^{_PREFIX}({'|'.join(TITLES)})$", description="What kind of problem, for programs; never changes."
    )
    title: str = Field(description="The kind in words.")
    status: int = Field(ge=400, le=599, description="HTTP status of this problem.")
    detail: str = Field(description="What happened and why, one line.")
    hint: str = Field(description="What to do next; may be empty, may have several lines.")


class ApiError(Exception):
    """A problem on its way to the client, with the headers that go with it."""

    def __init__(self, problem: Problem, headers: dict[str, str] | None = None) -> None:
        super().__init__(problem.detail)
        self.problem = problem
        self.headers = headers or {}


def problem(kind: Kind, status: int, detail: str, hint: str = "") -> Problem:
    """A problem of a kind."""
    return Problem(type=_PREFIX + kind, title=TITLES[kind], status=status, detail=_text(detail), hint=_text(hint))


def refuse(kind: Kind, status: int, detail: str, hint: str = "", headers: dict[str, str] | None = None) -> ApiError:
    """The exception for a problem."""
    return ApiError(problem(kind, status, detail, hint), headers)


def problem_response(error: ApiError) -> Response:
    """The answer that carries a problem."""
    return Response(
        error.problem.model_dump_json(), status_code=error.problem.status, media_type=MEDIA_TYPE, headers=error.headers
    )


def of_statement(error: errors.OmptoolError) -> Problem:
    """Why a statement has no result; message and hint are those that a local engine gives."""
    if isinstance(error, errors.StatementTimeout):
        return problem("statement-timeout", 504, error.message, error.hint)
    if isinstance(error, errors.ResultTooLarge):
        return problem("result-too-large", 413, error.message, error.hint)
    if isinstance(error, errors.UsageError):
        return problem("invalid-request", 400, error.message, error.hint)
    if isinstance(error, errors.QueryError):
        return problem("statement-refused", 400, error.message, error.hint)
    if isinstance(error, errors.Busy):
        return problem("too-busy", 503, error.message, error.hint)
    return problem("statement-failed", 500, error.message, error.hint)


def _text(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()  # a lone surrogate is no UTF-8
