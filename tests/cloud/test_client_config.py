"""`[cloud.NAME]`: a token and its url come from one file, and the token goes nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from omptool.config import CloudConfig, File, load
from omptool.config.cloud import checked_cloud_url, is_loopback
from omptool.errors import ConfigError, UsageError
from tests.conftest import Result

Run = Callable[..., Result]
PLANT = '[cloud.plant]\nurl = "https://omp.example/api/"\ntoken_file = "plant.token"\n'


def _file(text: str, name: str = "omptool.toml") -> File:
    return File(Path(name), text)


def test_a_table_is_taken_whole_from_one_file() -> None:
    project = _file(PLANT, "site/omptool.toml")
    user = _file(
        '[cloud.plant]\nurl = "https://evil.example"\ntoken_file = "/u/t"\ntimeout = "1s"\n'
        + PLANT.replace("plant", "b")
    )
    loaded = load({}, {}, [project, user])
    assert loaded.cloud("plant") == CloudConfig("plant", "https://omp.example/api", Path("site/plant.token"), 30.0)
    assert set(loaded.clouds) == {"plant", "b"}


@pytest.mark.parametrize(("written", "meant"), [("t", "a/t"), ("../t", "a/../t"), ("/etc/t", "/etc/t"), ("~/t", "~/t")])
def test_the_token_file_is_relative_to_the_settings(written: str, meant: str) -> None:
    text = PLANT.replace("plant.token", written)
    assert load({}, {}, [_file(text, "a/omptool.toml")]).cloud("plant").token_file == Path(meant)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('[cloud.p]\ntoken_file = "t"\n', "omptool.toml:1: [cloud.p] has no url", "https://HOST"),
        ('[cloud.p]\nurl = "https://h"\n', "omptool.toml:1: [cloud.p] has no token_file", 'add token_file = "FILE"'),
        (PLANT + 'token = "x"\n', 'omptool.toml:4: "token" is a secret', 'token_file = "FILE"'),
        (
            PLANT + 'tokenfile = "x"\n',
            'omptool.toml:4: unknown key "tokenfile" in [cloud.plant]',
            "did you mean token_file?",
        ),
        (PLANT + "timeout = 3\n", "omptool.toml:4: cloud.plant.timeout must be a duration", ""),
        ("[cloud]\nurl = 1\n", "omptool.toml:1: cloud must be tables", "[cloud.NAME]"),
        ("[cluod.p]\n", 'unknown key "cluod"', "did you mean cloud?"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load({}, {}, [_file(text)])
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://omp.example", "http would show the token to the network"),
        ("http://127.0.0.1.evil.example", "http would show the token to the network"),
        ("http://localhost.evil.example:8440", "http would show the token to the network"),
        ("http://0.0.0.0:8440", "http would show the token to the network"),
        ("http://127.0.0.1\\@evil.example", "is no address"),
        ("http://127.0.0.1@evil.example", "must not carry a user"),
        ("https://ann:secret@omp.example", "must not carry a user"),
        ("https://omp.example:99999", "is no address"),
        ("https://omp.example?x=1", "is no address"),
        ("https://omp.example/#x", "is no address"),
        ("https://omp.example/a b", "is no address"),
        ("ftp://omp.example", "is no address"),
        ("omp.example", "is no address"),
    ],
)
def test_urls_that_would_show_a_token(url: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked_cloud_url(url)
    assert message in caught.value.message
    assert "secret" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://127.9.9.9", "http://[::1]:8440", "http://LOCALHOST:1", "https://h/a/b"]
)
def test_urls_that_are_right(url: str) -> None:
    assert checked_cloud_url(url + "/") == url


def test_what_is_this_computer() -> None:
    assert [is_loopback(host) for host in ("[::1]", "127.0.0.1", "::ffff:1.2.3.4", "10.0.0.1", "localhost")] == [
        True, True, False, False, True,
    ]  # fmt: skip


def test_config_show_and_check(invoke: Run, tmp_path: Path) -> None:
    token = tmp_path / "plant.token"
    token.write_text("a-secret-token-of-a-plant\n")
    token.chmod(0o600)
    (tmp_path / "omptool.toml").write_text(PLANT)
    shown = invoke("config", "show")
    rows = {row["setting"]: row for row in shown.rows}
    assert rows["cloud.plant.url"] == {
        "setting": "cloud.plant.url", "value": "https://omp.example/api/", "origin": "omptool.toml:2",
    }  # fmt: skip
    assert rows["cloud.plant.token_file"]["value"] == "plant.token"
    checked = invoke("config", "check")
    assert checked.code == 0
    assert "a-secret" not in shown.out + shown.err + checked.out + checked.err


def test_config_check_looks_at_the_token_file(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "omptool.toml").write_text(PLANT)
    missing = invoke("config", "check")
    assert (missing.code, missing.err.splitlines()[0]) == (
        2,
        "omptool: the token file of cloud plant is not there: plant.token",
    )
    (tmp_path / "plant.token").write_text("a-secret-token-of-a-plant\n")
    (tmp_path / "plant.token").chmod(0o640)
    open_to_all = invoke("config", "check")
    assert (open_to_all.code, "may be read by others" in open_to_all.err) == (2, True)
