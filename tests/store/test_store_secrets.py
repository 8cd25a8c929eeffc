"""No key and no token is ever written: not to a screen, a log, a commit, a lock, nor to what programs read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from omptool.store import objects
from tests.conftest import Result
from tests.sources.captures import capture
from tests.store.emulators import Store
from tests.store.test_store_lake import At


@pytest.mark.parametrize("store", ["s3", "azure"], indirect=True)
def test_nothing_secret_is_written_anywhere(
    store: Store, at: At, run_cli: Callable[..., Result], tmp_path: Path
) -> None:
    capture(tmp_path / "x.omcap", 60)
    written = []
    wrong = {name: value.replace("A", "B", 1) for name, value in store.environment.items()}
    for environment, arguments in (
        (store.environment, ("convert", "x.omcap", "-o", at("lake"), "--progress", "json")),
        (store.environment, ("query", "select * from read_parquet('nothing.parquet')", "--on", at("lake"))),
        (store.environment, ("config", "show")),
        (wrong, ("info", at("lake"))),
    ):
        result = run_cli(*arguments, env=environment)
        written.append((result.out + result.err).encode())
    written += [objects.read(name) for name, _ in objects.below(at("lake"))]
    written += [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert any(b"commitInfo" in text for text in written)
    assert any(b'"token"' in text for text in written), "the lock was looked at"
    for secret in store.secrets:
        assert not [text for text in written if secret.encode() in text or secret.encode()[:24] in text]
    assert os.environ.get("AWS_SECRET_ACCESS_KEY") or os.environ.get("AZURE_STORAGE_ACCOUNT_KEY"), "there was one"
