"""What every request passes before it is looked at: who may ask, through which name, and how much may be sent.

An ASGI layer around the whole application, so that no route can be forgotten.
"""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import re
from collections.abc import Awaitable, Callable, MutableMapping
from hashlib import sha256
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from omptool.cloud.server.problems import ApiError, problem_response, refuse

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_LIMIT = 8 << 20
"""Bytes of a request: a statement of the allowed length, every character escaped, and its parameters."""
VALUES_LIMIT = 50_000
"""Values in a request, most of them in lists: eight megabytes of nothing but `0,` would take a minute to check."""
OPEN = frozenset({"/v1/health"})
"""What needs no token."""
HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""Names of this computer: a web page that bends its own name to 127.0.0.1 (DNS rebinding) comes with another one."""

_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_DRAIN_BYTES = 64 << 20
_DRAIN_S = 2.0
_ALWAYS = [(b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")]


class Guard:
    """Lets a request through, or answers with a problem."""

    def __init__(self, app: Application, token: str) -> None:
        self._app = app
        self._digest = _digest(token.encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def marked(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *_ALWAYS]
            await send(message)

        try:
            self._check(scope, Headers(scope=scope))
        except ApiError as error:
            if error.problem.status == 413:
                await _drain(receive)
            await problem_response(error)(scope, receive, marked)
            return
        await self._app(scope, _bounded(receive), marked)

    def _check(self, scope: Scope, headers: Headers) -> None:
        host = headers.get("host", "").lower()
        name = host.rpartition(":")[0] if not host.endswith("]") and ":" in host else host
        if name not in HOSTS:
            detail = "the Host header names another computer"
            raise refuse("invalid-request", 421, detail, f"ask for {', '.join(sorted(HOSTS))}")
        if scope["path"] not in OPEN:
            self._check_token(headers)
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length[:20]) > BODY_LIMIT:
            raise too_large()

    def _check_token(self, headers: Headers) -> None:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(_digest(given.strip().encode("latin-1")), self._digest):
            return
        detail = "the token is wrong" if scheme else "the request carries no token"
        hint = "send Authorization: Bearer TOKEN with the token of the server's token file"
        raise refuse("unauthorized", 401, detail, hint, {"WWW-Authenticate": 'Bearer realm="omptool"'})


def check_values(body: bytes) -> None:
    """Refuse JSON of so many values that reading them would keep the server from answering anybody else.

    Raises:
        ApiError: more than `VALUES_LIMIT`.
    """
    if body.count(b",") < VALUES_LIMIT:
        return  # as nearly always
    if _STRINGS.sub(b"", body).count(b",") >= VALUES_LIMIT:
        detail, hint = f"the request holds more than {VALUES_LIMIT} values", "send fewer parameters, or shorter lists"
        raise refuse("invalid-request", 413, detail, hint)


def too_large() -> ApiError:
    """The problem of a request with too long a body."""
    detail, hint = f"the request is longer than {BODY_LIMIT >> 20} MiB", "send a shorter statement or fewer parameters"
    return refuse("invalid-request", 413, detail, hint, {"Connection": "close"})


def _bounded(receive: Receive) -> Receive:
    """The same, for bodies that do not say their length."""
    size = 0

    async def counted() -> MutableMapping[str, Any]:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > BODY_LIMIT:
            await _drain(receive)
            raise HTTPException(413)
        return message

    return counted


async def _drain(receive: Receive) -> None:
    """Read on for a while: a client that is still sending would see a reset connection and no answer."""
    size = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_S):
            while size < _DRAIN_BYTES:
                message = await receive()
                size += len(message.get("body", b""))
                if not message.get("more_body"):
                    return


def _digest(text: bytes) -> bytes:
    """So that the comparison takes as long for a token of another length."""
    return sha256(text).digest()
