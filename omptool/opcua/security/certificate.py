"""What a certificate says: whose it is, for which hosts, until when, and the thumbprints by which people compare it.

Certificates come from servers, so nothing in one is believed here, and nothing is decided: `trust` does that.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from omptool.errors import NotFound, OmptoolError

_PEM = b"-----BEGIN CERTIFICATE-----"
_MOST = 1 << 20
"""Bytes of a certificate file; real ones have two thousand."""
SOON_DAYS = 30
"""A certificate that ends within so many days is warned of: getting a new one trusted takes a while in a plant."""
UNREADABLE = (x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError)
"""What reading a certificate or its extensions raises, whatever somebody wrote into it; only one is a ValueError."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """One X.509 certificate.

    Attributes:
        der: its bytes, without those that came behind it in a chain.
        application_uris: the URIs among its alternative names; of an OPC UA application there is one.
        hosts: DNS names and IP addresses among its alternative names.
        key: kind and size of its public key, such as "RSA 2048".
    """

    der: bytes = field(repr=False)
    subject: str
    issuer: str
    application_uris: tuple[str, ...]
    hosts: tuple[str, ...]
    valid_from: dt.datetime
    valid_to: dt.datetime
    key: str

    @property
    def application_uri(self) -> str:
        """The URI of its application; empty when it names none."""
        return self.application_uris[0] if self.application_uris else ""

    @property
    def sha1(self) -> str:
        """Upper-case hexadecimal, as OPC UA tools show it."""
        return hashlib.sha1(self.der, usedforsecurity=False).hexdigest().upper()

    @property
    def sha256(self) -> str:
        """Upper-case hexadecimal."""
        return hashlib.sha256(self.der).hexdigest().upper()

    def days_left(self, now: dt.datetime) -> int:
        """Whole days until it ends; negative afterwards."""
        return (self.valid_to - now).days

    def state(self, now: dt.datetime) -> str:
        """Where `now` lies in its validity: valid, expires soon, expired, not yet valid."""
        if now < self.valid_from:
            return "not yet valid"
        if now > self.valid_to:
            return "expired"
        return "expires soon" if self.days_left(now) < SOON_DAYS else "valid"


def load(der: bytes) -> x509.Certificate:
    """A certificate as `cryptography` has it, which reads most of it only when asked.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        return x509.load_der_x509_certificate(der)
    except UNREADABLE as error:
        raise ValueError(str(error)) from error


def parse(chain: bytes) -> Certificate:
    """The first certificate of a chain in DER.

    Raises:
        ValueError: it cannot be read.
    """
    der = first(chain)
    read = load(der)
    uris, hosts = _names(read)
    return Certificate(
        der,
        read.subject.rfc4514_string(),
        read.issuer.rfc4514_string(),
        uris,
        hosts,
        read.not_valid_before_utc,
        read.not_valid_after_utc,
        _key(read),
    )


def read_file(path: Path) -> Certificate:
    """The certificate in a file, DER or PEM.

    Raises:
        NotFound: there is no such file.
        OmptoolError: it cannot be read, or holds no certificate.
    """
    data = read_bytes(path, "name a certificate, .der or .pem")
    try:
        if _PEM in data:
            return parse(der_of(x509.load_pem_x509_certificate(data[data.index(_PEM) :])))
        return parse(data)
    except (*UNREADABLE, IndexError):
        raise OmptoolError(f"{path} holds no certificate", "name a certificate, .der or .pem") from None


def read_bytes(path: Path, instead: str) -> bytes:
    """What stands in a file that a user named; `instead` is what to name where there is none.

    Raises:
        NotFound: there is no such file.
        OmptoolError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(_MOST)
    except FileNotFoundError:
        raise NotFound(f"there is no file {path}", instead) from None
    except OSError as error:
        raise OmptoolError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from None


def der_of(certificate: x509.Certificate) -> bytes:
    """Its bytes."""
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.DER)


def first(chain: bytes) -> bytes:
    """The first certificate of a chain: DER tells its length in the first four bytes (0x82: 256 to 65535)."""
    if len(chain) > 4 and chain[1] == 0x82:
        return chain[: int.from_bytes(chain[2:4], "big") + 4]
    return chain


def chain(data: bytes) -> list[bytes]:
    """The certificates that a server sent one behind the other, its own first; what is left over is one more."""
    found = []
    while data:
        found.append(first(data))
        data = data[len(found[-1]) :]
    return found


def spaced(thumbprint: str) -> str:
    """A thumbprint in pairs, as people compare it: 3F:0A:…"""
    return ":".join(thumbprint[at : at + 2] for at in range(0, len(thumbprint), 2))


def plain(thumbprint: str) -> str:
    """A thumbprint as people type or paste it, in upper-case hexadecimal digits alone."""
    return "".join(letter for letter in thumbprint.upper() if letter not in ": -\t\u200e")


def _names(read: x509.Certificate) -> tuple[tuple[str, ...], tuple[str, ...]]:
    try:
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return (), ()
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    hosts = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    return tuple(uris), tuple(hosts)


def _key(read: x509.Certificate) -> str:
    try:
        key = read.public_key()
    except Exception as error:  # cryptography has several classes for a key that it does not know
        raise ValueError("a key of a kind that is not known") from error
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return f"EC {key.curve.name}" if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__
