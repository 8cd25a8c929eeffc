"""`demo --secure` and `replay --secure` with a user, from the first refusal to values, as a newcomer meets them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.capture import build
from tests.cli.test_replay import serving
from tests.conftest import Result, running_demo

Invoke = Callable[..., Result]
USER = ("--user", "ann", "--password-file")


@contextlib.contextmanager
def demo(home: Path) -> Iterator[str]:
    with running_demo(home, "--secure", *USER, "right.password") as server:
        yield server.url


@contextlib.contextmanager
def replayed(home: Path) -> Iterator[str]:
    build.small(home / "a.omcap")
    with serving(home, "a.omcap", "--secure", *USER, "right.password") as (_, url):
        yield url


@pytest.mark.parametrize(
    ("served", "node"),
    [(demo, "nsu=urn:omptool:demo:plant;s=Line2.CNC1.FeedOverride"), (replayed, "nsu=urn:test:plant;s=Line1.T0")],
)
def test_a_user_is_let_in_by_the_right_password(
    invoke: Invoke, tmp_path: Path, served: Callable[[Path], contextlib.AbstractContextManager[str]], node: str
) -> None:
    for name in ("right", "wrong"):
        (tmp_path / f"{name}.password").write_text(f"{name}: ü\n", encoding="utf-8")
        (tmp_path / f"{name}.password").chmod(0o600)
    assert invoke("pki", "init").code == 0
    with served(tmp_path) as url:
        nobody = invoke("read", url, node)
        assert nobody.code == 1 and "takes no anonymous user" in nobody.err and "--user NAME" in nobody.err
        stranger = invoke("read", url, node, *USER, "right.password")
        assert stranger.code == 1 and "is not trusted yet" in stranger.err
        next_command = stranger.err.split("omptool pki trust ")[1].split()
        assert invoke("pki", "trust", *next_command).code == 0
        wrong = invoke("read", url, node, *USER, "wrong.password")
        assert wrong.code == 1 and "does not take user ann with this password" in wrong.err
        done = invoke("read", url, node, *USER, "right.password")
        assert done.code == 0, done.err
        assert [row["node_id"] for row in done.rows] == [node]
