"""What a secured server refuses, and what we refuse of it; the same for every command that talks to a server."""

from __future__ import annotations

from typing import Any

from tests.errors.case import Case


def _case(
    cause: str, typed: str, code: int = 1, *, name: str = "secure", pki: str = "known", given: tuple[str, ...] = ()
) -> Case:
    """`browse` of the server `name`, with the folder of certificates `pki`."""
    given = given if pki == "none" else (pki, *given)
    return Case(
        cause, f"browse opc.tcp://{name}:4840 {typed}".rstrip(), code, given=given, env={"OMPTOOL_PKI_FOLDER": pki}
    )


_LOG_IN = "--user historian --password-file historian.password"
_PAIR = "--user-certificate users/ann.der --user-key users/ann.pem"

CERTIFICATES = (
    _case("no certificate of our own", _LOG_IN, pki="none"),
    _case("others may read our key", _LOG_IN, 2, pki="loose"),
    _case("our own certificate has ended", _LOG_IN, pki="ended"),
    _case("the server does not trust our certificate", _LOG_IN, pki="stranger"),
    _case("we do not trust the server's certificate", _LOG_IN, pki="new"),
    _case("the server's certificate has ended", _LOG_IN, name="expired"),
    _case("the server's certificate is not valid yet", _LOG_IN, name="early"),
    _case("the server's certificate is for another host", _LOG_IN, name="moved"),
    _case("the server's certificate is of another application", _LOG_IN, name="renamed"),
    _case("the server's certificate was revoked", _LOG_IN, name="revoked", pki="taking-back"),
    _case("`--accept` is none of the three", "--accept all", 2),
)
ENDPOINTS = (
    _case("`--security` is none", "--security Aes", 2),
    _case("`--security`: the server does not offer it", "--security Aes128_Sha256_RsaOaep"),
    _case("`--security none`: the server does not offer it", "--security none"),
    _case("the server offers only elliptic curves", _LOG_IN, name="curves"),
)
USERS = (
    _case("the server wants a user", ""),
    _case("a wrong password", "--user historian --password-file wrong.password"),
    _case("a user certificate that the server does not know", _PAIR, given=("users",)),
    _case("the server wants the password in clear", _LOG_IN, name="clear"),
    _case("the server takes no user certificates", _PAIR, name="clear", given=("users",)),
    _case("a user, and no password", "--user historian", 2),
    _case("a password file, and no user", "--password-file historian.password", 2),
    _case("a password file that is not there", "--user historian --password-file none.password"),
    _case("others may read the password file", "--user historian --password-file loose.password", 2),
    _case("a user certificate, and no key", "--user-certificate users/ann.der", 2),
    _case("a key of another certificate", "--user-certificate users/ann.der --user-key users/bob.pem", 2),
    _case("two users", f"--user historian {_PAIR}", 2),
    Case(
        "a user for several servers",
        f"capture opc.tcp://secure:4840 opc.tcp://expired:4840 -o new.omcap {_LOG_IN}",
        2,
    ),
)


def _list(cause: str, file: str, **more: Any) -> Case:
    """`pki trust` of a list of revoked certificates, where one is there already."""
    folder = "taking-back"
    return Case(cause, f"pki trust {file}", 1, given=(folder,), env={"OMPTOOL_PKI_FOLDER": folder}, **more)


REVOCATIONS = (
    _list("a list of revoked certificates of an authority that is not trusted", "other.crl"),
    _list("an older list of revoked certificates", "older.crl"),
    _list("a list that says only what changed", "changes.crl"),
    _list("a file that is no list of revoked certificates", "notes.crl", files={"notes.crl": "press7\n"}),
)

SECTIONS = {"secured servers": (*CERTIFICATES, *ENDPOINTS, *USERS, *REVOCATIONS)}
