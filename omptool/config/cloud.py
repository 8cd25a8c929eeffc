"""What a `[cloud.NAME]` table of omptool.toml may say. Pure; the token itself is never read here.

The token is sent to the `url` of its own table and nowhere else: both come from one file, and nothing on a command line
or in the environment can pair a token with another address.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path

from omptool.config.schema import Setting, redacted, seconds, text
from omptool.errors import UsageError

_URL = re.compile(
    r"(?P<scheme>https?)://(?P<user>[^/?#\\\s]*@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[\w.-]+)(:(?P<port>\d{1,5}))?(/[\w.~/-]*)?",
    re.IGNORECASE,
)
_EXAMPLE = "write it as https://HOST/PATH, or as http://127.0.0.1:PORT for a server on this computer"


@dataclass(frozen=True, slots=True)
class CloudConfig:
    """Where a cloud API is, and which file holds the token for it.

    Attributes:
        url: without a slash at its end.
        timeout_s: how long to wait for an answer before the server counts as away.
    """

    name: str
    url: str
    token_file: Path
    timeout_s: float = 30.0

    @property
    def is_local(self) -> bool:
        """Whether the server is on this computer, where no proxy stands between."""
        match = _URL.fullmatch(self.url)
        return match is not None and is_loopback(match["host"])


def is_loopback(host: str) -> bool:
    """Whether a host name or address can only mean this computer."""
    bare = host.removeprefix("[").removesuffix("]")
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return bare.casefold() == "localhost"


def checked_cloud_url(url: str) -> str:
    """`url`, without slashes at its end, if a token may be sent to it.

    Raises:
        UsageError: no http(s) address, user and password inside, or http to another computer.
    """
    match = _URL.fullmatch(url)
    if match is None or int(match["port"] or 0) > 65535:
        raise UsageError(f'"{redacted(url)}" is no address of a cloud API', _EXAMPLE)
    if match["user"]:
        raise UsageError(
            "an address must not carry a user or a password: process lists and logs would show it",
            f"write it as {redacted(url)}, and put the token into a file",
        )
    if match["scheme"].lower() == "http" and not is_loopback(match["host"]):
        raise UsageError(
            "http would show the token to the network: it goes only to this computer",
            f"write it as https://{url.partition('://')[2]}",
        )
    return url.rstrip("/")


def _url(value: object) -> str:
    return checked_cloud_url(text(value))


CLOUD_SETTINGS = (
    Setting("url", _url, None, "Address: https://HOST, or http://127.0.0.1:PORT on this computer; required."),
    Setting("token_file", text, None, "File with the token, readable by its owner only; required.", is_path=True),
    Setting("timeout", seconds, "30s", "How long to wait for an answer of the server."),
)
"""Keys of a `[cloud.NAME]` table, in the order of the reference."""
