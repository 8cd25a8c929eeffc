"""Who logs in: nobody in particular, a user with a password, or one with a certificate.

The password comes from a file, the environment or the keyring; it is read when it is needed, shown nowhere, and leaves
this process only encrypted.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from omptool.errors import ConfigError, NotFound, UsageError
from omptool.opcua.security.pki import Own, load_pair
from omptool.store import secret

if TYPE_CHECKING:
    from pathlib import Path

    from omptool.config import ServerConfig

KEYRING_SERVICE = "omptool"


@dataclass(frozen=True, slots=True)
class Identity:
    """A user.

    Attributes:
        kind: Anonymous, UserName, Certificate, as token policies call it.
        own: certificate and key of a user of kind Certificate.
    """

    kind: str = "Anonymous"
    user: str = ""
    password: str = field(default="", repr=False)
    own: Own | None = None


def identity(server: ServerConfig) -> Identity:
    """The user of `server`.

    Raises:
        UsageError, ConfigError, NotFound: what is configured is not whole, or cannot be read.
    """
    if server.user_certificate is not None:
        if server.user_key is None:
            raise UsageError("a user certificate needs its private key", 'add --user-key FILE, or user_key = "FILE"')
        return Identity("Certificate", own=load_pair(server.user_certificate, server.user_key))
    if server.user is None:
        return Identity()
    return Identity("UserName", server.user, _password(server, server.user))


def _password(server: ServerConfig, user: str) -> str:
    if server.password is not None:
        return server.password
    if server.password_file is not None:
        return password_in(server.password_file, user)
    if server.password_env is not None:
        found = os.environ.get(server.password_env)
        if found is None:
            raise NotFound(f"there is no variable {server.password_env} in the environment", "it holds the password")
        return found
    if server.password_keyring:
        return _from_keyring(server.url, user)
    raise UsageError(
        f"the password of {user} is not told",
        "--password-file FILE; or password_file, password_env or password_keyring in omptool.toml",
    )


def password_in(file: Path, user: str) -> str:
    """The password of `user` that a file holds, without the end of its line.

    Raises:
        NotFound, ConfigError: the file is not there, others may read it, or it is no text.
    """
    data = secret.read(file, f"the password file of {user}", "name the file that holds the password")
    try:
        return data.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ConfigError(f"the password file of {user} is not UTF-8: {file}", "") from None


def _from_keyring(url: str, user: str) -> str:
    try:
        keyring = importlib.import_module("keyring")
    except ModuleNotFoundError:
        raise UsageError(
            "the keyring needs a package that is not installed", "pip install 'omptool[keyring]'"
        ) from None
    entry = f"{user}@{url}"
    try:
        found = keyring.get_password(KEYRING_SERVICE, entry)
    except keyring.errors.KeyringError as error:
        raise ConfigError(f"the keyring cannot be read: {error}", "is it unlocked?") from None
    if found is None:
        raise NotFound(f"the keyring has no password of {entry}", f"keyring set {KEYRING_SERVICE} {entry}")
    return str(found)
