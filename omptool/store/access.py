"""Where an object store is and what lets us in: from the environment, profile files, the tools of Azure and AWS.

Secrets are read from where those tools keep them, handed to the libraries and shown nowhere; `[stores]` of omptool.toml
says only where a store is. What the environment says wins over that.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from omptool.config.cloud import is_loopback
from omptool.config.stores import NOWHERE, Stores
from omptool.errors import ServerRefused, UsageError
from omptool.store.remote import Remote

EXTRAS = {"az": "azure", "s3": "s3"}

_stores: list[Stores] = [NOWHERE]

_AZURE_OWN = (
    "AZURE_STORAGE_TOKEN", "AZURE_STORAGE_SAS_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_STORAGE_CLIENT_SECRET",
    "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_MSI_ENDPOINT", "AZURE_IDENTITY_ENDPOINT",
    "IDENTITY_ENDPOINT", "AZURE_CREDENTIAL_TYPE", "AZURE_SKIP_SIGNATURE", "AZURE_USE_AZURE_CLI",
)  # fmt: skip
"""Variables that say how to be let in, besides a key of the account; the libraries read them."""
_AZURE_KEYS = ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_MASTER_KEY", "AZURE_STORAGE_KEY")
_CONNECTION = {
    "accountname": "account_name", "accountkey": "account_key", "sharedaccesssignature": "sas_token",
    "blobendpoint": "endpoint",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Access:
    """How to reach one container or bucket.

    Attributes:
        options: for both libraries, by the names that they share; holds secrets, so it has no text of its own.
        keys: of S3, from the usual places, renewed by whoever gives them; None where `options` has all.
    """

    options: Mapping[str, str] = field(repr=False)
    keys: Any = field(default=None, repr=False)

    @property
    def is_plain(self) -> bool:
        """Whether the store is reached without TLS, as emulators and stores within a plant are."""
        return "use_emulator" in self.options or self.options.get("endpoint", "").lower().startswith("http://")

    def for_tables(self) -> dict[str, str]:
        """The options as the library of the tables takes them, with keys that hold now."""
        found = dict(self.options) | ({"allow_http": "true"} if self.is_plain else {})
        if self.keys is not None:
            now = self.keys()
            found |= {"access_key_id": now["access_key_id"], "secret_access_key": now["secret_access_key"]}
            found |= {"session_token": now["token"]} if now["token"] else {}
        return found


def use(stores: Stores) -> None:
    """Say what `[stores]` has; for the whole process, as its environment is."""
    _stores[:] = [stores]


def check_extra(where: Remote) -> None:
    """Refuse a store whose libraries are not there.

    Raises:
        UsageError: with the line to type.
    """
    missing = [name for name in ("obstore", "fsspec") if importlib.util.find_spec(name) is None]
    if missing:
        extra = EXTRAS[where.scheme]
        raise UsageError(f"{where}: this needs the extra {extra}", f'pip install "omptool[{extra}]"')


def find(where: Remote) -> Access:
    """Everything that opens the container or bucket of `where`.

    Raises:
        UsageError: an account or an extra is missing, or a credential would be shown to the network.
        ServerRefused: no credentials of AWS anywhere.
    """
    return _azure(_stores[0], os.environ) if where.scheme == "az" else _s3(_stores[0], os.environ)


def _azure(stores: Stores, environ: Mapping[str, str]) -> Access:
    key = next((environ[name] for name in _AZURE_KEYS if environ.get(name)), None)
    if environ.get("AZURE_STORAGE_USE_EMULATOR", "").lower() in ("true", "1"):
        # by this, not by its address: it cannot list from a name on, and the libraries then do that themselves
        return Access({"use_emulator": "true"} | ({"account_key": key} if key else {}))
    found = _connection(environ.get("AZURE_STORAGE_CONNECTION_STRING", ""))
    account = environ.get("AZURE_STORAGE_ACCOUNT_NAME") or environ.get("AZURE_STORAGE_ACCOUNT")
    if account := account or found.get("account_name") or stores.azure_account:
        found["account_name"] = account
    else:
        raise UsageError(
            "az:// needs the name of the storage account",
            "export AZURE_STORAGE_ACCOUNT_NAME=NAME, or write azure_account under [stores] of omptool.toml",
        )
    if endpoint := environ.get("AZURE_STORAGE_ENDPOINT") or environ.get("AZURE_ENDPOINT"):
        found["endpoint"] = endpoint
    is_ours = "endpoint" not in found and stores.azure_endpoint is not None
    if is_ours and stores.azure_endpoint is not None:
        found["endpoint"] = stores.azure_endpoint
    if key:
        found["account_key"] = key
    is_told = "account_key" in found or "sas_token" in found or any(environ.get(name) for name in _AZURE_OWN)
    if not is_told and shutil.which("az"):
        found["use_azure_cli"] = "true"
    if "account_key" not in found and "endpoint" in found:
        _check_sent(found["endpoint"], is_trusted=not is_ours or stores.is_own)
    return Access(found)


def _connection(text: str) -> dict[str, str]:
    """What a connection string of Azure says."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {_CONNECTION[name.lower()]: value for name, _, value in pairs if name.lower() in _CONNECTION and value}


def _check_sent(endpoint: str, *, is_trusted: bool) -> None:
    """Refuse to send a token, which lets in whoever has it, where others may see or take it."""
    match = re.match(r"(https?)://(\[[^\]]*\]|[^/:]*)", endpoint, re.IGNORECASE)
    host = match[2] if match else ""
    if is_loopback(host):
        return
    if match is None or match[1].lower() == "http":
        raise UsageError(
            "http would show the token to the network: it goes only to this computer",
            f"write the endpoint as https://{host}, or use the key of the account, which is never sent",
        )
    if not is_trusted:
        raise UsageError(
            f"a token is not sent to {host}, which only the omptool.toml of this folder names",
            "write azure_endpoint into your own settings file, or export AZURE_STORAGE_ENDPOINT",
        )


def _s3(stores: Stores, environ: Mapping[str, str]) -> Access:
    found: dict[str, str] = {}
    session = _session(stores.s3_profile)
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    endpoint = next((environ[name] for name in names if environ.get(name)), None)
    if endpoint := endpoint or stores.s3_endpoint or _of_profile(session, "endpoint_url"):
        found["endpoint"] = endpoint
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or stores.s3_region
    if region := region or (session.region_name if session else None) or ("us-east-1" if endpoint else None):
        found["region"] = region
    if environ.get("AWS_SKIP_SIGNATURE"):
        return Access(found)
    if session is None:
        if not environ.get("AWS_ACCESS_KEY_ID"):
            raise UsageError("profiles of AWS need the extra s3", 'pip install "omptool[s3]"')
        return Access(found)
    from obstore.auth.boto3 import Boto3CredentialProvider

    try:
        return Access(found, Boto3CredentialProvider(session))
    except ValueError:
        raise ServerRefused(
            "there are no credentials of AWS: neither in the environment nor in a profile",
            "export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE=NAME; or:  aws configure",
        ) from None


def _session(profile: str | None) -> Any:
    """The credentials of AWS by its own rules: environment, profiles, single sign-on, roles. None without boto3."""
    if importlib.util.find_spec("boto3") is None:
        return None
    import boto3
    from botocore.exceptions import BotoCoreError

    try:
        return boto3.Session(profile_name=os.environ.get("AWS_PROFILE") or profile)
    except BotoCoreError as error:
        raise UsageError(f"AWS: {error}", "profiles that there are:  aws configure list-profiles") from None


def _of_profile(session: Any, name: str) -> str | None:
    if session is None:
        return None
    found = session._session.get_scoped_config().get(name)
    return found if isinstance(found, str) else None
