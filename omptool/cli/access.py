"""How a server is to be talked to, as the command line says it: security, user, trust, and how much at once.

A user on the command line replaces the one of omptool.toml whole, so that nobody's password goes with another name.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from omptool.cli import terminal
from omptool.cli.options import (
    AcceptOption,
    PasswordFileOption,
    PerRequestOption,
    SecurityOption,
    TrustFirstOption,
    UserCertificateOption,
    UserKeyOption,
    UserOption,
)
from omptool.errors import UsageError

if TYPE_CHECKING:
    from omptool.config import ServerConfig

PASSWORD_VARIABLE = "OMPTOOL_PASSWORD"
"""Password of `--user`, where no file is named."""


@dataclass(frozen=True, slots=True)
class Access:
    """The options of every command that talks to servers; see `grouping`."""

    security: SecurityOption = None
    user: UserOption = None
    password_file: PasswordFileOption = None
    user_certificate: UserCertificateOption = None
    user_key: UserKeyOption = None
    accept: AcceptOption = None
    trust_first: TrustFirstOption = False
    per_request: PerRequestOption = None

    def applied(self, server: ServerConfig) -> ServerConfig:
        """`server` as the command line wants it.

        Raises:
            UsageError: options that do not fit together.
        """
        changes: dict[str, Any] = {}
        if self.security is not None:
            from omptool.config.schema import security

            changes["security_policy"], changes["security_mode"] = security(self.security)
        if self.accept:
            changes["accept"] = tuple(mode.value for mode in self.accept)
        if self.trust_first:
            changes["trust_first"] = True
        if self.per_request is not None:
            changes["per_request"] = self.per_request
        return replace(server, **changes, **self._user())

    def applied_to(self, servers: Sequence[ServerConfig]) -> list[ServerConfig]:
        """The same for several servers.

        Raises:
            UsageError: a user is named, who cannot be meant for all of them.
        """
        if servers:
            self.check_for(len(servers))
        return [self.applied(server) for server in servers]

    def check_for(self, servers: int) -> None:
        """Whether it can be meant for so many servers.

        Raises:
            UsageError: a user is named for several, or anything for none.
        """
        typed = [one.name for one in fields(self) if getattr(self, one.name)]
        if not servers and typed:
            flag = "--" + typed[0].replace("_", "-")
            raise UsageError(f"{flag} is about talking to a server, and none is named", f"leave out {flag}")
        if servers > 1 and (self.user is not None or self.user_certificate is not None):
            raise UsageError(
                "a user on the command line is for one server, and these are several",
                "name user and password_file of each in omptool.toml",
            )

    def _user(self) -> dict[str, Any]:
        named = (self.user, self.password_file, self.user_certificate, self.user_key)
        if all(one is None for one in named):
            return {}
        if (self.user_certificate is None) != (self.user_key is None):
            raise UsageError("--user-certificate and --user-key belong together", "name both files")
        if self.user is not None and self.user_certificate is not None:
            raise UsageError("--user and --user-certificate are two users", "leave one of them out")
        if self.password_file is not None and self.user is None:
            raise UsageError("--password-file is the password of --user", "add --user NAME")
        found = dict.fromkeys(
            ("user", "password", "password_file", "password_env", "user_certificate", "user_key"), None
        ) | {"password_keyring": False}
        if self.user is None:
            return found | {"user_certificate": self.user_certificate, "user_key": self.user_key}
        return found | {"user": self.user} | self._password(self.user)

    def _password(self, user: str) -> dict[str, Any]:
        if self.password_file is not None:
            return {"password_file": self.password_file}
        if PASSWORD_VARIABLE in os.environ:
            return {"password_env": PASSWORD_VARIABLE}
        if not terminal.stdin_is_terminal():
            raise UsageError(
                f"the password of {user} is not told",
                f"--password-file FILE, or the variable {PASSWORD_VARIABLE}",
            )
        from getpass import getpass

        return {"password": getpass(f"password of {user}: ")}


NOTHING = Access()
"""As omptool.toml says."""
