"""What goes wrong with a store, as a user sees it: what happened, why, what to type; no secret, no traceback."""

from __future__ import annotations

import importlib.util
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from omptool.config.stores import Stores
from omptool.errors import NotFound, OmptoolError, ServerRefused, Unreachable, UsageError
from omptool.store import access, failures, objects
from omptool.store.remote import Remote, parse
from tests.conftest import Result
from tests.store.emulators import Store
from tests.store.test_store_lake import At

LAKE = parse("s3://plant/lake")
KEY = "Zm9v/SECRET/YmFy+U2VjcmV0"


def said(error: OmptoolError) -> str:
    return f"{error.message}\n{error.hint}"


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("404 Not Found: <Error><Code>NoSuchBucket</Code>", NotFound, "there is no bucket plant (NoSuchBucket)"),
        ("403 Forbidden: <Error><Code>SignatureDoesNotMatch</Code>", ServerRefused, "(SignatureDoesNotMatch)"),
        ("403 Forbidden: <Error><Code>RequestTimeTooSkewed</Code>", ServerRefused, "the time of this computer"),
        ("403 Forbidden <Code>AuthenticationFailed</Code> Request date header too old: 'x'", ServerRefused, "the time"),
        ("400 Bad Request: <Error><Code>ExpiredToken</Code>", ServerRefused, "have expired"),
        ("301 Moved Permanently <Code>PermanentRedirect</Code>", ServerRefused, "another region"),
        ("503 Service Unavailable <Code>SlowDown</Code>", Unreachable, "too busy or out of order (SlowDown)"),
        ("HTTP error: error sending request: client error (Connect): dns error", Unreachable, "does not answer"),
        ("Error performing PUT http://169.254.169.254/latest/api/token", ServerRefused, "no credentials"),
        ("418 I'm a teapot", OmptoolError, "refused what was asked"),
    ],
)
def test_errors_of_stores_are_told_apart(text: str, kind: type[OmptoolError], message: str) -> None:
    error = failures.explain(OSError(f"Generic S3 error \x1b[31m↳\x1b[0m https://h/x?sig={KEY} {text} Key={KEY}"), LAKE)
    assert type(error) is kind
    assert message in error.message
    assert error.hint
    assert KEY not in said(error)


def test_what_is_not_of_the_store_passes() -> None:
    with pytest.raises(ZeroDivisionError), failures.explained(LAKE):
        raise ZeroDivisionError


def test_a_bucket_that_is_not_there(store: Store) -> None:
    with pytest.raises(NotFound, match=r"there is no (bucket|container) elsewhere"):
        parse(store.root.replace("plant", "elsewhere") + "/lake").is_dir()


@pytest.mark.parametrize("store", ["azure"], indirect=True)
def test_a_wrong_key(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "AAAA" + store.environment["AZURE_STORAGE_ACCOUNT_KEY"][4:])
    with pytest.raises(ServerRefused, match="does not let us in"):
        parse(f"{store.root}/lake").is_dir()


def test_nobody_answers(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        for name, value in store.at(taken.getsockname()[1]).items():
            monkeypatch.setenv(name, value)
        with pytest.raises(Unreachable, match="does not answer"):
            parse(f"{store.root}/lake").is_dir()


def test_a_clock_that_is_wrong(store: Store, at: At) -> None:
    store.weather.rule = lambda *_: "403 RequestTimeTooSkewed"
    with pytest.raises(ServerRefused, match="the time of this computer") as caught:
        at("lake").is_dir()
    assert "timedatectl" in caught.value.hint


@pytest.mark.parametrize(("url", "extra"), [("s3://plant/x", "s3"), ("az://plant/x", "azure")])
def test_a_missing_extra_is_named(url: str, extra: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "obstore" else real(name))
    objects.forget()
    with pytest.raises(UsageError) as caught:
        parse(url).is_dir()
    assert caught.value.hint == f'pip install "omptool[{extra}]"'


def azure(monkeypatch: pytest.MonkeyPatch, stores: Stores, **environ: str) -> access.Access:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(access.shutil, "which", lambda _: None)
    monkeypatch.setattr(access, "_stores", [stores])
    return access.find(Remote("az", "lake"))


def test_a_connection_string_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"DefaultEndpointsProtocol=https;AccountName=acc;AccountKey={KEY}==;BlobEndpoint=https://acc.example.org/"
    found = azure(monkeypatch, Stores(), AZURE_STORAGE_CONNECTION_STRING=text)
    assert found.options["account_name"] == "acc"
    assert found.options["account_key"] == f"{KEY}=="
    assert found.options["endpoint"] == "https://acc.example.org/"
    assert KEY not in repr(found)


@pytest.mark.parametrize(
    ("stores", "message"),
    [
        (Stores(azure_account="a", azure_endpoint="http://store.example.org"), "http would show the token"),
        (Stores(azure_account="a", azure_endpoint="https://store.example.org", is_own=False), "a token is not sent to"),
    ],
)
def test_a_token_goes_where_its_owner_says(stores: Stores, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError) as caught:
        azure(monkeypatch, stores, AZURE_STORAGE_SAS_TOKEN=KEY)
    assert message in caught.value.message
    assert KEY not in said(caught.value)


def test_a_token_may_go_to_an_address_of_the_users_own(monkeypatch: pytest.MonkeyPatch) -> None:
    stores = Stores(azure_account="a", azure_endpoint="https://store.example.org", is_own=True)
    assert azure(monkeypatch, stores, AZURE_STORAGE_SAS_TOKEN=KEY).options["endpoint"] == "https://store.example.org"


def test_a_profile_of_aws_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "credentials").write_text(f"[plant]\naws_access_key_id = AKIA\naws_secret_access_key = {KEY}\n")
    (tmp_path / "config").write_text(
        "[profile plant]\nregion = eu-central-1\nendpoint_url = https://minio.example.org\n"
    )
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setattr(access, "_stores", [Stores(s3_profile="plant")])
    found = access.find(Remote("s3", "lake"))
    assert found.options == {"endpoint": "https://minio.example.org", "region": "eu-central-1"}
    assert found.for_tables()["secret_access_key"] == KEY
    assert KEY not in repr(found)


@pytest.mark.parametrize("store", ["s3"], indirect=True)
def test_the_command_line_says_it_without_a_traceback(
    store: Store, run_cli: Callable[..., Result], tmp_path: Path
) -> None:
    cases: list[tuple[int, tuple[Any, ...]]] = [
        (1, ("info", "s3://elsewhere/lake")),
        (2, ("query", "from telemetry", "--on", "s3://key:SECRET@plant/lake")),
        (1, ("convert", "s3://plant/no-lake", "--compact")),
    ]
    for code, arguments in cases:
        result = run_cli(*arguments, env=store.environment)
        assert result.code == code, result.err
        assert "Traceback" not in result.err
        assert "SECRET" not in result.err
        assert len(result.err.strip().splitlines()) >= 2, "an error says what to do next"
