"""Security of our server: certificates of both sides, every policy that is not broken, and nobody without one.

asyncua's server takes any certificate and lets sessions begin without security even where no endpoint offers that; both
end here. Clients that are not trusted hear BadSecurityChecksFailed while the channel is opened. Users log in by a
certificate that is trusted, by name and password where there is one user, else as nobody in particular.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from asyncua import ua
from asyncua.crypto.permission_rules import PermissionRuleset, User, UserRole
from asyncua.crypto.security_policies import SecurityPolicyFactory, SecurityPolicyNone
from asyncua.server.server import Server
from asyncua.ua.uaerrors import BadRequestTooLarge
from cryptography import x509

from omptool.model import status
from omptool.opcua.security.certificate import first
from omptool.opcua.security.pki import Own

OFFERED = tuple(
    getattr(ua.SecurityPolicyType, f"{policy}_{mode}")
    for policy in ("Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss")
    for mode in ("Sign", "SignAndEncrypt")
)
"""What other servers of today offer."""


@dataclass(frozen=True, slots=True)
class ServerSecurity:
    """The server's certificate and key, whom it trusts, the endpoints, and the one user with a password."""

    own: Own
    trusts: Callable[[bytes], bool] = field(repr=False)
    offered: tuple[Any, ...] = OFFERED
    user: tuple[str, str] | None = field(default=None, repr=False)


class SecureServer(Server):
    """asyncua's server with endpoints that are all secure; without security it only says which they are."""

    def __init__(self, security: ServerSecurity, **options: Any) -> None:
        super().__init__(**options)
        self._security = security
        self.iserver.certificate = x509.load_der_x509_certificate(security.own.certificate.der)
        self.iserver.private_key = security.own.key
        internal: Any = self.iserver  # asyncua types what may be replaced by its own classes
        internal.user_manager = _Users(security)
        named = ua.AnonymousIdentityToken if security.user is None else ua.UserNameIdentityToken
        internal.supported_tokens = (named, ua.X509IdentityToken)
        self.set_security_policy(list(security.offered))

    async def _setup_server_nodes(self) -> None:
        await super()._setup_server_nodes()
        for factory in self._policies:
            factory.create = _TrustedOnly(factory, self._security.trusts)  # type: ignore[method-assign]  # asyncua asks it by name
        nothing: Any = SecurityPolicyFactory(
            SecurityPolicyNone, ua.MessageSecurityMode.None_, permission_ruleset=_Nothing()
        )  # type: ignore[no-untyped-call]  # asyncua: untyped
        self._policies.append(nothing)


class _Users:
    """Says who a user is; nobody, who may not come in."""

    def __init__(self, security: ServerSecurity) -> None:
        self._security = security

    def get_user(
        self, iserver: Any, username: str | None = None, password: str | None = None, certificate: bytes | None = None
    ) -> User | None:
        """asyncua's user manager; `certificate` is the user's, else that of the channel, which is trusted already."""
        if username is None:
            return User(role=UserRole.User) if self._security.trusts(first(certificate or b"")) else None
        name, secret = self._security.user or ("", "")
        is_right = hmac.compare_digest(secret.encode(), str(password).encode())
        return User(role=UserRole.User, name=name) if name and username == name and is_right else None


class _TrustedOnly:
    """Makes the channel's policy for a client, if that is trusted."""

    def __init__(self, factory: SecurityPolicyFactory, trusts: Callable[[bytes], bool]) -> None:
        self._create: Callable[[bytes], Any] = factory.create
        self._trusts = trusts

    def __call__(self, peer_certificate: bytes | None) -> Any:
        shown = first(peer_certificate or b"")
        if not self._trusts(shown):
            raise _distrusted()
        return self._create(shown)


def _distrusted() -> BadRequestTooLarge:
    """Of the one class that asyncua's server answers with an Error message of its code before it hangs up."""
    error = BadRequestTooLarge()  # type: ignore[no-untyped-call]  # asyncua: untyped
    error.code = status.code_of("BadSecurityChecksFailed")
    return error


class _Nothing(PermissionRuleset):
    """For sessions without security: no service."""

    def check_validity(self, user: Any, action_type: Any, body: Any) -> bool:
        return False
