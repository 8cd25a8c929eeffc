"""What a server's "no" means once certificates and users are in play: whose fault it is, and what to do about it.

A server says as little as it can to a stranger, so the stage in which it said no tells more than its StatusCode.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature

from omptool.errors import OmptoolError, ServerRefused
from omptool.model import status
from omptool.opcua import faults
from omptool.opcua.security.certificate import spaced

if TYPE_CHECKING:
    from omptool.opcua.security.policies import Plan

_DISTRUST = frozenset(
    {
        "BadSecurityChecksFailed", "BadCertificateUntrusted", "BadCertificateInvalid", "BadCertificateChainIncomplete",
        "BadCertificateIssuerRevocationUnknown", "BadCertificateRevocationUnknown", "BadCertificateRevoked",
        "BadCertificatePolicyCheckFailed", "BadCertificateUseNotAllowed", "BadApplicationSignatureInvalid",
    }
)  # fmt: skip
_NO_USER = frozenset(
    {
        "BadIdentityTokenInvalid", "BadIdentityTokenRejected", "BadUserAccessDenied", "BadUserSignatureInvalid",
        "BadNoValidCertificates",
    }
)  # fmt: skip

WHERE = """\
  S7-1500    TIA Portal: OPC UA, Server, Security, Trusted clients
  KEPServer  OPC UA Configuration, tab Trusted Clients
  Ignition   Config, OPC UA, Security, tab Server
  TwinCAT    TF6100 PKI folder: from rejected to trusted/certs
  others     PKI folder of the server: from rejected to trusted/certs"""
"""Where common servers keep the clients that they trust."""


def by_status(code: int, stage: str, url: str, plan: Plan | None) -> OmptoolError:
    """The error for a StatusCode that came while a connection was made."""
    name = status.name(code)
    if plan is not None and plan.own is not None:
        if name in _DISTRUST:
            return _coded(f"{url} does not trust this computer ({name})", distrusted(plan), code)
        if name in ("BadCertificateUriInvalid", "BadCertificateTimeInvalid", "BadCertificateHostNameInvalid"):
            return _coded(*_wrong_certificate(name, url, plan), code)
    if plan is not None and stage == "ActivateSession" and name in _NO_USER:
        return _coded(*_no_user(name, url, plan), code)
    return faults.from_status(code, f"answer {stage}", url)


def by_hanging_up(fault: str, stage: str, url: str, plan: Plan | None) -> OmptoolError | None:
    """The error for a server that says no by closing the connection; None where that means something else."""
    if plan is None or plan.own is None or stage != "OpenSecureChannel":
        return None
    return ServerRefused(f"{url} hung up ({fault}): most likely it does not trust this computer", distrusted(plan))


def by_proof(cause: Exception, stage: str, url: str, plan: Plan | None) -> OmptoolError:
    """The error for what asyncua found out itself."""
    if isinstance(cause, AssertionError):  # an answer to OpenSecureChannel that is none
        hung_up = by_hanging_up("no channel was opened", stage, url, plan)
        if hung_up is not None:
            return hung_up
    if isinstance(cause, InvalidSignature) or "certificate mismatch" in str(cause):
        return ServerRefused(
            f"{url} cannot prove that the certificate it shows is its own",
            f"somebody may stand in between; see what is shown:  omptool pki show {url}",
        )
    if "matching endpoints" in str(cause):
        return ServerRefused(
            f"{url} has no endpoint of the security that was agreed on", f"see what it offers:  omptool discover {url}"
        )
    return ServerRefused(f"{url}: {stage} failed ({type(cause).__name__}: {cause})", f"omptool discover {url}")


def distrusted(plan: Plan) -> str:
    """What to do where a server does not trust us."""
    assert plan.own is not None and plan.pki is not None
    return "\n".join(
        [
            f"certificate  {plan.pki.certificate_file}",
            f"SHA-1        {spaced(plan.own.certificate.sha1)}",
            "it is among the certificates that the server rejected: move it to its trusted clients",
            WHERE,
            "then run the same command again",
        ]
    )


def _wrong_certificate(name: str, url: str, plan: Plan) -> tuple[str, str]:
    assert plan.own is not None
    own = plan.own.certificate
    if name == "BadCertificateTimeInvalid":
        now = dt.datetime.now(dt.UTC)
        return (
            f"{url} says that our certificate is not valid at this time ({name})",
            f"it is valid from {own.valid_from:%Y-%m-%d} to {own.valid_to:%Y-%m-%d}\n"
            f"is the server's clock right? here it is {now:%Y-%m-%d %H:%M} UTC",
        )
    what = own.application_uri if name == "BadCertificateUriInvalid" else ", ".join(own.hosts)
    return (
        f"{url} does not like the names in our certificate: {what} ({name})",
        "make one that has them right, and let the server trust it:\n"
        "  omptool pki init --force --application-uri URI --host HOST",
    )


def _no_user(name: str, url: str, plan: Plan) -> tuple[str, str]:
    who = plan.identity
    if who.kind == "Anonymous":
        return (
            f"{url} lets nobody in without a user ({name})",
            "log in:  --user NAME --password-file FILE, or --user-certificate FILE --user-key FILE",
        )
    if who.own is not None:
        return (
            f"{url} does not know the user of this certificate ({name})",
            f"user   {who.own.certificate.subject}\nSHA-1  {spaced(who.own.certificate.sha1)}\n"
            "move it to the trusted user certificates of the server",
        )
    return (
        f"{url} does not take user {who.user} with this password ({name})",
        "check both with who runs the server; after several wrong ones a server may lock the user",
    )


def _coded(message: str, hint: str, code: int) -> faults.ServiceRefused:
    return faults.ServiceRefused(message, hint, code)
