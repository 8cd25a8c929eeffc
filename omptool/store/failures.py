"""What the libraries of object stores say went wrong → an error that a person can act on.

Their own texts hold addresses, and an address may hold a token: only the store's error code and the HTTP status are
ever taken from them.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

from omptool.errors import NotFound, OmptoolError, ServerRefused, Unreachable
from omptool.store.remote import Remote

_CODE = re.compile(r"<Code>\s*([A-Za-z][A-Za-z0-9.]{2,63})\s*</Code>|^x-ms-error-code: (\w{3,63})", re.MULTILINE)
_STATUS = re.compile(r"\b([345]\d\d) [A-Z][a-z]+")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

_NO_BUCKET = {"NoSuchBucket", "ContainerNotFound", "ContainerBeingDeleted", "InvalidBucketName", "InvalidResourceName"}
_REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
_CLOCK = re.compile(r"RequestTimeTooSkewed|[Dd]ate header (?:not|too old|in the request)|not within the valid time")
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"}
_UNREACHED = re.compile(
    r"dns error|client error \(Connect\)|tcp connect|[Cc]onnection (?:refused|reset|closed)|error sending request|"
    r"operation timed out|request or response body error|error decoding response body|IncompleteMessage"
)
_NO_CREDENTIALS = re.compile(
    r"169\.254\.169\.254|Azure CLI|az account|CredentialsNotLoaded|no providers in chain|managed identity|"
    r"[Mm]issing (?:credential|account)|instance metadata"
)
_OF_STORE = re.compile(r"Error performing|Generic (?:S3|MicrosoftAzure) error|lacked the necessary privileges")
"""What the library of the tables says when the store is what failed."""
_HINTS = {
    "az": "az storage container list --auth-mode login --account-name ACCOUNT",
    "s3": "aws sts get-caller-identity",
}


def code(error: BaseException) -> str:
    """The store's own word for what went wrong, such as NoSuchBucket; empty when it said none."""
    match = _CODE.search(_text(error))
    return (match[1] or match[2]) if match else ""


def status(error: BaseException) -> int:
    """The HTTP status of the answer; 0 when there was none."""
    match = _STATUS.search(_text(error))
    return int(match[1]) if match else 0


def is_no_bucket(error: BaseException) -> bool:
    """Whether the container or bucket itself is not there."""
    return code(error) in _NO_BUCKET


def explain(error: BaseException, where: Remote) -> OmptoolError:
    """The error for a person."""
    word, number, text = code(error), status(error), _text(error)
    thing = "container" if where.scheme == "az" else "bucket"
    said = f" ({word or number})" if word or number else ""
    if _CLOCK.search(text):
        return ServerRefused(
            f"{where}: the store does not accept the time of this computer{said}", "set its clock:  timedatectl status"
        )
    if word in _NO_BUCKET:
        make = (
            f"az storage container create --name {where.bucket}"
            if where.scheme == "az"
            else f"aws s3 mb {_root(where)}"
        )
        return NotFound(
            f"there is no {thing} {where.bucket}{said}", f"check the name and the account, or make it:  {make}"
        )
    if word in _REGION or number in (301, 307):
        return ServerRefused(f"{where}: the bucket lies in another region{said}", "export AWS_REGION=REGION")
    if word in _EXPIRED:
        return ServerRefused(
            f"{where}: the credentials have expired{said}", "get new ones, then run the same command again"
        )
    if number in (401, 403) and "169.254.169.254" not in text:
        return ServerRefused(
            f"{where}: the store does not let us in{said}",
            f"check key or token, and what they allow:  {_HINTS[where.scheme]}",
        )
    if number in (429, 500, 502, 503, 504) and "169.254.169.254" not in text:
        return Unreachable(f"{where}: the store is too busy or out of order{said}", "run the same command again later")
    if _NO_CREDENTIALS.search(text):
        return ServerRefused(f"no credentials for {where} were found", _wanted(where.scheme))
    if _UNREACHED.search(text):
        return Unreachable(
            f"{where}: the store does not answer", "check the network, the name of the account or the endpoint"
        )
    if isinstance(error, FileNotFoundError) or number == 404:
        return NotFound(f"there is no {where}", "check the name")
    return OmptoolError(f"{where}: the store refused what was asked{said}", "run the same command again")


def _wanted(scheme: str) -> str:
    if scheme == "az":
        return "export AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN, or:  az login"
    return "export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE=NAME; or:  aws configure"


def _root(where: Remote) -> str:
    return f"{where.scheme}://{where.bucket}"


def _text(error: BaseException) -> str:
    return _COLOUR.sub("", str(error))


@contextlib.contextmanager
def explained(where: Remote) -> Iterator[None]:
    """Turn what a library raises in the block into an error for a person, without the library's text behind it."""
    try:
        yield
    except OmptoolError:
        raise
    except Exception as error:
        if not is_of_store(error):
            raise
        raise explain(error, where) from None


def is_of_store(error: BaseException) -> bool:
    """Whether an exception comes from the library of a store, or from one that speaks through it."""
    return type(error).__module__.startswith(("obstore", "botocore")) or _OF_STORE.search(str(error)) is not None
