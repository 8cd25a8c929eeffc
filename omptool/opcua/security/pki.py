"""The folder of certificates: our own with its key, and those of the servers that the user trusts.

    own/omptool.der    what servers must trust
    own/omptool.pem    its private key, readable by its owner only
    trusted/*.der      servers, each pinned by the whole certificate
    issuers/*.der      authorities: what they signed is trusted too, unless a list among issuers/*.crl takes it back
    served/            certificates of `demo --secure` and `replay --secure`

Nothing is trusted but these very certificates and what the authorities among them signed. Only `pki` commands,
`--trust-first` and `--secure` write here.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import hashlib
import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID

from omptool.errors import ConfigError, OmptoolError, OutputExists
from omptool.opcua.security import authorities, certificate
from omptool.opcua.security.authorities import Standing
from omptool.opcua.security.certificate import Certificate
from omptool.store import local, secret

KEY_BITS = 2048
"""What every SecurityPolicy takes: the old ones allow no more, the new ones no less."""
SERVED_DAYS = 365
"""Validity of the certificates of our own servers."""
BEFORE = dt.timedelta(days=1)
"""Validity begins that long ago: clocks in plants are late."""


@dataclass(frozen=True, slots=True)
class Own:
    """An application's certificate with its private key."""

    certificate: Certificate
    key: rsa.RSAPrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """A certificate in its file."""

    file: Path
    certificate: Certificate


class Pki:
    """A folder of certificates; need not exist."""

    def __init__(self, folder: Path) -> None:
        self.folder = secret.at_home(folder)
        self.certificate_file = self.folder / "own" / "omptool.der"
        self.key_file = self.folder / "own" / "omptool.pem"
        self.trusted_folder = self.folder / "trusted"
        self.issuers_folder = self.folder / "issuers"

    def own(self) -> Own | None:
        """Our certificate and key; None when there is none yet.

        Raises:
            ConfigError: others may read the key, or it does not belong to the certificate.
        """
        if not self.certificate_file.exists():
            return None
        return load_pair(self.certificate_file, self.key_file)

    def create(
        self, application_uri: str, hosts: Sequence[str], days: int, organization: str = "", *, force: bool = False
    ) -> Certificate:
        """Make our certificate, signed by itself, and its key.

        Raises:
            OutputExists: there is one, and servers may trust it already.
            OutputFailed: the folder cannot be written.
        """
        if not force and self.certificate_file.exists():
            raise OutputExists(
                f"there is a certificate already: {self.certificate_file}",
                "see it:  omptool pki show\na new one must be trusted by every server anew:  omptool pki init --force",
            )
        made, key = make(application_uri, hosts, days, organization=organization)
        write_pair(self.certificate_file, self.key_file, made, key)
        return made

    def served(self, application_uri: str, hosts: Sequence[str]) -> Own:
        """Certificate and key of a server of ours, the same at each start as long as they are valid.

        Raises:
            OutputFailed: the folder cannot be written.
        """
        name = hashlib.sha256(application_uri.encode()).hexdigest()[:16]
        files = self.folder / "served" / f"{name}.der", self.folder / "served" / f"{name}.pem"
        if files[0].exists():
            own = load_pair(*files)
            is_right = application_uri in own.certificate.application_uris and set(hosts) <= set(own.certificate.hosts)
            if is_right and own.certificate.state(dt.datetime.now(dt.UTC)) == "valid":
                return own
        made, key = make(application_uri, hosts, SERVED_DAYS, is_server=True)
        write_pair(*files, made, key)
        return Own(made, key)

    def knows_client(self, der: bytes) -> bool:
        """Whether a client of a server of ours is this user's own omptool, or trusted."""
        own = [certificate.read_file(self.certificate_file).der] if self.certificate_file.exists() else []
        return der in [*own, *(entry.certificate.der for entry in self.trusted())]

    def trusted(self) -> list[Entry]:
        """The trusted certificates, by file name; what is none is passed over."""
        return _entries(self.trusted_folder)

    def issuers(self) -> list[Entry]:
        """The authorities, likewise."""
        return _entries(self.issuers_folder)

    def revocations(self) -> list[Revocations]:
        """The lists of what authorities took back, likewise."""
        found = []
        for file in sorted(self.issuers_folder.glob("*")):
            if file.suffix.lower() == ".crl":
                with contextlib.suppress(OmptoolError):
                    found.append(read_revocations(file))
        return found

    def standing(self, shown: bytes) -> Standing:
        """What the authorities say of a certificate, which may come with others behind it.

        Raises:
            ValueError: it cannot be read.
        """
        issuers = [certificate.load(entry.certificate.der) for entry in self.issuers()]
        lists = [one.read for one in self.revocations()]
        return authorities.standing(certificate.chain(shown), issuers, lists, dt.datetime.now(dt.UTC))

    def trusts(self, wanted: Certificate) -> bool:
        """Whether this very certificate is among the trusted ones."""
        with contextlib.suppress(OSError):  # by the name that it has from us; thousands of servers may be trusted
            if (self.trusted_folder / f"{_file_name(wanted)}.der").read_bytes() == wanted.der:
                return True
        return any(entry.certificate.der == wanted.der for entry in self.trusted())

    def trust(self, wanted: Certificate, *, as_authority: bool = False) -> Path:
        """Put a certificate among the trusted ones; the file it lies in.

        Args:
            as_authority: put it among the issuers if it may sign others. Never for what a server showed: whoever
                trusts that server trusts nobody else by it.
        """
        is_authority = as_authority and authorities.is_authority(certificate.load(wanted.der))
        folder = self.issuers_folder if is_authority else self.trusted_folder
        for entry in _entries(folder):
            if entry.certificate.der == wanted.der:
                return entry.file
        file = folder / f"{_file_name(wanted)}.der"
        with local.writing(file):
            local.write_atomic(file, wanted.der)
        return file

    def revoke(self, wanted: Revocations) -> Path:
        """Put a list of revoked certificates among the issuers, in the place of an older one; the file it lies in.

        Raises:
            OmptoolError: no authority among the issuers signed it, it is older than the one there, or says only what
                changed.
        """
        signers = [certificate.load(entry.certificate.der) for entry in self.issuers()]
        signer = next((one for one in signers if authorities.speaks_for(wanted.read, one)), None)
        if signer is None:
            raise OmptoolError(
                f"{wanted.file} is a list of {wanted.issuer}, which is not among the issuers or did not sign it",
                "trust the authority first:  omptool pki trust AUTHORITY.der",
            )
        if wanted.is_delta:
            raise OmptoolError(
                f"{wanted.file} says only what changed since another list of {wanted.issuer}", "get its whole list"
            )
        file = self.issuers_folder / f"{_readable(wanted.issuer)}-{_digest(signer)}.crl"
        for there in self.revocations():
            if authorities.speaks_for(there.read, signer):
                _refuse_older(wanted, there)
                file = there.file
        with local.writing(file):
            local.write_atomic(file, wanted.der)
        return file


@dataclass(frozen=True, slots=True)
class Revocations:
    """An authority's list of certificates that are no longer good (CRL)."""

    file: Path
    der: bytes = field(repr=False)
    read: x509.CertificateRevocationList = field(repr=False)

    @property
    def issuer(self) -> str:
        return self.read.issuer.rfc4514_string()

    @property
    def is_delta(self) -> bool:
        """Whether it only says what changed since another list (RFC 5280, 5.2.4)."""
        with contextlib.suppress(*certificate.UNREADABLE):  # a list with strange names still takes back what it says
            return any(one.oid == ExtensionOID.DELTA_CRL_INDICATOR for one in self.read.extensions)
        return False


def read_revocations(path: Path) -> Revocations:
    """The list in a file, DER or PEM.

    Raises:
        NotFound: there is no such file.
        OmptoolError: it cannot be read, or holds no list.
    """
    data = certificate.read_bytes(path, "name a list of revoked certificates, .crl")
    try:
        load = x509.load_pem_x509_crl if b"-----BEGIN X509 CRL" in data else x509.load_der_x509_crl
        read = load(data)
    except certificate.UNREADABLE:
        raise OmptoolError(f"{path} holds no list of revoked certificates", "name a .crl, DER or PEM") from None
    return Revocations(path, read.public_bytes(serialization.Encoding.DER), read)


def _refuse_older(wanted: Revocations, there: Revocations) -> None:
    """What is revoked must not become good again by an old file."""
    begins, ends = wanted.read.last_update_utc, there.read.last_update_utc
    if begins < ends:
        raise OmptoolError(
            f"{wanted.file} of {begins:%Y-%m-%d} is older than the list of {wanted.issuer} of {ends:%Y-%m-%d} "
            f"that is there: {there.file}",
            "get the newest; to go back to the older one all the same, remove that file first",
        )


def _digest(signer: x509.Certificate) -> str:
    """Of its name and key: authorities of one name, as after a new key, have a list each."""
    form = serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    said = signer.subject.public_bytes() + signer.public_key().public_bytes(*form)
    return hashlib.sha1(said, usedforsecurity=False).hexdigest()[:8].upper()


def _entries(folder: Path) -> list[Entry]:
    found = []
    for file in sorted(folder.glob("*")):
        if file.suffix.lower() in {".der", ".pem", ".crt", ".cer"}:
            with contextlib.suppress(OmptoolError):
                found.append(Entry(file, certificate.read_file(file)))
    return found


def make(
    application_uri: str, hosts: Sequence[str], days: int, *, organization: str = "", is_server: bool = False
) -> tuple[Certificate, rsa.RSAPrivateKey]:
    """A new certificate of an OPC UA application, signed by itself (Part 6, 6.2.2), and its key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, "omptool")]
    parts += [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization)] if organization else []
    parts += [x509.NameAttribute(NameOID.DOMAIN_COMPONENT, hosts[0])] if hosts else []
    name, now = x509.Name(parts), dt.datetime.now(dt.UTC)
    use = [ExtendedKeyUsageOID.CLIENT_AUTH, *([ExtendedKeyUsageOID.SERVER_AUTH] if is_server else [])]
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=True, data_encipherment=True,
        key_agreement=False, key_cert_sign=True, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - BEFORE)
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(use), critical=False)
        .add_extension(_alternative_names(application_uri, hosts), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.parse(certificate.der_of(signed)), key


def write_pair(certificate_file: Path, key_file: Path, made: Certificate, key: rsa.RSAPrivateKey) -> None:
    """Write a certificate and its key; the key first, so that no certificate is ever without one."""
    form = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    data = key.private_bytes(serialization.Encoding.PEM, *form)
    with local.writing(key_file):
        key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary = local.temporary_beside(key_file)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(handle, "wb") as stream:  # noqa: PTH123  the handle has the mode
                stream.write(data)
            local.publish(temporary, key_file)
        finally:
            temporary.unlink(missing_ok=True)
        local.write_atomic(certificate_file, made.der)


def load_pair(certificate_file: Path, key_file: Path) -> Own:
    """A certificate and its private key, from files.

    Raises:
        NotFound: one is not there.
        ConfigError: others may read the key, or the two do not belong together.
    """
    read = certificate.read_file(secret.at_home(certificate_file))
    data = secret.read(key_file, f"the private key of {certificate_file.name}", "name the key that belongs to it")
    try:
        load = serialization.load_pem_private_key if b"-----BEGIN" in data else serialization.load_der_private_key
        key = load(data, password=None)
    except TypeError:
        raise ConfigError(
            f"the private key {key_file} has a password", "store it without:  openssl pkcs8 -topk8 -nocrypt -in KEY"
        ) from None
    except ValueError:
        raise ConfigError(f"{key_file} holds no private key", "name the key that belongs to the certificate") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigError(f"{key_file} is no RSA key", "SecurityPolicies that omptool knows need RSA")
    if certificate.load(read.der).public_key() != key.public_key():
        raise ConfigError(
            f"the private key {key_file} does not belong to {certificate_file}", "name the two that were made together"
        )
    return Own(read, key)


def _alternative_names(application_uri: str, hosts: Sequence[str]) -> x509.SubjectAlternativeName:
    names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(application_uri)]
    for host in dict.fromkeys(hosts):
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    return x509.SubjectAlternativeName(names)


def _file_name(wanted: Certificate) -> str:
    """A name that people recognise and no two certificates share."""
    return f"{_readable(wanted.subject)}-{wanted.sha1[:8]}"


def _readable(subject: str) -> str:
    common = re.search(r"CN=((?:[^,\\]|\\.)+)", subject)
    return re.sub(r"[^\w.-]+", "-", common[1] if common else "server", flags=re.ASCII).strip("-.")[:60] or "server"
