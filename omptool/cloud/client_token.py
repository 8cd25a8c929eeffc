"""The token of a cloud API, from its file. It is shown nowhere: not in errors, not by `config show`."""

from __future__ import annotations

import re

from omptool.config import CloudConfig
from omptool.errors import ConfigError
from omptool.store import secret

_SPELLING = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What RFC 6750 lets stand behind `Bearer`."""
_MOST = 4096


def read_token(cloud: CloudConfig) -> str:
    """The token for the url of `cloud`.

    Raises:
        NotFound: there is no such file.
        ConfigError: others may read the file, or it holds no token.
    """
    whose = f"the token file of cloud {cloud.name}"
    absent = "copy it from the server: `omptool cloud serve` says where it lies"
    data = secret.read(cloud.token_file, whose, absent, f"token_file of [cloud.{cloud.name}] names it")
    token = data.decode("ascii", "replace").strip()
    if len(token) > _MOST or not _SPELLING.fullmatch(token):
        raise ConfigError(
            f"{whose} holds no token: {secret.at_home(cloud.token_file)}",
            "it is one line, as `omptool cloud serve` wrote it: copy the file again",
        )
    return token
