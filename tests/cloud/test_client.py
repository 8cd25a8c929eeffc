"""The client against servers that stumble, lie and attack: rows are whole or there is one clear error."""

from __future__ import annotations

import ipaddress
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omptool.cloud import client_chunks, client_http
from omptool.cloud.client import CloudEngine
from omptool.config import CloudConfig
from omptool.errors import (
    Busy,
    ConfigError,
    OmptoolError,
    ProtocolError,
    QueryError,
    ResultTooLarge,
    ServerRefused,
    StatementTimeout,
    Unreachable,
    UsageError,
)
from tests.cloud.scripted import (
    ARROW,
    TOKEN,
    Answer,
    Script,
    Scripted,
    answer,
    chunk,
    ipc,
    problem,
    scripted,
    simple,
    status,
)

ROWS = pa.table({"n": pa.array([1, 2, 3], pa.int64()), "t": ["a", "", None]})
GOOD = chunk(ROWS)


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_http, "_FIRST_PAUSE_S", 0.001)


def _ask(folder: Path, script: Script, **parameters: object) -> tuple[Scripted, pa.Table | OmptoolError]:
    """What a statement gave, or raised."""
    with scripted(folder, script) as server, CloudEngine(server.config) as engine:
        try:
            return server, engine.run("select 1", parameters).read_all()
        except OmptoolError as error:
            return server, error


def test_a_result_with_one_request_and_its_chunks(tmp_path: Path) -> None:
    script = simple(answer(status(chunks=2, rows=6)), chunks={0: [GOOD], 1: [chunk(ROWS, compression="lz4")]})
    server, found = _ask(tmp_path, script, limit=3)
    assert found.equals(pa.concat_tables([ROWS, ROWS]))
    submitted, *fetched = server.requests
    assert [request.path for request in fetched] == [f"/v1/statements/s1/chunks/{n}" for n in (0, 1)]
    assert {request.headers["Authorization"] for request in server.requests} == {f"Bearer {TOKEN}"}
    assert len(submitted.headers["Idempotency-Key"]) > 20
    assert submitted.body["parameters"] == {"limit": {"type": "int", "value": 3}}
    assert (submitted.body["tz"], submitted.body["repeatable"]) == (None, False)


def test_the_first_rows_come_before_the_statement_has_ended(tmp_path: Path) -> None:
    goes_on = threading.Event()
    running = answer(status(state="running", chunks=1, rows=3), 202)
    last = Answer(**{**vars(answer(status(chunks=2, rows=6))), "hold": goes_on})
    script = simple(running, last, chunks={0: [GOOD], 1: [GOOD]})
    with scripted(tmp_path, script) as server, CloudEngine(server.config) as engine:
        reader = engine.run("select 1")
        assert reader.read_next_batch().num_rows == 3
        assert not goes_on.is_set()
        goes_on.set()
        assert reader.read_all().num_rows == 3
        assert "seen=1" in server.asked("GET", "wait=")[0].path
    assert not server.asked("POST", ":cancel")


def test_a_chunk_without_its_end_is_fetched_again(tmp_path: Path) -> None:
    whole = GOOD.body
    torn = [
        Answer(200, whole[:-8], ARROW),  # a proxy that ends early and says so
        Answer(200, whole, ARROW, cut=40),  # a connection that breaks
        Answer(502, b"bad gateway", "text/html"),
        GOOD,
    ]
    server, found = _ask(tmp_path, simple(answer(status()), chunks={0: torn}))
    assert found.equals(ROWS)
    assert len(server.asked("GET", "/chunks/0")) == 4


def test_tries_are_bounded(tmp_path: Path) -> None:
    server, found = _ask(tmp_path, simple(answer(status()), chunks={0: [Answer(200, GOOD.body[:-8], ARROW)]}))
    assert isinstance(found, Unreachable)
    assert found.message == f"cloud plant ({server.url}) is gone: chunk 0 ends in the middle"
    assert len(server.asked("GET", "/chunks/0")) == 5


def test_a_lost_submission_is_repeated_under_the_same_key(tmp_path: Path) -> None:
    script = simple(Answer(503, b"", "text/html"), Answer(200, b"{}", cut=1), answer(status()), chunks={0: [GOOD]})
    server, found = _ask(tmp_path, script)
    assert found.equals(ROWS)
    submitted = server.asked("POST", "/v1/statements")
    assert len(submitted) == 3
    assert len({request.headers["Idempotency-Key"] for request in submitted}) == 1


def _failed(kind: str, detail: str, hint: str = "") -> Answer:
    return answer(status(state="failed", chunks=0, problem=problem(kind, detail, hint)))


NO_STATUS = "the status of the statement is none"
FAILURES: dict[str, tuple[Answer, type[OmptoolError], str]] = {
    "refused": (_failed("statement-refused", "no", "a\n ^"), QueryError, "no"),
    "empty": (_failed("invalid-request", "the statement is empty"), UsageError, "the statement is empty"),
    "timeout": (_failed("statement-timeout", "slow"), StatementTimeout, "slow"),
    "too large": (_failed("result-too-large", "big"), ResultTooLarge, "big"),
    "stopped by somebody else": (answer(status(state="cancelled")), Unreachable, "cloud plant stopped the statement"),
    "too busy": (answer(problem("too-busy", "full", "wait"), 503), Busy, "full"),
    "wrong token": (
        answer(problem("unauthorized", "wrong"), 401),
        ServerRefused,
        "cloud plant refuses the token: wrong",
    ),
    "forbidden by a proxy": (Answer(403, b"<html>", "text/html"), ServerRefused, "it answered 403"),
    "a redirect": (
        Answer(307, headers={"Location": "http://evil.example/"}),
        ServerRefused,
        "on to http://evil.example/",
    ),
    "a web page": (Answer(200, b"<html>", "text/html"), ProtocolError, "/v1/statements is text/html"),
    "no JSON": (Answer(200, b"{", "application/json"), ProtocolError, "/v1/statements is no JSON"),
    "JSON too deep": (Answer(200, b"[" * 200_000, "application/json"), ProtocolError, "is no JSON"),
    "another JSON": (answer([1, 2]), ProtocolError, NO_STATUS),
    "an id that leads elsewhere": (answer(status(id="../../v1/plant?")), ProtocolError, NO_STATUS),
    "a count below zero": (answer(status(chunks=-1)), ProtocolError, NO_STATUS),
    "a state that is none": (answer(status(state="paused")), ProtocolError, NO_STATUS),
    "a path that is not there": (Answer(404, b"<html>", "text/html"), ProtocolError, "gives 404"),
    "too large an answer": (Answer(200, b" " * (9 << 20)), ProtocolError, "an answer of more than 8192 KiB"),
    "a compressed answer": (Answer(200, headers={"Content-Encoding": "gzip"}), ProtocolError, "does not answer like"),
    "a fault": (answer(problem("internal", "a fault"), 500), Unreachable, "it answers 500"),
    "fewer rows than said": (answer(status(rows=4)), ProtocolError, "3 rows came of the 4"),
    "no chunk at all": (answer(status(chunks=0, rows=0)), ProtocolError, "0 rows came of the 0"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_goes_wrong_is_one_clear_error(tmp_path: Path, name: str) -> None:
    first, kind, message = FAILURES[name]
    server, found = _ask(tmp_path, simple(first, chunks={0: [GOOD]}))
    assert type(found) is kind
    assert message in found.message
    assert TOKEN not in found.message + found.hint
    assert all("evil" not in request.path for request in server.requests)


def test_the_hint_keeps_its_caret(tmp_path: Path) -> None:
    _, found = _ask(tmp_path, simple(FAILURES["refused"][0]))
    assert isinstance(found, OmptoolError) and found.hint == "a\n ^"


def test_a_failure_between_two_chunks_has_its_own_words(tmp_path: Path) -> None:
    script = simple(
        answer(status(state="running"), 202),
        answer(status(state="failed", problem=problem("statement-timeout", "slow"))),
        chunks={0: [answer(problem("conflict", "the statement failed"), 409)]},
    )
    assert isinstance(_ask(tmp_path, script)[1], StatementTimeout)


@pytest.mark.parametrize("where", ["poll", "chunk"])
def test_a_server_that_was_started_anew_is_away(tmp_path: Path, where: str) -> None:
    gone = answer(problem("not-found", "there is no statement of this id"), 404)
    polls = (gone,) if where == "poll" else (answer(status()),)
    script = simple(answer(status(state="running", chunks=0), 202), *polls, chunks={0: [gone]})
    _, found = _ask(tmp_path, script)
    assert isinstance(found, Unreachable)
    assert "does not know the statement any more" in found.message


def _with(data: bytes, old: bytes, new: bytes) -> bytes:
    assert old in data
    return data.replace(old, new)


LONG = pa.table({"n": ["x" * 1000] * 10})
WRONG_CHUNKS: dict[str, bytes] = {
    "nothing": b"\xff\xff\xff\xff\x00\x00\x00\x00",
    "text": b"no arrow at all",
    "more behind the end": GOOD.body + b"x" * 8,
    "offsets outside": _with(ipc(LONG), (9000).to_bytes(4, "little"), (2**30).to_bytes(4, "little")),
    "text that is no text": _with(ipc(LONG), b"xxxxxxxx", b"\xff\xfe\xff\xfe\xff\xfe\xff\xfe"),
    "a header of 2 GiB": b"\xff\xff\xff\xff\xf8\xff\xff\x7f" + b"\0" * 64,
    "a bomb": _with(ipc(LONG, compression="lz4"), (10000).to_bytes(8, "little"), (2**40).to_bytes(8, "little")),
}


@pytest.mark.parametrize("name", WRONG_CHUNKS)
def test_bytes_that_are_no_chunk(tmp_path: Path, name: str) -> None:
    _, found = _ask(tmp_path, simple(answer(status()), chunks={0: [Answer(200, WRONG_CHUNKS[name], ARROW)]}))
    assert isinstance(found, ProtocolError)
    assert "chunk 0 is no Arrow stream" in found.message


def test_later_chunks_have_the_columns_of_the_first(tmp_path: Path) -> None:
    other = chunk(pa.table({"n": [1.5], "t": ["a"]}))
    _, found = _ask(tmp_path, simple(answer(status(chunks=2, rows=4)), chunks={0: [GOOD], 1: [other]}))
    assert isinstance(found, ProtocolError) and "chunk 1 has other columns" in found.message


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, len(GOOD.body) - 1), st.binary(min_size=1, max_size=8))
def test_no_bytes_break_the_reader(at: int, noise: bytes) -> None:
    data = GOOD.body[:at] + noise + GOOD.body[at + len(noise) :]
    try:
        found = client_chunks.read(data)
    except (client_chunks.Truncated, client_chunks.NotArrow):
        return
    for batch in found.batches:
        batch.to_pylist()


@pytest.mark.parametrize("cut", range(0, len(GOOD.body), 8))
def test_every_cut_is_seen(cut: int) -> None:
    with pytest.raises(client_chunks.Truncated):
        client_chunks.read(GOOD.body[:cut])


def test_a_huge_integer_is_no_wrong_decimal() -> None:
    assert client_chunks.read(ipc(_hugeint())).batches[0].num_rows == 1


def _hugeint() -> pa.Table:
    """What DuckDB makes of the largest HUGEINT, also inside lists, structs and maps."""
    raw = pa.array([(2**127 - 1).to_bytes(16, "little")], pa.binary(16))
    number = raw.view(pa.decimal128(38, 0))
    nested = pa.StructArray.from_arrays([number], ["a"])
    listed = pa.ListArray.from_arrays([0, 1], nested)
    return pa.table({"h": number, "s": nested, "l": listed, "m": pa.MapArray.from_arrays([0, 1], ["k"], number)})


def test_cancel_stops_it_on_the_server(tmp_path: Path) -> None:
    held = threading.Event()
    ended = answer(status(state="cancelled", chunks=0))
    script = simple(answer(status(state="running", chunks=0), 202), Answer(**{**vars(ended), "hold": held}))
    with scripted(tmp_path, script) as server, CloudEngine(server.config) as engine:
        raised: list[BaseException] = []

        def ask() -> None:
            try:
                engine.run("select 1")
            except OmptoolError as error:
                raised.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        server.wait_for("GET", "wait=")
        engine.cancel()
        held.set()
        asking.join(60)
    assert [str(error) for error in raised] == ["the statement was cancelled"]
    assert len(server.asked("POST", ":cancel")) == 1


def test_a_reader_that_is_left_stops_the_statement(tmp_path: Path) -> None:
    with scripted(tmp_path, simple(answer(status(state="running"), 202), chunks={0: [GOOD]})) as server:
        with CloudEngine(server.config) as engine:
            engine.run("select 1").read_next_batch()
        assert len(server.asked("POST", ":cancel")) == 1


def test_a_complete_result_is_not_cancelled(tmp_path: Path) -> None:
    server, _ = _ask(tmp_path, simple(answer(status()), chunks={0: [GOOD]}))
    assert not server.asked("POST", ":cancel")


@pytest.mark.parametrize("state", [202, 0])
def test_an_interrupt_cancels_wherever_it_falls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, state: int) -> None:
    """Also while the submission is on its way and nobody knows an id yet: the same key finds it."""
    submitted = answer(status(state="running", chunks=0), 202)
    with scripted(tmp_path, simple(submitted)) as server, CloudEngine(server.config) as engine:
        original: Callable[..., Any] = client_http.Http.ask

        def interrupted(self: client_http.Http, method: str, path: str, **options: Any) -> Any:
            found = original(self, method, path, **options)
            if (method == "POST") == (state == 0):
                raise KeyboardInterrupt
            return found

        monkeypatch.setattr(client_http.Http, "ask", interrupted)
        with pytest.raises(KeyboardInterrupt):
            engine.run("select 1")
    assert len(server.asked("POST", "/v1/statements/s1:cancel")) == 1
    keys = {request.headers["Idempotency-Key"] for request in server.requests if request.path == "/v1/statements"}
    assert len(keys) == 1


def test_nothing_is_sent_that_cannot_be_right(tmp_path: Path) -> None:
    with scripted(tmp_path, simple(answer(status()))) as server, CloudEngine(server.config) as engine:
        for statement, parameters, kind in [
            ("  ", {}, UsageError),
            ("x" * (1 << 20 | 1), {}, QueryError),
            ("select '\udc80'", {}, QueryError),
            ("select $p", {"p": ["\udc80"]}, QueryError),
            ("select $p", {"p": [1, "a"]}, UsageError),
            ("select $p", {"p": object()}, UsageError),
        ]:
            with pytest.raises(kind):
                engine.run(statement, parameters)
    assert server.requests == []


def test_the_proxy_of_the_environment_is_not_between_here_and_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    _, found = _ask(tmp_path, simple(answer(status()), chunks={0: [GOOD]}))
    assert isinstance(found, pa.Table)


@pytest.mark.parametrize("document", [[], {}, {"plant": 1}, {"plant": {"zone": 7}}, {"plant": {"roles": 1}}])
def test_a_plant_that_is_none(tmp_path: Path, document: object) -> None:
    with scripted(tmp_path, lambda _: answer(document)) as server, CloudEngine(server.config) as engine:
        if document == {}:
            assert engine.plant() is None
        else:
            with pytest.raises(ProtocolError):
                engine.plant()


def _certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context with a certificate that nobody vouches for, and the file with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "omp")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    both = folder / "omp.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    both.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    return context, both


def test_https_asks_who_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context, authority = _certificate(tmp_path)
    with scripted(tmp_path, simple(answer(status()), chunks={0: [GOOD]}), context) as server:
        with CloudEngine(server.config) as engine, pytest.raises(ServerRefused, match="is not trusted"):
            engine.run("select 1")
        assert server.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        with CloudEngine(server.config) as engine:
            assert engine.run("select 1").read_all().equals(ROWS)


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "nonsense://[", "http://127.0.0.1:99999"])
def test_a_proxy_that_cannot_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
    token = tmp_path / "t"
    token.write_text(TOKEN)
    token.chmod(0o600)
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with (
        pytest.raises((ConfigError, Unreachable)),
        CloudEngine(CloudConfig("p", "https://h.example", token, 1)) as engine,
    ):
        engine.run("select 1")
