"""Keys of `[stores]`: where object stores are. Pure; what lets us in is in the environment, never in a file here."""

from __future__ import annotations

import re
from dataclasses import dataclass

from omptool.config.schema import Setting, text
from omptool.errors import UsageError

_ENDPOINT = re.compile(r"https?://(\[[0-9A-Fa-f:.]+\]|[\w.-]+)(:\d{1,5})?(/[\w.~/-]*)?", re.IGNORECASE)
_NAME = re.compile(r"[\w.@+-]+")


@dataclass(frozen=True, slots=True)
class Stores:
    """What `[stores]` says.

    Attributes:
        is_own: whether the endpoint of Azure stands in the environment or in the user's own file, not in a project's.
    """

    azure_account: str | None = None
    azure_endpoint: str | None = None
    s3_endpoint: str | None = None
    s3_region: str | None = None
    s3_profile: str | None = None
    is_own: bool = True


NOWHERE = Stores()


def _endpoint(value: object) -> str:
    """An address without user, password and query, which could be secrets."""
    if not _ENDPOINT.fullmatch(text(value)):
        raise UsageError("this is no address of a store", "write it as https://HOST or https://HOST:PORT")
    return text(value).rstrip("/")


def _name(value: object) -> str:
    if not _NAME.fullmatch(text(value)):
        raise ValueError("a name")
    return text(value)


STORE_SETTINGS = (
    Setting("stores.azure_account", _name, None, "Storage account of az://; AZURE_STORAGE_ACCOUNT_NAME wins."),
    Setting("stores.azure_endpoint", _endpoint, None, "Its address, where it is not the usual one."),
    Setting("stores.s3_endpoint", _endpoint, None, "Address of a store that speaks S3; AWS_ENDPOINT_URL wins."),
    Setting("stores.s3_region", _name, None, "Region of s3://; AWS_REGION wins."),
    Setting("stores.s3_profile", _name, None, "Profile of AWS with the credentials; AWS_PROFILE wins."),
)
"""In the order of the reference."""
