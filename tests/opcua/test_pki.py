"""The folder of certificates: what is made, what is trusted, what is refused."""

from __future__ import annotations

import datetime as dt
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from omptool.errors import ConfigError, NotFound, OutputExists
from omptool.opcua.security import certificate
from omptool.opcua.security.pki import Pki, load_pair
from tests.opcua.certificates import DAY, certificate_of, key_of, pair


def test_our_certificate_has_what_servers_look_for(tmp_path: Path) -> None:
    """Part 6, 6.2.2: URI and hosts as alternative names, the four key usages, no authority."""
    made = Pki(tmp_path / "pki").create("urn:gateway7:omptool", ["gateway7", "10.1.4.99"], 30, "Plant")
    read = x509.load_der_x509_certificate(made.der)
    usage = read.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.content_commitment, usage.key_encipherment, usage.data_encipherment) == (
        True, True, True, True,
    )  # fmt: skip
    assert not read.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert (made.application_uri, made.hosts, made.key) == (
        "urn:gateway7:omptool",
        ("gateway7", "10.1.4.99"),
        "RSA 2048",
    )
    assert "O=Plant" in made.subject and made.subject == made.issuer
    now = dt.datetime.now(dt.UTC)
    assert made.valid_from < now - dt.timedelta(hours=1), "a server whose clock is late would refuse it"
    assert made.days_left(now) in (29, 30)


def test_key_is_its_owners_only_and_never_replaced_by_accident(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    first = pki.create("urn:a:b", ["a"], 30)
    assert stat.S_IMODE(pki.key_file.stat().st_mode) == 0o600
    assert stat.S_IMODE(pki.key_file.parent.stat().st_mode) == 0o700
    with pytest.raises(OutputExists):
        pki.create("urn:a:b", ["a"], 30)
    own = pki.own()
    assert own is not None and own.certificate == first
    assert pki.create("urn:a:b", ["a"], 30, force=True) != first


def test_trust_is_in_one_certificate_and_no_other_of_the_same_name(tmp_path: Path) -> None:
    pki = Pki(tmp_path / "pki")
    wanted, twin = certificate_of("press7"), certificate_of("press7", uri="urn:test:other")
    assert not pki.trusts(wanted)
    file = pki.trust(wanted)
    assert pki.trusts(wanted) and not pki.trusts(twin)
    assert pki.trust(wanted) == file and len(pki.trusted()) == 1
    file.unlink()
    assert not pki.trusts(wanted)


def test_a_certificate_signed_by_a_trusted_one_is_not_trusted(tmp_path: Path) -> None:
    """Who owns the key of a trusted application must not be able to make others trusted."""
    pki = Pki(tmp_path / "pki")
    pki.trust(certificate_of("press7"))
    assert not pki.trusts(certificate_of("imposter", signed_by="press7"))


def test_a_trusted_file_may_be_text_and_rubbish_beside_it_is_passed_over(tmp_path: Path) -> None:
    pki, wanted = Pki(tmp_path / "pki"), certificate_of("press7")
    pki.trusted_folder.mkdir(parents=True)
    text = x509.load_der_x509_certificate(wanted.der).public_bytes(serialization.Encoding.PEM)
    (pki.trusted_folder / "press7.pem").write_bytes(b"# from the server's page\n" + text)
    (pki.trusted_folder / "rubbish.der").write_bytes(b"\x30\x82")
    (pki.trusted_folder / "README").write_text("notes")
    assert [entry.certificate for entry in pki.trusted()] == [wanted]


def test_thumbprints_as_people_paste_them() -> None:
    wanted = certificate_of("press7")
    assert certificate.plain(f"\u200e{certificate.spaced(wanted.sha1).lower()} ") == wanted.sha1


@pytest.mark.parametrize(
    ("begins", "ends", "state"),
    [
        (-DAY, 365 * DAY, "valid"), (-DAY, 20 * DAY, "expires soon"), (-3 * DAY, -DAY, "expired"),
        (DAY, 2 * DAY, "not yet valid"),
    ],
)  # fmt: skip
def test_states(begins: dt.timedelta, ends: dt.timedelta, state: str) -> None:
    assert certificate_of("press7", begins=begins, ends=ends).state(dt.datetime.now(dt.UTC)) == state


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    files = pair(tmp_path, "press7", certificate_of("press7"))
    assert load_pair(*files).certificate == certificate.read_file(files[0])
    files[1].chmod(0o640)
    with pytest.raises(ConfigError, match="may be read by others"):
        load_pair(*files)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    shown, _ = pair(tmp_path, "press7", certificate_of("press7"))
    _, other = pair(tmp_path, "oven2", certificate_of("oven2"))
    with pytest.raises(ConfigError, match="does not belong to"):
        load_pair(shown, other)
    with pytest.raises(NotFound):
        load_pair(shown, tmp_path / "none.pem")


def test_a_key_with_a_password_says_how_to_store_it_without(tmp_path: Path) -> None:
    shown, file = pair(tmp_path, "press7", certificate_of("press7"))
    form = serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"x")
    file.write_bytes(key_of("press7").private_bytes(serialization.Encoding.PEM, *form))
    with pytest.raises(ConfigError, match="has a password") as caught:
        load_pair(shown, file)
    assert "openssl pkcs8" in caught.value.hint
