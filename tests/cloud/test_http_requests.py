"""Every way a request to the cloud API is wrong, and what it then says."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from omptool.cloud.server.guard import BODY_LIMIT, VALUES_LIMIT
from tests.cloud.api import TOKEN, Api, problem, serving


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("lake")) as running:
        yield running


def test_parameters_keep_value_and_type(api: Api) -> None:
    moment = datetime(2026, 11, 22, 10, 18, 0, 123456, tzinfo=UTC)
    sent: dict[str, Any] = {
        "nothing": {"type": "null", "value": None},
        "yes": {"type": "bool", "value": True},
        "small": {"type": "int", "value": -5},
        "huge": {"type": "int", "value": "12345678901234567890123"},
        "whole": {"type": "int", "value": 2.0},
        "float": {"type": "float", "value": 0.1},
        "integral": {"type": "float", "value": 3, "items": None},
        "nan": {"type": "float", "value": "NaN"},
        "least": {"type": "float", "value": "-Infinity"},
        "text": {"type": "text", "value": "'; DROP TABLE x --"},
        "time": {"type": "timestamp", "value": "2026-11-22T11:18:00.123456789+01:00"},
        "interval": {"type": "interval", "value": 1_500_000},
        "list": {"type": "list", "items": "int", "value": [1, None, "9007199254740993"]},
        "texts": {"type": "list", "items": "text", "value": []},
        "times": {"type": "list", "items": "timestamp", "value": ["2026-11-22T10:18:00.123456Z"]},
    }
    assert api.submit("rows 0", parameters=sent, tz="Europe/Berlin", repeatable=True, byte_limit=99).status_code == 200
    job = api.pool.runs[-1].job
    assert (job.tz, job.repeatable, job.result_bytes) == ("Europe/Berlin", True, 99)
    bound = dict(job.parameters)
    assert str(bound.pop("nan")) == "nan"
    assert bound == {
        "nothing": None,
        "yes": True,
        "small": -5,
        "huge": 12345678901234567890123,
        "whole": 2,
        "float": 0.1,
        "integral": 3.0,
        "least": float("-inf"),
        "text": "'; DROP TABLE x --",
        "time": moment,
        "interval": timedelta(seconds=1.5),
        "list": [1, None, 9007199254740993],
        "texts": [],
        "times": [moment],
    }
    assert [type(bound[name]) for name in ("whole", "integral", "yes")] == [int, float, bool]


@pytest.mark.parametrize(
    ("sent", "where"),
    [
        ({"type": "int", "value": True}, "x.int.value"),
        ({"type": "int", "value": "1e3"}, "x.int.value"),
        ({"type": "int", "value": "1" * 39}, "x.int.value"),
        ({"type": "int", "value": 1.5}, "x.int.value"),
        ({"type": "float", "value": "nan"}, "x.float.value"),
        ({"type": "float", "value": True}, "x.float.value"),
        ({"type": "bool", "value": "true"}, "x.bool.value"),
        ({"type": "text", "value": 1}, "x.text.value"),
        ({"type": "text"}, "x.text.value"),
        ({"type": "timestamp", "value": "2026-11-22T10:18:00"}, "x.timestamp.value"),
        ({"type": "timestamp", "value": "2026-02-30T10:18:00Z"}, "x.timestamp.value"),
        ({"type": "timestamp", "value": "0001-01-01T00:00:00+14:00"}, "x.timestamp.value"),
        ({"type": "interval", "value": 2**63}, "x.interval.value"),
        ({"type": "list", "items": "int", "value": ["a"]}, "value"),
        ({"type": "list", "items": "list", "value": []}, "x: an object with type"),
        ({"type": "list", "value": []}, "x: an object with type"),
        ({"type": "integer", "value": 1}, "x: an object with type"),
        ({"type": "int", "value": 1, "more": 1}, "x.int.more"),
        (5, "x: an object with type"),
    ],
)
def test_a_wrong_parameter_is_named(api: Api, sent: object, where: str) -> None:
    found = problem(api.submit("rows 0", parameters={"x": sent}), 400, "invalid-request")
    assert where in found["detail"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b"null",
        b"{}",
        b'{"statement": ""}',
        b'{"statement": 5}',
        b'{"statement": "x", "wait_timeout": 51}',
        b'{"statement": "x", "wait_timeout": -1}',
        b'{"statement": "x", "wait_timeout": NaN}',
        b'{"statement": "x", "wait_timeout": "1"}',
        b'{"statement": "x", "byte_limit": 0}',
        b'{"statement": "x", "byte_limit": 1.5}',
        b'{"statement": "x", "repeatable": 1}',
        b'{"statement": "x", "sql": "y"}',
        b'{"statement": "x", "tz": ""}',
        b'{"statement": "x", "parameters": {"a b": {"type": "null", "value": null}}}',
        b'{"statement": "\\ud800"}',
        b'{"statement": "x", "\\ud800": 1}',
        b'{"statement": "\xff"}',
        b'{"statement": "x", "byte_limit": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        json.dumps({"statement": "x" * ((1 << 20) + 1)}).encode(),
    ],
    ids=lambda body: body[:40].decode("latin-1"),
)
def test_a_wrong_body_is_a_problem(api: Api, body: bytes) -> None:
    before = len(api.pool.runs)
    answer = api.client.post("/v1/statements", content=body, headers={"Content-Type": "application/json"})
    problem(answer, 400, "invalid-request")
    assert len(api.pool.runs) == before


def test_a_body_that_says_it_is_no_json_is_refused(api: Api) -> None:
    body = b'{"statement": "rows 1"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = api.client.post("/v1/statements", content=body, headers={"Content-Type": kind})
        problem(answer, 400, "invalid-request")


def test_the_body_is_limited_whether_or_not_it_says_its_length(api: Api) -> None:
    def parts() -> Iterator[bytes]:
        for _ in range(BODY_LIMIT // (1 << 20) + 1):
            yield b" " * (1 << 20)

    headers = {"Content-Type": "application/json"}
    found = problem(api.client.post("/v1/statements", content=parts(), headers=headers), 413, "invalid-request")
    assert found["detail"] == "the request is longer than 8 MiB"
    with socket.create_connection((api.client.base_url.host, api.client.base_url.port or 80)) as connection:
        head = f"POST /v1/statements HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        connection.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("token", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
@pytest.mark.parametrize("path", ["/v1/tables", "/v1/plant", "/v1/statements/x", "/v1/statements/x/chunks/0", "/no"])
def test_nothing_is_told_without_the_token(api: Api, path: str, token: str | None) -> None:
    headers = {} if token is None else {"Authorization": token}
    answer = httpx.get(api.client.base_url.join(path), headers=headers, trust_env=False)
    problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert TOKEN not in answer.text


def test_nothing_is_run_without_the_token(api: Api) -> None:
    before = len(api.pool.runs)
    answer = httpx.post(api.client.base_url.join("/v1/statements"), json={"statement": "rows 1"}, trust_env=False)
    problem(answer, 401, "unauthorized")
    problem(httpx.post(api.client.base_url.join("/v1/statements/x:cancel"), trust_env=False), 401, "unauthorized")
    assert len(api.pool.runs) == before


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8440", "127.0.0.1.evil.example", "", "[::2]:1"])
def test_another_name_for_this_computer_is_refused(api: Api, host: str) -> None:
    problem(api.client.get("/v1/health", headers={"Host": host}), 421, "invalid-request")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9", "127.0.0.1", "[::1]", "[::1]:8440"])
def test_the_names_of_this_computer_are_taken_with_any_port(api: Api, host: str) -> None:
    assert api.client.get("/v1/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/", 404, "not-found"),
        ("GET", "/v1/health/", 404, "not-found"),
        ("GET", "/docs", 404, "not-found"),
        ("GET", "/openapi.json", 404, "not-found"),
        ("GET", "/v1/statements", 405, "invalid-request"),
        ("DELETE", "/v1/tables", 405, "invalid-request"),
        ("GET", "/v1/statements/x:cancel", 405, "invalid-request"),
        ("GET", "/v1/statements/unknown", 404, "not-found"),
        ("POST", "/v1/statements/unknown:cancel", 404, "not-found"),
        ("GET", "/v1/statements/unknown/chunks/0", 404, "not-found"),
        ("GET", "/v1/statements/unknown/chunks/-1", 400, "invalid-request"),
        ("GET", "/v1/statements/unknown/chunks/one", 400, "invalid-request"),
        ("GET", "/v1/statements/unknown?wait=51", 400, "invalid-request"),
        ("GET", "/v1/statements/unknown?wait=nan", 400, "invalid-request"),
    ],
)
def test_what_is_not_there_is_a_problem(api: Api, method: str, path: str, status: int, kind: str) -> None:
    answer = api.client.request(method, path)
    found = problem(answer, status, kind)
    assert found["hint"]
    if status == 405:
        assert answer.headers["allow"] in ("GET", "POST")


def test_a_browser_of_another_site_is_told_nothing(api: Api) -> None:
    origin = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    asked = api.client.options("/v1/statements", headers=origin)
    answered = api.client.get("/v1/tables", headers=origin)
    assert asked.status_code == 405
    assert not [name for answer in (asked, answered) for name in answer.headers if name.startswith("access-control")]


def test_a_full_queue_is_told_with_when_to_come_again(api: Api) -> None:
    answer = api.submit("full")
    problem(answer, 503, "too-busy")
    assert answer.headers["retry-after"] == "1"


def test_too_many_values_are_refused_before_they_are_read(api: Api) -> None:
    """A megabyte of `0,` would keep the server from everybody else for seconds; commas in text are no values."""
    many = "0," * VALUES_LIMIT + "0"
    body = f'{{"statement": "x", "parameters": {{"a": {{"type": "list", "items": "int", "value": [{many}]}}}}}}'
    found = problem(api.client.post("/v1/statements", content=body), 413, "invalid-request")
    assert found["detail"] == f"the request holds more than {VALUES_LIMIT} values"
    assert api.submit("rows 0 -- " + '",\\' * VALUES_LIMIT).status_code == 200


def test_text_that_utf_8_cannot_write_is_a_wrong_request(api: Api) -> None:
    for value in ('{"type": "text", "value": "\\ud800"}', '{"type": "list", "items": "text", "value": ["\\udfff"]}'):
        body = f'{{"statement": "rows 0", "parameters": {{"a": {value}}}}}'
        answer = api.client.post("/v1/statements", content=body, headers={"Content-Type": "application/json"})
        found = problem(answer, 400, "invalid-request")
        assert "UTF-8" in found["detail"]
