"""What `--secure` means for the commands that serve: a certificate that is kept, known clients and users."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omptool.errors import UsageError

if TYPE_CHECKING:
    from omptool.opcua.serving.security import ServerSecurity

_HOSTS = ("localhost", "127.0.0.1", "::1")

SecureOption = Annotated[
    bool, typer.Option("--secure", help="Offer security only, to this user's omptool and trusted clients.")
]
ServedUserOption = Annotated[
    str | None, typer.Option("--user", help="With --secure: who must log in, with a password.", metavar="NAME")
]
ServedPasswordOption = Annotated[
    Path | None,
    typer.Option("--password-file", help="Password of --user; only its owner may read FILE.", metavar="FILE"),
]


@dataclass(frozen=True, slots=True)
class Guard:
    """Whom a server of ours lets in."""

    user: tuple[str, str] | None = field(default=None, repr=False)

    def security(self, application_uri: str, host: str) -> ServerSecurity:
        """For the server called `application_uri`, whose certificate is made when it is first served.

        Raises:
            OutputFailed: the folder of certificates cannot be written.
        """
        import os

        from omptool.cli import settings
        from omptool.config.files import pki_folder
        from omptool.opcua.security.pki import Pki
        from omptool.opcua.serving.security import ServerSecurity

        pki = Pki(settings.current()["pki.folder"] or pki_folder(os.environ))
        own = pki.served(application_uri, list(dict.fromkeys((*_HOSTS, host.strip("[]")))))
        return ServerSecurity(own, pki.knows_client, user=self.user)


def guard(secure: bool, user: str | None, password_file: Path | None) -> Guard | None:
    """What the options of these names ask for; None for everybody.

    Raises:
        UsageError: options that do not fit together.
        NotFound, ConfigError: the password cannot be read.
    """
    if user is None and password_file is None:
        return Guard() if secure else None
    if not secure:
        raise UsageError("users log in only where nobody else can listen", "add --secure")
    if not user or password_file is None:
        raise UsageError("--user and --password-file belong together", "name both")
    from omptool.opcua.security.identity import password_in

    return Guard((user, password_in(password_file, user)))
