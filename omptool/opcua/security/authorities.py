"""Certificates of authorities: whose signature makes a server's certificate good, and which ones they took back.

A server may be trusted because an authority whose certificate the user put among the issuers signed it, at once or
through others (Part 4, 6.1.3). Only what lies in that folder is believed; what a server sends along may link the two,
and links prove nothing by themselves. Opens nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from omptool.opcua.security import certificate
from omptool.opcua.security.certificate import UNREADABLE

MOST_LINKS = 5
"""Authorities between a certificate and one of the folder."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the authorities say of a certificate.

    Attributes:
        authority: subject of the one in the folder that vouches for it; "" when none does.
        revoked_by: subject of the one that took it back, or took back one between; "" when none did.
        outdated: subjects of those whose list of revoked ones should have been followed by a newer one.
    """

    authority: str = ""
    revoked_by: str = ""
    outdated: tuple[str, ...] = ()


def standing(
    chain: Sequence[bytes],
    issuers: Iterable[x509.Certificate],
    revoked: Iterable[x509.CertificateRevocationList],
    now: dt.datetime,
) -> Standing:
    """Follow the signatures of `chain` up to one of `issuers`.

    Args:
        chain: certificates in DER as a server sent them, its own first.
        issuers: certificates of authorities that the user trusts.
        revoked: lists of revoked certificates; one that no authority on the way signed says nothing.
    """
    trusted, lists = list(issuers), list(revoked)
    candidates = [*trusted, *_readable(chain[1 : MOST_LINKS + 1])]
    at = certificate.load(chain[0])
    authority, may_vouch = "", True
    outdated: dict[str, None] = {}
    for depth in range(MOST_LINKS):
        signer = _signer(at, candidates, depth, now)
        if signer is None:
            break
        name = signer.subject.rfc4514_string()
        for one in lists:
            if speaks_for(one, signer):
                if one.get_revoked_certificate_by_serial_number(at.serial_number) is not None:
                    return Standing("", name, tuple(outdated))
                if one.next_update_utc is not None and one.next_update_utc < now:
                    outdated[name] = None
        may_vouch = may_vouch and _allows(signer, depth, now)
        if may_vouch and signer in trusted:
            authority = authority or name
        if signer == at:
            break
        at = signer  # also behind the one that vouches: those above may have taken it back
    return Standing(authority, "", tuple(outdated) if authority else ())


def is_authority(read: x509.Certificate) -> bool:
    """Whether a certificate says that it may sign others."""
    try:
        basic = read.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return False
    return basic.ca and _may_sign(read)


def _may_sign(read: x509.Certificate) -> bool:
    try:
        return read.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True
    except UNREADABLE:
        return False


def _signer(
    signed: x509.Certificate, candidates: Iterable[x509.Certificate], depth: int, now: dt.datetime
) -> x509.Certificate | None:
    """The authority among `candidates` that signed, one that may vouch for it before others.

    What one that has ended took back stays taken back, so such a one is found as well.
    """
    authorities = [one for one in candidates if is_authority(one)]
    for one in sorted(authorities, key=lambda one: not _allows(one, depth, now)):
        try:
            signed.verify_directly_issued_by(one)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            continue
        return one
    return None


def _allows(signer: x509.Certificate, depth: int, now: dt.datetime) -> bool:
    """Whether an authority may vouch now with `depth` others between it and the first certificate."""
    longest = signer.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length
    is_near = longest is None or depth <= longest
    return is_near and signer.not_valid_before_utc <= now <= signer.not_valid_after_utc


def speaks_for(one: x509.CertificateRevocationList, signer: x509.Certificate) -> bool:
    """Whether a list of revoked certificates is that of this authority."""
    try:
        key = signer.public_key()
        return one.issuer == signer.subject and one.is_signature_valid(key)  # type: ignore[arg-type]  # says no to others
    except (TypeError, ValueError, UnsupportedAlgorithm):
        return False


def _readable(chain: Iterable[bytes]) -> list[x509.Certificate]:
    found = []
    for der in chain:
        try:
            certificate.parse(der)  # all that is asked of it later
            found.append(certificate.load(der))
        except ValueError:
            continue
    return found
