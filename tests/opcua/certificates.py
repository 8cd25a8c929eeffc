"""Certificates for tests, right and wrong; keys are made once per process, because they are what takes time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from omptool.opcua.security import certificate, pki
from omptool.opcua.security.certificate import Certificate

DAY = dt.timedelta(days=1)


@cache
def key_of(name: str) -> rsa.RSAPrivateKey:
    """The key of `name`."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate_of(
    name: str,
    *,
    uri: str = "urn:test:server",
    hosts: Sequence[str] = ("127.0.0.1", "localhost"),
    begins: dt.timedelta = -DAY,
    ends: dt.timedelta = 365 * DAY,
    signed_by: str = "",
    key: str = "",
    is_authority: bool = False,
    path_length: int | None = None,
    serial: int = 7,
) -> Certificate:
    """A certificate with the key of `name` or `key`, signed by itself or by `signed_by`; times from now."""
    own_key, now = key_of(key or name), dt.datetime.now(dt.UTC)
    whose = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, signed_by or name)])
    builder = x509.CertificateBuilder(issuer, whose, own_key.public_key(), serial, now + begins, now + ends)
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=True, data_encipherment=True,
        key_agreement=False, key_cert_sign=True, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    identifier = x509.SubjectKeyIdentifier.from_public_key(own_key.public_key())
    names = pki._alternative_names(uri, hosts)
    extensions = (x509.BasicConstraints(ca=is_authority, path_length=path_length), usage, names, identifier)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return certificate.parse(certificate.der_of(builder.sign(key_of(signed_by or key or name), hashes.SHA256())))


def revoked(
    authority: str,
    serials: Sequence[int],
    *,
    next_update: dt.timedelta = 30 * DAY,
    key: str = "",
    age: dt.timedelta = 60 * DAY,
    is_delta: bool = False,
) -> bytes:
    """The list of revoked certificates of `authority`, in DER; `key` is whose key signs it."""
    now = dt.datetime.now(dt.UTC)
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, authority)])
    builder = x509.CertificateRevocationListBuilder(issuer, now - age, now + next_update)
    for serial in serials:
        entry = x509.RevokedCertificateBuilder(serial, now - DAY).build()
        builder = builder.add_revoked_certificate(entry)
    if is_delta:
        builder = builder.add_extension(x509.DeltaCRLIndicator(1), critical=True)
    return builder.sign(key_of(key or authority), hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def pair(folder: Path, name: str, made: Certificate) -> tuple[Path, Path]:
    """`NAME.der` and `NAME.pem` in `folder`."""
    pki.write_pair(folder / f"{name}.der", folder / f"{name}.pem", made, key_of(name))
    return folder / f"{name}.der", folder / f"{name}.pem"
