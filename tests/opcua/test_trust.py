"""What is wrong with a server's certificate, one thing at a time; each may be accepted by its name and by no other."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path
from typing import Any

import pytest

from omptool.config import ServerConfig
from omptool.errors import ServerRefused
from omptool.opcua.security import trust
from omptool.opcua.security.certificate import Certificate
from omptool.opcua.security.endpoints import Endpoint
from omptool.opcua.security.pki import Pki
from tests.opcua.certificates import DAY, certificate_of

URL = "opc.tcp://press7:4840"
URI = "urn:test:server"


def check(tmp_path: Path, shown: Certificate, *, known: bool = True, host: str = "press7", **config: Any) -> Pki:
    pki = Pki(tmp_path / "pki")
    if known:
        pki.trust(shown)
    endpoint = Endpoint("Basic256Sha256", "Sign", (), shown.der, URI)
    trust.check(endpoint, ServerConfig(URL, **config), host, pki, or_none=True)
    return pki


RIGHT = certificate_of("press7", hosts=["PRESS7", "10.1.4.7"])
WRONG = {
    "ended on": ("time", certificate_of("press7", hosts=["press7"], begins=-3 * DAY, ends=-DAY)),
    "not valid before": ("time", certificate_of("press7", hosts=["press7"], begins=DAY)),
    "is for press8, 10.1.4.8, not for press7": ("host", certificate_of("press7", hosts=["press8", "10.1.4.8"])),
    "names no host": ("host", certificate_of("press7", hosts=[])),
    "calls itself urn:test:server, its certificate urn:x": (
        "uri", certificate_of("press7", hosts=["press7"], uri="urn:x"),
    ),
}  # fmt: skip


def test_a_right_one(tmp_path: Path) -> None:
    check(tmp_path, RIGHT)
    check(tmp_path, RIGHT, host="10.1.4.7")
    check(tmp_path, certificate_of("press7", hosts=["localhost"]), host="[::1]")


@pytest.mark.parametrize("why", WRONG)
def test_one_thing_is_wrong(tmp_path: Path, why: str) -> None:
    name, shown = WRONG[why]
    with pytest.raises(ServerRefused, match=why) as caught:
        check(tmp_path, shown, accept=tuple({"time", "host", "uri"} - {name}))
    assert f"--accept {name}" in caught.value.hint
    check(tmp_path, shown, accept=(name,))


def test_an_unknown_one_is_refused_with_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(ServerRefused, match="is not trusted yet") as caught:
        check(tmp_path, RIGHT, known=False, accept=("time", "host", "uri"))
    assert f"omptool pki trust {URL} --thumbprint {RIGHT.sha1}" in caught.value.hint
    assert "--security none" in caught.value.hint


def test_the_first_is_pinned_only_when_asked_and_only_when_right(tmp_path: Path, caplog) -> None:
    caplog.set_level(logging.WARNING, "omptool.security")
    trust.logger.propagate = True
    pki = check(tmp_path, RIGHT, known=False, trust_first=True)
    assert pki.trusts(RIGHT) and "is trusted from now on" in caplog.text
    expired = WRONG["ended on"][1]
    with pytest.raises(ServerRefused, match="ended on"):
        check(tmp_path, expired, known=False, trust_first=True)
    assert not pki.trusts(expired)
    another = certificate_of("imposter", hosts=["press7"])
    with pytest.raises(ServerRefused, match="is not trusted yet"):
        check(tmp_path, another, known=False)


def test_one_that_ends_soon_is_warned_of(tmp_path: Path, caplog) -> None:
    caplog.set_level(logging.WARNING, "omptool.security")
    trust.logger.propagate = True
    check(tmp_path, certificate_of("press7", hosts=["press7"], ends=10 * DAY + dt.timedelta(hours=1)))
    assert "ends in 10 days" in caplog.text


@pytest.mark.parametrize("der", [b"", b"\x30\x82\x00\x04abcd"])
def test_none_or_rubbish(tmp_path: Path, der: bytes) -> None:
    with pytest.raises(ServerRefused):
        trust.check(
            Endpoint("Basic256", "Sign", (), der, URI), ServerConfig(URL), "press7", Pki(tmp_path), or_none=False
        )
