"""What `--secure` means for the commands that serve: a certificate that is kept, and clients that are known."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from omptool.opcua.server_security import ServerSecurity

_HOSTS = ("localhost", "127.0.0.1", "::1")


def security(application_uri: str, host: str) -> ServerSecurity:
    """For the server called `application_uri`, whose certificate is made when it is first served.

    Raises:
        OutputFailed: the folder of certificates cannot be written.
    """
    import os

    from omptool.cli import settings
    from omptool.config.files import pki_folder
    from omptool.opcua.pki import Pki
    from omptool.opcua.server_security import ServerSecurity

    pki = Pki(settings.current()["pki.folder"] or pki_folder(os.environ))
    own = pki.served(application_uri, list(dict.fromkeys((*_HOSTS, host.strip("[]")))))
    return ServerSecurity(own, pki.knows_client)
