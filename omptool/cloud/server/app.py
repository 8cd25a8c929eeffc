"""The HTTP surface of the cloud API: routes, what they take and what they answer.

Nothing here runs SQL, opens a socket or prints: statements go to a worker pool, rows are rendered by whoever makes the
application, and faults go to its `report`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from pathlib import Path
from typing import Annotated, Any, Protocol

import pyarrow as pa
from fastapi import FastAPI, Header, Query, Request, Response
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.exceptions import HTTPException

from omptool import __version__
from omptool.cloud.server.accept import choose
from omptool.cloud.server.guard import Guard, check_values, too_large
from omptool.cloud.server.job import Catalog, Job
from omptool.cloud.server.models import (
    MAX_WAIT_S,
    Column,
    Health,
    Plant,
    StatementRequest,
    StatementStatus,
    Table,
    Tables,
)
from omptool.cloud.server.problems import ApiError, of_statement, problem_response, refuse
from omptool.cloud.server.statements import Run, Statement
from omptool.cloud.server.store import StatementStore
from omptool.errors import OmptoolError
from omptool.lake.table import stored_plant

VERSION = "1"
"""Of the API; the 1 of /v1/."""

ARROW = "application/vnd.apache.arrow.stream"


class _StatementId(StringConvertor):
    regex = "[^/:]+"  # what follows a colon is a verb


register_url_convertor("statement", _StatementId())


class _Route(APIRoute):
    """Looks at a body before anybody reads it as JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_checked(request: Request) -> Response:
            check_values(await request.body())
            return await handle(request)

        return handle_checked


Renderer = Callable[[pa.Table, int], bytes]
"""Rows of a chunk and its number → the bytes of another format."""


class Pool(Protocol):
    """What runs statements; see `pool.WorkerPool`."""

    def submit(self, job: Job) -> Run: ...
    async def tables(self) -> Catalog: ...


def create_app(
    lake: Path,
    token: str,
    pool: Pool,
    renderers: Mapping[str, Renderer],
    *,
    store: StatementStore | None = None,
    report: Callable[[BaseException], None] = lambda _: None,
) -> FastAPI:
    """The application over one lake.

    Args:
        token: what clients must send.
        renderers: media type → writer, besides Arrow.
        store: where statements are kept; it is opened and closed with the application.
        report: gets every fault of the server, for its log; clients are told nothing of it.
    """
    statements = StatementStore(report=report) if store is None else store

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with statements:
            yield

    app = FastAPI(
        title="omptool cloud API",
        version=VERSION,
        lifespan=lifespan,
        openapi_url=None,  # the contract is a file; pages that show it would load scripts from elsewhere
        redirect_slashes=False,
    )
    app.router.route_class = _Route
    app.add_middleware(Guard, token=token)
    _explain_errors(app, report)
    _describe(app, lake, pool)
    _answer(app, pool, statements)
    _deliver(app, statements, renderers)
    return app


def _explain_errors(app: FastAPI, report: Callable[[BaseException], None]) -> None:
    @app.exception_handler(ApiError)
    async def refused(_: Request, error: ApiError) -> Response:
        return problem_response(error)

    @app.exception_handler(OmptoolError)
    async def failed(_: Request, error: OmptoolError) -> Response:
        return problem_response(ApiError(of_statement(error)))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return problem_response(refuse("invalid-request", 400, *_why(error)))

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        return problem_response(_of_status(error))

    @app.exception_handler(Exception)
    async def fault(_: Request, error: Exception) -> Response:
        report(error)
        return problem_response(refuse("internal", 500, "the server has a fault", "its log says more"))


def _why(error: RequestValidationError) -> tuple[str, str]:
    """The first thing that is wrong, and how many more there are; never what was sent."""
    found = error.errors()
    first = found[0]
    if first["type"] == "json_invalid":
        return "the body is no JSON", "send a JSON object with Content-Type: application/json"
    where = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
    message = str(first["msg"]).removeprefix("Value error, ")
    more = f"; {len(found) - 1} more" if len(found) > 1 else ""
    return f"{where[:200]}: {message[:500]}{more}", "docs/reference/http-api.md describes every request"


def _of_status(error: HTTPException) -> ApiError:
    headers = dict(error.headers or {})
    if error.status_code == 404:
        return refuse("not-found", 404, "there is no such path", "all paths begin with /v1/", headers)
    if error.status_code == 405:
        allowed = headers.get("Allow", headers.get("allow", ""))
        return refuse("invalid-request", 405, "the path does not take this method", f"it takes {allowed}", headers)
    if error.status_code == 413:
        return too_large()
    return refuse("invalid-request", error.status_code, "the body cannot be read", "send a JSON object", headers)


def _describe(app: FastAPI, lake: Path, pool: Pool) -> None:
    @app.get("/v1/health", tags=["catalog"], summary="Say that the server answers")
    async def health() -> Health:
        return Health(version=__version__)

    @app.get("/v1/tables", tags=["catalog"], summary="List the tables that statements may name")
    async def tables() -> Tables:
        catalog = await pool.tables()
        return Tables(
            tables=[
                Table(name=name, columns=[Column(name=column, type=kind) for column, kind in columns])
                for name, columns in catalog.tables.items()
            ],
            lake_version=dict(catalog.versions),
        )

    @app.get("/v1/plant", tags=["catalog"], summary="Get the plant model of the lake")
    async def plant() -> Plant:
        model = await asyncio.to_thread(stored_plant, lake)
        return Plant(plant=None if model is None else tomllib.loads(model.text))


IdPath = Annotated[str, InPath(description="Id of a statement.")]
WaitQuery = Annotated[
    float, Query(ge=0, le=MAX_WAIT_S, allow_inf_nan=False, description="Seconds to wait for news before answering.")
]
SeenQuery = Annotated[
    int | None,
    Query(ge=0, le=2**31, description="Chunks that the client knows: more of them are news. Default: the end only."),
]
KeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[!-~]+$",
        description="The same key with the same request is the same statement, however often it is sent.",
    ),
]


def _answer(app: FastAPI, pool: Pool, statements: StatementStore) -> None:
    @app.post("/v1/statements", tags=["statements"], summary="Submit a statement")
    async def submit(
        request: Request, response: Response, asked: StatementRequest, key: KeyHeader = None
    ) -> StatementStatus:
        digest = hashlib.sha256(asked.model_dump_json(exclude={"wait_timeout"}).encode()).digest()
        statement = statements.known(key, digest) if key is not None else None
        if statement is None:
            statement = statements.submit(lambda: pool.submit(_job(asked)), key, digest)
        is_there = await _while_connected(request, statement.wait(asked.wait_timeout))
        if not is_there and key is None:
            await statements.cancel(statement)  # nobody was told its id, nobody can come back
        return _status(statement, response)

    @app.get("/v1/statements/{id:statement}", tags=["statements"], summary="Ask how far a statement is")
    async def poll(
        request: Request, response: Response, id: IdPath, wait: WaitQuery = 0, seen: SeenQuery = None
    ) -> StatementStatus:
        statement = statements.get(id)
        await _while_connected(request, statement.wait(wait, beyond=seen))
        return _status(statement, response)

    @app.post("/v1/statements/{id:statement}:cancel", tags=["statements"], summary="Stop a statement")
    async def cancel(id: IdPath) -> StatementStatus:
        statement = statements.get(id)
        await statements.cancel(statement)
        return statement.status()


def _deliver(app: FastAPI, statements: StatementStore, renderers: Mapping[str, Renderer]) -> None:
    @app.get(
        "/v1/statements/{id:statement}/chunks/{n}", tags=["statements"], summary="Fetch rows", response_class=Response
    )
    async def chunk(
        id: IdPath,
        n: Annotated[int, InPath(ge=0, le=2**31, description="Number of a chunk, from 0.")],
        accept: Annotated[str | None, Header(include_in_schema=False)] = None,
    ) -> Response:
        media_type = choose(accept, [ARROW, *renderers])
        if media_type is None:
            hint = f"Accept: {', '.join([ARROW, *renderers])}"
            raise refuse("invalid-request", 406, "rows are not written in a type that is accepted", hint)
        data = await statements.get(id).chunk(n)
        if media_type != ARROW:
            data = await asyncio.to_thread(_rendered, renderers[media_type], data, n)
        return Response(data, headers={"Content-Type": media_type, "Vary": "Accept"})


def _rendered(renderer: Renderer, ipc: bytes, number: int) -> bytes:
    with pa.ipc.open_stream(ipc) as reader:
        return renderer(reader.read_all(), number)


def _job(asked: StatementRequest) -> Job:
    parameters = {name: sent.bound() for name, sent in asked.parameters.items()}
    return Job(asked.statement, parameters, asked.tz, asked.repeatable, asked.byte_limit)


def _status(statement: Statement, response: Response) -> StatementStatus:
    if not statement.has_ended:
        response.status_code = 202
        response.headers["Retry-After"] = "1"
    response.headers["Operation-Location"] = f"/v1/statements/{statement.id}"
    return statement.status()


async def _while_connected(request: Request, work: Awaitable[None]) -> bool:
    """Do `work`, but stop when the client goes away; whether it is still there."""
    doing = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_disconnected(request))
    try:
        await asyncio.wait({doing, gone}, return_when=asyncio.FIRST_COMPLETED)
        return doing.done()
    finally:
        doing.cancel()
        gone.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
