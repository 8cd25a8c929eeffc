"""The command line against a secured plant: trust, users, secrets in files, at a prompt and in the environment."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import NamedTuple

import pytest

from omptool.opcua.security.pki import Pki
from tests.conftest import Result, clean_environment, running_demo
from tests.opcua.certificates import certificate_of, pair

Run = Callable[..., Result]

PASSWORD = "s3cret: ü"
PRESS = ("--root", "Riverside/Stamping/Line1/Press1", "--depth", "1", "--values")


class Plant(NamedTuple):
    """A running `demo --secure`.

    Attributes:
        server: its folder of certificates.
        client: the one of a client that it trusts, and that trusts it.
        secret: a file with the password.
    """

    url: str
    server: Pki
    client: Pki
    secret: Path

    @property
    def env(self) -> dict[str, str]:
        return {"OMPTOOL_PKI_FOLDER": str(self.client.folder)}

    @property
    def as_historian(self) -> tuple[str, ...]:
        return ("--user", "historian", "--password-file", str(self.secret))


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plant]:
    home = tmp_path_factory.mktemp("plant")
    server, client, secret = Pki(home / "config" / "omptool" / "pki"), Pki(home / "client"), home / "password"
    secret.write_text(PASSWORD + "\n")
    secret.chmod(0o600)
    server.trust(client.create("urn:here:omptool", ["here"], 365))
    options = ("--speed", "60", "--secure", "--user", "historian", "--password-file", str(secret))
    with running_demo(home, *options) as demo:
        plant = Plant(demo.url, server, client, secret)
        (shown,) = (server.folder / "served").glob("*.der")
        client.trusted_folder.mkdir()
        (client.trusted_folder / "plant.der").write_bytes(shown.read_bytes())
        yield plant


def test_the_first_connection(plant: Plant, invoke: Run) -> None:
    """As docs/how-to/security.md has it; every step that is left out says itself what to type."""
    browse = ("browse", plant.url, *PRESS, *plant.as_historian)
    assert "omptool pki init" in invoke(*browse).err
    (own,) = invoke("pki", "init").rows
    untrusted = invoke(*browse)
    typed = next(line.split()[1:] for line in untrusted.err.splitlines() if line.startswith("    omptool pki trust"))
    assert invoke(*typed).code == 0
    stranger = invoke(*browse)
    assert "does not trust this computer" in stranger.err and own["file"] in stranger.err
    assert invoke("pki", "trust", own["file"], env={"OMPTOOL_PKI_FOLDER": str(plant.server.folder)}).code == 0
    done = invoke(*browse)
    assert (done.code, done.err) == (0, "")
    assert any(row["value"] is not None for row in done.rows)


def test_trusted_at_first_sight_only_when_asked(plant: Plant, invoke: Run, tmp_path: Path) -> None:
    folder = Pki(tmp_path / "pki")
    own = plant.client.own()
    assert own is not None
    pair_of = (folder.certificate_file, folder.key_file)
    for target, source in zip(pair_of, (plant.client.certificate_file, plant.client.key_file), strict=True):
        target.parent.mkdir(exist_ok=True, parents=True)
        target.write_bytes(source.read_bytes())
        target.chmod(0o600)
    read = ("read", plant.url, "i=2258", *plant.as_historian)
    env = {"OMPTOOL_PKI_FOLDER": str(folder.folder)}
    first = invoke(*read, "--trust-first", env=env)
    assert first.code == 0 and "is trusted from now on: SHA-1" in first.err
    again = invoke(*read, env=env)
    assert (again.code, again.err) == (0, "")


def test_a_capture_by_the_certificate_of_a_user(plant: Plant, invoke: Run) -> None:
    user = ("--user-certificate", plant.client.certificate_file, "--user-key", plant.client.key_file)
    done = invoke("capture", plant.url, "-o", "x.omcap", "--count", "50", *user, env=plant.env)
    assert done.code == 0, done.err
    assert done.rows[0]["rows"] >= 50


def test_a_user_on_the_command_line_replaces_the_one_of_the_settings(plant: Plant, invoke: Run, tmp_path: Path) -> None:
    text = f'[servers.press]\nurl = "{plant.url}"\nuser = "ann"\npassword_env = "OF_ANN"\n'
    (tmp_path / "omptool.toml").write_text(text)
    read = ("read", "press", "i=2258")
    env = plant.env | {"OF_ANN": PASSWORD}
    assert "does not take user ann" in invoke(*read, env=env).err
    assert invoke(*read, *plant.as_historian, env=env).code == 0
    assert invoke(*read, "--user", "historian", env=env | {"OMPTOOL_PASSWORD": PASSWORD}).code == 0


def test_a_password_from_the_keyring(
    plant: Plant, invoke: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package may be missing here: a stand-in with the two names of it that are used."""
    held = {f"historian@{plant.url}": PASSWORD}
    stand_in = SimpleNamespace(
        get_password=lambda service, entry: held.get(entry) if service == "omptool" else None,
        errors=SimpleNamespace(KeyringError=OSError),
    )
    for user in ("historian", "ann"):
        text = f'[servers.{user}]\nurl = "{plant.url}"\nuser = "{user}"\npassword_keyring = true\n'
        with (tmp_path / "omptool.toml").open("a") as settings:
            settings.write(text)
    monkeypatch.setitem(sys.modules, "keyring", stand_in)
    assert invoke("read", "historian", "i=2258", env=plant.env).code == 0
    assert f"keyring set omptool ann@{plant.url}" in invoke("read", "ann", "i=2258", env=plant.env).err
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert "pip install 'omptool[keyring]'" in invoke("read", "historian", "i=2258", env=plant.env).err


def test_secrets_that_others_may_read_are_not_used(plant: Plant, invoke: Run, tmp_path: Path) -> None:
    certificate, key = pair(tmp_path, "ann", certificate_of("ann"))
    key.chmod(0o640)
    (tmp_path / "password").write_text(PASSWORD)
    for user, file in (
        (("--user", "historian", "--password-file", tmp_path / "password"), tmp_path / "password"),
        (("--user-certificate", certificate, "--user-key", key), key),
    ):
        refused = invoke("read", plant.url, "i=2258", *user, env=plant.env)
        assert refused.code == 2 and "may be read by others" in refused.err
        assert f"chmod 600 {file}" in refused.err


def test_a_terminal_asks_for_the_password_and_does_not_show_it(plant: Plant, tmp_path: Path) -> None:
    typed = ("read", plant.url, "i=2258", "--user", "historian")
    shown = answered(typed, "password of historian: ", PASSWORD, plant.env, tmp_path)
    assert PASSWORD not in shown and "Server_ServerStatus_CurrentTime" in shown.replace("/", "_"), shown


def test_a_terminal_asks_before_a_server_is_trusted(plant: Plant, tmp_path: Path) -> None:
    (shown,) = (Pki(plant.server.folder).folder / "served").glob("*.der")
    env = {"OMPTOOL_PKI_FOLDER": str(tmp_path / "pki")}
    assert "SHA-256" in answered(("pki", "trust", plant.url), "[y/N]", "n", env, tmp_path)
    assert Pki(tmp_path / "pki").trusted() == []
    answered(("pki", "trust", plant.url), "[y/N]", "y", env, tmp_path)
    assert [entry.certificate.der for entry in Pki(tmp_path / "pki").trusted()] == [shown.read_bytes()]


def answered(typed: tuple[str, ...], question: str, answer: str, env: dict[str, str], home: Path) -> str:
    """What a terminal shows of the command, where a person answers its one question."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "omptool", *typed],
        stdin=theirs, stdout=theirs, stderr=theirs, env=clean_environment(home, env), cwd=home, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    shown, has_answered = b"", False
    try:
        while part := os.read(ours, 4096):
            shown += part
            if not has_answered and question.encode() in shown:
                os.write(ours, f"{answer}\n".encode())
                has_answered = True
    except OSError:  # Linux says so when the other side is closed
        pass
    finally:
        os.close(ours)
        process.wait(60)
    return shown.decode()
