"""One HTTP request to the cloud API and its bounded answer; what failed is tried again where that can help.

The token goes to the configured url only: redirects are not followed, and traffic to this computer passes no proxy. An
answer is hostile input: its size is bounded while it is read, and it is never decompressed.
"""

from __future__ import annotations

import json
import random
import ssl
import time
from collections.abc import Mapping
from typing import Any, Final

from omptool import __version__
from omptool.cloud import client_problems as problems
from omptool.cloud.client_httpx import httpx
from omptool.config import CloudConfig
from omptool.errors import ConfigError, OmptoolError, ServerRefused, Unreachable

JSON_LIMIT: Final = 8 << 20
_ERROR_LIMIT: Final = 64 << 10
_LONGEST_S: Final = 600.0
"""An answer that trickles in more slowly than that is none."""
_TRIES: Final = 5
_FIRST_PAUSE_S: Final = 0.1
_PASSING = frozenset({500, 502, 503, 504})
"""What a server or the proxy before it says while it restarts."""


class Lost(Exception):
    """An answer that was cut short or passed over: worth another try; never leaves the client."""


class Http:
    """A connection to the server of a `[cloud.NAME]` table."""

    def __init__(self, cloud: CloudConfig, token: str) -> None:
        self.cloud = cloud
        self._answered = False
        secure = cloud.url.lower().startswith("https:")
        try:
            self._client = httpx.Client(
                headers={
                    "Authorization": f"Bearer {token}",
                    "User-Agent": f"omptool/{__version__}",
                    "Accept-Encoding": "identity",
                },
                # the system's authorities, so that a plant's own one counts; plain http needs none
                verify=ssl.create_default_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
                trust_env=not cloud.is_local,
                follow_redirects=False,
                timeout=cloud.timeout_s,
            )
        except (ImportError, ValueError, httpx.InvalidURL) as error:
            what = f"the proxy that the environment names cannot be used: {str(error)[:200]}"
            raise ConfigError(what, "HTTPS_PROXY=http://HOST:PORT names one; NO_PROXY the hosts without") from None

    def close(self) -> None:
        self._client.close()

    def ask(self, method: str, path: str, *, body: Any = None, key: str | None = None, wait_s: float = 0) -> Any:
        """A JSON answer.

        Args:
            body: of the request, as JSON.
            key: Idempotency-Key, without which a POST could count twice.
            wait_s: how long the server may take because it was asked to wait.

        Raises:
            OmptoolError: as the server's problem says, or Unreachable when it cannot be reached.
        """
        headers = {"Accept": "application/json"}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = _encoded(body)
        if key is not None:
            headers["Idempotency-Key"] = key
        answer = self._patiently(method, path, content, headers, JSON_LIMIT, wait_s)
        try:
            return json.loads(answer)
        except (ValueError, RecursionError):
            raise self.stranger(f"{path} is no JSON") from None

    def fetch(self, path: str, media_type: str, limit: int) -> bytes:
        """The bytes of an answer of a media type; one try, as the caller knows better whether they are whole.

        Raises:
            Lost: another try may help.
        """
        return self._once("GET", path, None, {"Accept": media_type}, limit, 0)

    def once(self, method: str, path: str, *, timeout_s: float, body: Any = None, key: str | None = None) -> Any:
        """A JSON answer or None: for farewells, which must not take long and must not fail."""
        headers = {"Accept": "application/json"} | ({"Idempotency-Key": key} if key else {})
        try:
            answer = self._client.request(
                method,
                self.cloud.url + path,
                content=None if body is None else _encoded(body),
                headers=headers | ({"Content-Type": "application/json"} if body is not None else {}),
                timeout=timeout_s,
            )
            return answer.json() if len(answer.content) <= JSON_LIMIT else None
        except (httpx.HTTPError, ValueError, RecursionError):
            return None

    def again(self, attempt: int, lost: Lost) -> None:
        """Wait before another try, longer each time.

        Raises:
            Unreachable: these were enough.
        """
        if attempt + 1 >= _TRIES:
            raise self._away(str(lost)) from None
        time.sleep(_FIRST_PAUSE_S * 2**attempt * random.uniform(0.75, 1.25))  # spreads clients out

    def stranger(self, what: str) -> OmptoolError:
        """An answer that no cloud API gives."""
        return problems.stranger(self.cloud.name, self.cloud.url, what)

    def _patiently(
        self, method: str, path: str, content: bytes | None, headers: Mapping[str, str], limit: int, wait_s: float
    ) -> bytes:
        attempt = 0
        while True:
            try:
                return self._once(method, path, content, headers, limit, wait_s)
            except Lost as lost:
                self.again(attempt, lost)
                attempt += 1

    def _once(
        self, method: str, path: str, content: bytes | None, headers: Mapping[str, str], limit: int, wait_s: float
    ) -> bytes:
        timeout = httpx.Timeout(self.cloud.timeout_s, read=self.cloud.timeout_s + wait_s)
        try:
            with self._client.stream(
                method, self.cloud.url + path, content=content, headers=headers, timeout=timeout
            ) as answer:
                self._answered = True
                return self._checked(path, headers["Accept"], answer, limit)
        except httpx.TransportError as error:
            self._refuse_certificate(error)
            if not self._answered:  # never there: waiting for it is the user's decision
                raise self._away(_reason(error)) from None
            raise Lost(_reason(error)) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise self.stranger(str(error)[:200]) from None

    def _checked(self, path: str, media_type: str, answer: httpx.Response, limit: int) -> bytes:
        status, name = answer.status_code, self.cloud.name
        if answer.is_success:
            given = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
            if given != media_type or answer.headers.get("content-encoding", "identity") != "identity":
                raise self.stranger(f"{path} is {given[:100] or 'of no type'}, not {media_type}")
            return self._bounded(answer, limit)
        if answer.is_redirect or 300 <= status < 400:
            raise problems.redirected(name, status, answer.headers.get("location", ""))
        problem = problems.of_body(self._bounded(answer, _ERROR_LIMIT))
        if status in (401, 403):
            raise problems.refused(name, status, problem)
        if problem is not None and problem.kind != "internal":
            raise problem.error()
        if status in _PASSING:
            raise Lost(f"it answers {status} {answer.reason_phrase}"[:100])
        raise self.stranger(f"{path} gives {status} {answer.reason_phrase}"[:200])

    def _bounded(self, answer: httpx.Response, limit: int) -> bytes:
        deadline = time.monotonic() + _LONGEST_S
        parts, size = [], 0
        for part in answer.iter_raw():
            size += len(part)
            if size > limit:
                raise self.stranger(f"an answer of more than {limit >> 10} KiB")
            if time.monotonic() > deadline:
                raise Lost(f"no whole answer in {_LONGEST_S:g} s")
            parts.append(part)
        return b"".join(parts)

    def _away(self, reason: str) -> Unreachable:
        where, name = f"{self.cloud.name} ({self.cloud.url})", self.cloud.name
        if self._answered:
            return Unreachable(f"cloud {where} is gone: {reason}", "the statement was not answered; run it again")
        start = "is it running? omptool cloud serve --lake LAKE" if self.cloud.is_local else "is the address right?"
        return Unreachable(f"cannot reach cloud {where}: {reason}", f"{start}\nsee [cloud.{name}] in omptool.toml")

    def _refuse_certificate(self, error: BaseException) -> None:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                raise ServerRefused(
                    f"the certificate of {self.cloud.url} is not trusted: {cause.verify_message}",
                    "SSL_CERT_FILE=FILE names the authorities of your plant",
                ) from None
            cause = cause.__cause__ or cause.__context__


def _encoded(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, allow_nan=False).encode()


def _reason(error: BaseException) -> str:
    """What the operating system said; httpx wraps it in layers."""
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        cause = cause.__cause__ or cause.__context__
    return (str(error) or type(error).__name__).lower()[:200]
