"""Servers trusted because an authority signed their certificates: through others too, and not beyond what it allows."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from omptool.config import ServerConfig
from omptool.errors import OmptoolError, ServerRefused
from omptool.opcua.security import pki, trust
from omptool.opcua.security.certificate import Certificate
from omptool.opcua.security.endpoints import Endpoint
from omptool.opcua.security.pki import Pki
from tests.conftest import Result
from tests.opcua.certificates import DAY, certificate_of, revoked

URL, URI = "opc.tcp://press7:4840", "urn:test:server"


def made(name: str, **how: Any) -> Certificate:
    return certificate_of(name, hosts=["press7"], **how)


PLANT = made("plant", is_authority=True)
HALL = made("hall", signed_by="plant", is_authority=True, serial=21)
BY_PLANT, BY_HALL = made("press7", signed_by="plant", serial=31), made("press7", signed_by="hall", serial=32)


def check(folder: Path, *sent: Certificate, authorities: tuple[Certificate, ...] = (PLANT,)) -> Pki:
    made = Pki(folder / "pki")
    for one in authorities:
        assert made.trust(one, as_authority=True).parent == made.issuers_folder
    endpoint = Endpoint("Basic256Sha256", "Sign", (), b"".join(one.der for one in sent), URI)
    trust.check(endpoint, ServerConfig(URL), "press7", made, or_none=False)
    return made


def test_what_an_authority_signed_is_trusted(tmp_path: Path) -> None:
    assert check(tmp_path, BY_PLANT).trusted() == []
    check(tmp_path, BY_HALL, HALL)


REFUSED: dict[str, tuple[tuple[Certificate, ...], tuple[Certificate, ...]]] = {
    "a link is missing": ((BY_HALL,), (PLANT,)),
    "another authority": ((BY_PLANT,), (made("other", is_authority=True),)),
    "another one of the same name": ((made("imposter", signed_by="imposter"),), (PLANT,)),
    "signed by a server": ((made("press8", signed_by="press7"), BY_PLANT), (PLANT,)),
    "an authority that has ended": ((BY_PLANT,), (made("plant", is_authority=True, begins=-9 * DAY, ends=-DAY),)),
    "too many between": ((BY_HALL, HALL), (made("plant", is_authority=True, path_length=0),)),
    "nobody is trusted": ((BY_HALL, HALL, PLANT), ()),
}


@pytest.mark.parametrize("why", REFUSED)
def test_and_nothing_else(tmp_path: Path, why: str) -> None:
    sent, authorities = REFUSED[why]
    with pytest.raises(ServerRefused, match="is not trusted yet") as caught:
        check(tmp_path, *sent, authorities=authorities)
    if sent[0].issuer != sent[0].subject:
        assert f"or trust all that {sent[0].issuer} signs" in caught.value.hint


def test_a_server_is_no_authority_whatever_its_certificate_says(tmp_path: Path) -> None:
    folder, endpoint = Pki(tmp_path / "pki"), Endpoint("Basic256Sha256", "Sign", (), PLANT.der, URI)
    trust.check(endpoint, ServerConfig(URL, trust_first=True), "press7", folder, or_none=False)
    assert folder.issuers() == [] and folder.trusts(PLANT)
    with pytest.raises(ServerRefused, match="is not trusted yet"):
        check(tmp_path, BY_PLANT, authorities=())
    assert check(tmp_path, PLANT, authorities=()).trusts(PLANT)


def spoilt(whole: Certificate, before: bytes, after: bytes) -> bytes:
    """A certificate with other bytes in one place; the signature does not matter here."""
    assert whole.der.count(before) == 1
    return whole.der.replace(before, after)


VERSION = b"\xa0\x03\x02\x01"
HOSTILE = {
    "a version that there is not": spoilt(PLANT, VERSION + b"\x02", VERSION + b"\x07"),
    "a name of a kind that is not supported": spoilt(PLANT, b"\x82\x06press7", b"\x85\x06press7"),
    "one extension twice": spoilt(PLANT, b"\x06\x03\x55\x1d\x0f", b"\x06\x03\x55\x1d\x13"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_certificate_that_cannot_be_read_is_refused_and_spoils_no_other(tmp_path: Path, what: str) -> None:
    folder = Pki(tmp_path / "pki")
    folder.trusted_folder.mkdir(parents=True)
    folder.issuers_folder.mkdir()
    for place in (folder.trusted_folder, folder.issuers_folder):
        (place / "hostile.der").write_bytes(HOSTILE[what])
    shown = Endpoint("Basic256Sha256", "Sign", (), BY_PLANT.der + HOSTILE[what], URI)
    trust.check(shown, ServerConfig(URL, trust_first=True), "press7", folder, or_none=False)
    check(tmp_path, BY_PLANT)
    hostile = Endpoint("Basic256Sha256", "Sign", (), HOSTILE[what], URI)
    folder.trusted_folder.joinpath("hostile.der").unlink()
    with pytest.raises(ServerRefused, match=r"cannot be read|is not trusted yet"):
        trust.check(hostile, ServerConfig(URL), "press7", folder, or_none=False)


def test_an_authority_takes_back(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "omptool.security")
    trust.logger.propagate = True
    folder = check(tmp_path, BY_PLANT)
    file = tmp_path / "x.crl"
    file.write_bytes(revoked("plant", [99], next_update=-DAY))
    folder.revoke(pki.read_revocations(file))
    check(tmp_path, BY_PLANT)
    assert "the list of revoked certificates of CN=plant is outdated" in caplog.text
    file.write_bytes(revoked("plant", [31]))
    folder.revoke(pki.read_revocations(file))
    assert len(folder.revocations()) == 1, "the newer list is in the place of the older"
    folder.trust(BY_PLANT)  # by itself too: that is no way around the authority
    with pytest.raises(ServerRefused, match="was revoked by CN=plant"):
        check(tmp_path, BY_PLANT)
    check(tmp_path, BY_HALL, HALL)
    file.write_bytes(revoked("plant", [21]))
    folder.revoke(pki.read_revocations(file))
    with pytest.raises(ServerRefused, match="was revoked by CN=plant"):
        check(tmp_path, BY_HALL, HALL)


def test_an_authority_that_was_taken_back_vouches_for_nobody(tmp_path: Path) -> None:
    folder, file = check(tmp_path, BY_HALL, authorities=(PLANT, HALL)), tmp_path / "x.crl"
    file.write_bytes(revoked("plant", [21]))
    folder.revoke(pki.read_revocations(file))
    with pytest.raises(ServerRefused, match="was revoked by CN=plant"):
        check(tmp_path, BY_HALL, authorities=(PLANT, HALL))


def test_what_an_authority_took_back_stays_so_when_it_ends(tmp_path: Path) -> None:
    ended = made("plant", is_authority=True, begins=-9 * DAY, ends=-DAY)
    folder, file = Pki(tmp_path / "pki"), tmp_path / "x.crl"
    folder.trust(ended, as_authority=True)
    folder.trust(BY_PLANT)
    check(tmp_path, BY_PLANT, authorities=())
    file.write_bytes(revoked("plant", [31]))
    folder.revoke(pki.read_revocations(file))
    with pytest.raises(ServerRefused, match="was revoked by CN=plant"):
        check(tmp_path, BY_PLANT, authorities=())
    check(tmp_path, made("press7", signed_by="plant", serial=33), authorities=(PLANT,))


def test_a_list_gives_way_to_a_newer_whole_one_of_the_same_key_only(tmp_path: Path) -> None:
    anew = certificate_of("plant", key="plant2", is_authority=True)
    folder, file = check(tmp_path, BY_PLANT, authorities=(PLANT, anew)), tmp_path / "x.crl"

    def take(**how: Any) -> None:
        file.write_bytes(revoked("plant", how.pop("serials", []), **how))
        folder.revoke(pki.read_revocations(file))

    take(serials=[31], age=9 * DAY)
    take(key="plant2", age=8 * DAY)
    assert len(folder.revocations()) == 2, "authorities of one name have a list each"
    with pytest.raises(OmptoolError, match="is older than the list of CN=plant of"):
        take(age=10 * DAY)
    with pytest.raises(OmptoolError, match="only what changed"):
        take(is_delta=True, age=DAY)
    with pytest.raises(ServerRefused, match="was revoked by CN=plant"):
        check(tmp_path, BY_PLANT, authorities=())
    take(age=DAY)
    check(tmp_path, BY_PLANT, authorities=())


def test_a_list_of_nobody_we_trust(tmp_path: Path) -> None:
    folder, file = check(tmp_path, BY_PLANT), tmp_path / "x.crl"
    file.write_bytes(revoked("hall", [32]))
    with pytest.raises(OmptoolError, match="which is not among the issuers"):
        folder.revoke(pki.read_revocations(file))
    file.write_bytes(b"none")
    with pytest.raises(OmptoolError, match="holds no list"):
        pki.read_revocations(file)


def test_trust_and_list(invoke: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plant.der").write_bytes(PLANT.der)
    (tmp_path / "plant.crl").write_bytes(revoked("plant", [31, 32]))
    too_early = invoke("pki", "trust", "plant.crl")
    assert too_early.code == 1 and "omptool pki trust AUTHORITY.der" in too_early.err
    done = invoke("pki", "trust", "plant.der")
    assert (done.code, done.rows[0]["store"]) == (0, "issuer")
    assert "every server is trusted from now on whose certificate CN=plant signed" in done.err
    done = invoke("pki", "trust", "plant.crl")
    assert done.code == 0 and "2 certificates that CN=plant signed are trusted no longer" in done.err
    listed = invoke("pki", "list")
    assert [row["store"] for row in listed.rows] == ["issuer"]
    assert "note: CN=plant revoked 2 certificates, next due" in listed.err
