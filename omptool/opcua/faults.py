"""What goes wrong between us and a server, turned into errors a person can act on.

Every failure has a StatusCode, an operating system error or a silence behind it; this module names the cause and the
next step. It never retries and never logs.
"""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

from omptool.errors import OmptoolError, ServerRefused, Unreachable
from omptool.model import status


class ServiceRefused(ServerRefused):
    """The server answered a request with a Bad ServiceResult.

    Attributes:
        code: the full StatusCode.
    """

    def __init__(self, message: str, hint: str, code: int) -> None:
        super().__init__(message, hint)
        self.code = code


class ServiceLost(Unreachable):
    """A StatusCode that ends the session or asks to come back later; `code` as in `ServiceRefused`."""

    def __init__(self, message: str, hint: str, code: int) -> None:
        super().__init__(message, hint)
        self.code = code


class Silent(Unreachable):
    """No answer in time, while the connection stands: a smaller request may get one."""


@dataclass(frozen=True, slots=True)
class _Advice:
    why: str
    hint: str
    retry: bool = False


_SLOW = _Advice("it did not finish in time", "try again, or give it more time with --timeout", retry=True)
_SHOW_ENDPOINTS = "see what it offers:  omptool discover {url}"
_SESSION_GONE = _Advice("the session is gone", "run the command again", retry=True)
_CERTIFICATE = _Advice("it does not accept this computer's certificate", _SHOW_ENDPOINTS)
_POLICY = _Advice("it does not accept connections without security", _SHOW_ENDPOINTS)
_ANONYMOUS = _Advice("it does not accept this user", _SHOW_ENDPOINTS)
_TOO_LARGE = _Advice("a message is larger than it allows", "")

_ADVICE: dict[str, _Advice] = {
    "BadTooManySessions": _Advice(
        "all its sessions are taken", "close another client, or wait until one of its sessions times out", retry=True
    ),
    "BadMaxConnectionsReached": _Advice("all its connections are taken", "close another client", retry=True),
    "BadTcpServerTooBusy": _Advice("it is too busy to take a connection", "try again later", retry=True),
    "BadTcpNotEnoughResources": _Advice("it lacks the resources for a connection", "try again later", retry=True),
    "BadServerTooBusy": _Advice("it is too busy", "try again later", retry=True),
    "BadServerHalted": _Advice("it is halted", "try again when it runs", retry=True),
    "BadShutdown": _Advice("it is shutting down", "try again when it runs", retry=True),
    "BadServerNotConnected": _Advice("the connection is gone", "run the command again", retry=True),
    "BadConnectionClosed": _Advice("it closed the connection", "run the command again", retry=True),
    "BadSecureChannelClosed": _Advice("it closed the secure channel", "run the command again", retry=True),
    "BadSecureChannelIdInvalid": _Advice("it no longer knows the secure channel", "run the command again", retry=True),
    "BadTimeout": _SLOW,
    "BadRequestTimeout": _SLOW,
    "BadSessionIdInvalid": _SESSION_GONE,
    "BadSessionClosed": _SESSION_GONE,
    "BadSessionNotActivated": _SESSION_GONE,
    "BadTcpEndpointUrlInvalid": _Advice(
        "it has no endpoint at this address", "the path after the port may be wrong: omptool discover {base}"
    ),
    "BadTcpMessageTooLarge": _TOO_LARGE,
    "BadRequestTooLarge": _TOO_LARGE,
    "BadResponseTooLarge": _TOO_LARGE,
    "BadEncodingLimitsExceeded": _TOO_LARGE,
    "BadIdentityTokenInvalid": _ANONYMOUS,
    "BadIdentityTokenRejected": _ANONYMOUS,
    "BadUserAccessDenied": _Advice("this user may not do that", _SHOW_ENDPOINTS),
    "BadSecurityModeRejected": _POLICY,
    "BadSecurityPolicyRejected": _POLICY,
    "BadSecurityModeInsufficient": _POLICY,
    "BadSecurityChecksFailed": _Advice("it does not trust this computer", _SHOW_ENDPOINTS),
    "BadCertificateUntrusted": _CERTIFICATE,
    "BadCertificateInvalid": _CERTIFICATE,
    "BadCertificateUriInvalid": _CERTIFICATE,
    "BadCertificateTimeInvalid": _CERTIFICATE,
    "BadCertificateUseNotAllowed": _CERTIFICATE,
    "BadServiceUnsupported": _Advice("it does not have this service", ""),
    "BadProtocolVersionUnsupported": _Advice("it speaks another version of the protocol", ""),
}


PASSING = frozenset(
    status.code_of(name)
    for name in (
        "BadTimeout", "BadRequestTimeout", "BadTcpServerTooBusy", "BadServerTooBusy", "BadServerHalted",
        "BadInvalidState", "BadOutOfMemory", "BadResourceUnavailable", "BadTooManyOperations", "BadInternalError",
        "BadCommunicationError", "BadConnectionClosed", "BadSecureChannelClosed", "BadTcpNotEnoughResources",
    )
)  # fmt: skip
"""StatusCodes that say nothing of whether a session is still there: it is asked for again, not given up."""


def from_status(code: int, doing: str, url: str) -> ServiceRefused | ServiceLost:
    """The error for a Bad ServiceResult; `doing` completes "<url> refused to …"."""
    name = status.name(code)
    advice = _ADVICE.get(name, _Advice("", ""))
    because = f": {advice.why}" if advice.why else ""
    message = f"{url} refused to {doing}{because} ({name})"
    hint = advice.hint.format(url=url, base=_base(url))
    return ServiceLost(message, hint, code) if advice.retry else ServiceRefused(message, hint, code)


def fault_code(error: OmptoolError) -> int:
    """StatusCode behind an error, 0 when it has none."""
    return error.code if isinstance(error, ServiceRefused | ServiceLost) else 0


def connecting(cause: BaseException, url: str, host: str, port: int) -> Unreachable:
    """The error for a socket that could not be opened."""
    if isinstance(cause, socket.gaierror):
        return Unreachable(f"{url}: no computer is known by the name {host}", "check the spelling, or use its address")
    if isinstance(cause, TimeoutError):
        return Unreachable(
            f"{url}: {host} does not answer", "is it switched on, and does a firewall let port " + f"{port} through?"
        )
    if isinstance(cause, ConnectionRefusedError):
        return Unreachable(
            f"{url}: nothing listens on port {port} of {host} (connection refused)",
            "check the port, and that the server runs",
        )
    number = getattr(cause, "errno", None)
    if number in (errno.EHOSTUNREACH, errno.ENETUNREACH):
        return Unreachable(f"{url}: there is no route to {host}", "check the network, or the VPN to the plant")
    return Unreachable(f"{url}: cannot connect ({getattr(cause, 'strerror', None) or cause})", "")


def silent(url: str, stage: str, seconds: float) -> Unreachable:
    """The error for a peer that took the connection and then said nothing."""
    if stage == "hello":
        return Unreachable(
            f"{url}: something took the connection but did not answer in OPC UA within {seconds:g} s",
            "is this the port of the OPC UA server?",
        )
    return Silent(f"{url}: no answer to {stage} within {seconds:g} s", "try again, or give it more time with --timeout")


def ended(url: str, stage: str, fault: str, garbage: bytes) -> Unreachable:
    """The error for a connection that the peer ended, or that we ended because of what it sent."""
    if garbage and stage in _FIRST_STAGES:
        return Unreachable(
            f"{url} is not an OPC UA server: it answers {_spoken(garbage)}", "is this the port of the OPC UA server?"
        )
    if stage == "hello":
        return Unreachable(
            f"{url}: {fault} before it answered in OPC UA", "is this the port of the OPC UA server, and is it ready?"
        )
    return Unreachable(f"{url}: {fault or 'what it sends is not OPC UA'} during {stage}", "run the command again")


_FIRST_STAGES = frozenset(("connect", "hello"))
"""Whoever came further speaks OPC UA: bytes that are none were cut off or changed on the way."""


def _spoken(garbage: bytes) -> str:
    """What a peer speaks, told by its first bytes; the bytes themselves when that is unknown."""
    if garbage.startswith(b"HTTP/"):
        return "in HTTP"
    if garbage.startswith(b"SSH-"):
        return "in SSH"
    if garbage[:1] in (b"\x15", b"\x16") and garbage[1:2] == b"\x03":
        return "in TLS"
    return f"with {garbage[:16]!r}"


def _base(url: str) -> str:
    """The URL without its path."""
    scheme, sep, rest = url.partition("://")
    return scheme + sep + rest.partition("/")[0]
