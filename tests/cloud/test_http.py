"""What the cloud API answers: every path, and every way a statement goes."""

from __future__ import annotations

import io
import json
import re
import socket
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pytest

from omptool import __version__
from omptool.lake.table import Table
from tests.cloud.api import TOKEN, Api, problem, serving

ARROW = "application/vnd.apache.arrow.stream"


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    with serving(tmp_path_factory.mktemp("lake")) as running:
        yield running


def rows(data: bytes) -> list[dict[str, Any]]:
    return pa.ipc.open_stream(data).read_all().to_pylist()  # type: ignore[no-any-return]


def test_health_needs_no_token(api: Api) -> None:
    answer = httpx.get(api.client.base_url.join("/v1/health"), trust_env=False)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok", "version": __version__})
    assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers


def test_tables_say_columns_and_versions(api: Api) -> None:
    assert api.client.get("/v1/tables").json() == {
        "tables": [
            {
                "name": "telemetry",
                "columns": [{"name": "time", "type": "TIMESTAMPTZ"}, {"name": "value", "type": "DOUBLE"}],
            }
        ],
        "lake_version": {"telemetry": 7},
        "next_link": None,
    }


def test_the_plant_model_is_that_of_the_lake(tmp_path: Path) -> None:
    model = (
        'site = "Riverside"\ntime_zone = "Europe/Berlin"\n\n[roles]\nstate = ["State"]\n\n[states]\n3 = "Executing"\n'
    )
    with serving(tmp_path) as api:
        assert api.client.get("/v1/plant").json() == {"plant": None}
        table = Table(tmp_path, "telemetry")
        table.create({"omptool.plant": model})
        assert api.client.get("/v1/plant").json() == {
            "plant": {
                "site": "Riverside",
                "time_zone": "Europe/Berlin",
                "roles": {"state": ["State"]},
                "states": {"3": "Executing"},
            }
        }


def test_a_statement_that_ends_in_time_is_answered_at_once(api: Api) -> None:
    answer = api.submit("rows 3 2")
    status = answer.json()
    assert answer.status_code == 200
    assert "retry-after" not in answer.headers
    assert answer.headers["operation-location"] == f"/v1/statements/{status['id']}"
    assert (status["state"], status["chunks"], status["rows"], status["problem"]) == ("succeeded", 2, 5, None)
    assert status["columns"] == [{"name": "n", "type": "BIGINT"}, {"name": "text", "type": "VARCHAR"}]
    assert status["lake_version"] == {"telemetry": 7}
    assert datetime.fromisoformat(status["created_at"]).utcoffset() == timedelta(0)
    chunks = [api.chunk(status["id"], number) for number in (0, 1)]
    assert [chunk.headers["content-type"] for chunk in chunks] == [ARROW, ARROW]
    assert [row["n"] for chunk in chunks for row in rows(chunk.content)] == [0, 1, 2, 3, 4]
    assert sum(len(chunk.content) for chunk in chunks) == status["bytes"]
    assert re.fullmatch(r"[A-Za-z0-9_-]{20,}", status["id"])


def test_a_result_without_rows_has_its_columns(api: Api) -> None:
    status = api.submit("rows 0").json()
    assert (status["chunks"], status["rows"]) == (1, 0)
    assert pa.ipc.open_stream(api.chunk(status["id"], 0).content).read_all().column_names == ["n", "text"]
    assert api.chunk(status["id"], 0, "text/csv").text == "n,text\n"
    assert api.chunk(status["id"], 0, "application/json").json() == []


def test_chunks_of_csv_are_one_file_and_chunks_of_json_are_documents(api: Api) -> None:
    identifier = api.submit("rows 2 0 1").json()["id"]
    csv = [api.chunk(identifier, number, "text/csv") for number in range(3)]
    assert csv[0].headers["content-type"].startswith("text/csv")
    assert csv[0].headers["vary"] == "Accept"
    joined = "".join(chunk.text for chunk in csv)
    assert joined == 'n,text\n0,"""0"", é"\n1,"""1"", é"\n2,"""2"", é"\n'
    assert [api.chunk(identifier, n, "application/json").json() for n in (0, 2)] == [
        [{"n": 0, "text": '"0", é'}, {"n": 1, "text": '"1", é'}],
        [{"n": 2, "text": '"2", é'}],
    ]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", ARROW),
        ("*/*", ARROW),
        ("application/*", ARROW),
        ("text/*", "text/csv"),
        ("application/json;q=0.9, text/csv;q=0.1", "application/json"),
        ("text/html, application/json;q=0.5", "application/json"),
        ("*/*;q=0.1, text/csv", "text/csv"),
        (f"{ARROW};q=0, application/*", "application/json"),
        ("TEXT/CSV", "text/csv"),
        ("text/csv;q=nonsense, application/json", "application/json"),
    ],
)
def test_rows_come_as_the_client_likes_them_best(api: Api, accept: str, expected: str) -> None:
    answer = api.chunk(api.submit("rows 1").json()["id"], 0, accept)
    assert answer.headers["content-type"].partition(";")[0] == expected


@pytest.mark.parametrize("accept", ["text/html", "image/*", "text/csv;q=0", "nonsense"])
def test_rows_in_no_accepted_type_are_406(api: Api, accept: str) -> None:
    found = problem(api.chunk(api.submit("rows 1").json()["id"], 0, accept), 406, "invalid-request")
    assert "text/csv" in found["hint"]


def test_a_long_statement_is_polled_and_its_chunks_are_there_while_it_runs(api: Api) -> None:
    submitted = api.submit("rows 2 wait 3", wait_timeout=0)
    assert submitted.status_code == 202
    assert submitted.headers["retry-after"] == "1"
    path = submitted.headers["operation-location"]
    status = api.client.get(path, params={"wait": 20, "seen": 0}).json()
    assert (status["state"], status["chunks"], status["rows"]) == ("running", 1, 2)
    assert len(rows(api.client.get(f"{path}/chunks/0").content)) == 2
    found = problem(api.client.get(f"{path}/chunks/1"), 404, "not-found")
    assert found["detail"] == "there is no chunk 1 yet"
    api.let_go()
    answer = api.client.get(path, params={"wait": 50})
    assert answer.status_code == 200
    assert (answer.json()["state"], answer.json()["rows"]) == ("succeeded", 5)
    assert problem(api.client.get(f"{path}/chunks/2"), 404, "not-found")["detail"] == "there is no chunk 2"


def test_a_statement_that_waits_for_a_worker_is_queued(api: Api) -> None:
    status = api.submit("s queue 1", wait_timeout=0).json()
    assert (status["state"], status["columns"], status["lake_version"]) == ("queued", None, None)
    api.let_go()
    assert api.client.get(f"/v1/statements/{status['id']}?wait=20").json()["state"] == "succeeded"


@pytest.mark.parametrize(
    ("statement", "kind", "status", "detail"),
    [
        ("refuse", "statement-refused", 400, 'no table "refuse"'),
        ("empty", "invalid-request", 400, "the statement is empty"),
        ("slow", "statement-timeout", 504, "the statement ran longer than it may"),
        ("large", "result-too-large", 413, "the result is larger than it may be"),
        ("broken", "statement-failed", 500, "a file of the lake is gone"),
        ("rows 2 broken", "statement-failed", 500, "a file of the lake is gone"),
    ],
)
def test_a_statement_that_fails_says_why(api: Api, statement: str, kind: str, status: int, detail: str) -> None:
    answer = api.submit(statement)
    assert answer.status_code == 200
    found = answer.json()
    assert found["state"] == "failed"
    assert found["problem"] | {"title": "", "hint": ""} == {
        "type": f"urn:omptool:problem:{kind}",
        "title": "",
        "status": status,
        "detail": detail,
        "hint": "",
    }
    problem(api.chunk(found["id"], 0), 409, "conflict")


def test_a_fault_of_the_server_is_reported_to_it_alone(api: Api) -> None:
    found = api.submit("rows 1 fault").json()
    assert found["problem"]["type"] == "urn:omptool:problem:internal"
    assert "secret" not in json.dumps(found)
    assert [type(fault) for fault in api.faults] == [ZeroDivisionError]
    api.faults.clear()


def test_a_fault_in_a_request_is_a_problem_too(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: str) -> None:
        raise RuntimeError("a secret of the server")

    monkeypatch.setattr(api.store, "get", fails)
    answer = api.client.get("/v1/statements/x")
    problem(answer, 500, "internal")
    assert "secret" not in answer.text
    assert [str(fault) for fault in api.faults] == ["a secret of the server"]
    api.faults.clear()


def test_cancel_stops_the_statement_and_wakes_who_waits(api: Api) -> None:
    status = api.submit("rows 1 wait 1", wait_timeout=0).json()
    path = f"/v1/statements/{status['id']}"
    waited: list[Any] = []
    waiter = threading.Thread(target=lambda: waited.append(api.client.get(path, params={"wait": 50}).json()))
    waiter.start()
    answer = api.client.post(f"{path}:cancel")
    waiter.join(60)
    assert (answer.status_code, answer.json()["state"], answer.json()["problem"]) == (200, "cancelled", None)
    assert waited[0]["state"] == "cancelled"
    assert api.pool.runs[-1].is_cancelled
    assert api.client.post(f"{path}:cancel").json() == answer.json()
    assert problem(api.client.get(f"{path}/chunks/0"), 409, "conflict")["detail"].startswith("the statement was canc")


def test_cancelling_what_has_ended_changes_nothing(api: Api) -> None:
    status = api.submit("rows 1").json()
    assert api.client.post(f"/v1/statements/{status['id']}:cancel").json() == status
    assert api.chunk(status["id"], 0).status_code == 200


def test_the_same_key_is_the_same_statement(api: Api) -> None:
    before = len(api.pool.runs)
    keyed = httpx.Headers({"Idempotency-Key": "5f0d"})
    body = {"statement": "rows 1", "parameters": {"x": {"type": "int", "value": 1}}}
    first = api.client.post("/v1/statements", json=body, headers=keyed)
    again = api.client.post("/v1/statements", json=body | {"wait_timeout": 0}, headers=keyed)
    assert first.json()["id"] == again.json()["id"]
    assert len(api.pool.runs) == before + 1
    other = api.client.post("/v1/statements", json=body | {"statement": "rows 2"}, headers=keyed)
    problem(other, 409, "conflict")
    fresh = api.client.post("/v1/statements", json=body, headers={"Idempotency-Key": "5f0e"})
    assert fresh.json()["id"] != first.json()["id"]


def test_a_client_that_leaves_takes_its_statement_with_it(api: Api) -> None:
    body = json.dumps({"statement": "rows wait", "wait_timeout": 50}).encode()
    host, port = api.client.base_url.host, api.client.base_url.port
    head = (
        f"POST /v1/statements HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    before = len(api.pool.runs)
    with socket.create_connection((host, port or 80)) as connection:
        connection.sendall(head.encode() + body)
        while len(api.pool.runs) == before:
            threading.Event().wait(0.01)
    run = api.pool.runs[-1]
    for _ in range(3000):
        if run.is_cancelled:
            break
        threading.Event().wait(0.01)
    assert run.is_cancelled


def test_json_rows_are_those_of_the_command_line(api: Api) -> None:
    from omptool.cli.render_text import WRITERS

    identifier = api.submit("rows 3").json()["id"]
    table = pa.ipc.open_stream(api.chunk(identifier, 0).content).read_all()
    for kind, name in (("application/json", "json"), ("text/csv", "csv")):
        written = io.BytesIO()
        WRITERS[name](table, written)
        assert api.chunk(identifier, 0, kind).content == written.getvalue()
