"""Definitions as servers give them: read in batches, stored, and used by every command that shows values."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from omptool.capture.reader import Capture
from omptool.config import ServerConfig
from omptool.errors import ServerRefused
from omptool.model.datatypes import DataType, Field, Kind, Member
from omptool.opcua.exploring import datatypes
from omptool.opcua.exploring.crawl import crawl
from omptool.opcua.exploring.metadata import enrich
from omptool.opcua.session import Session, connect
from tests.opcua.typed_server import URI, named, running

RECIPE = {
    "class": "A", "mode": "Auto", "note": None, "limit": -0.0, "at": "2026-11-22T10:00:00.0000000Z",
    "count": 2**64 - 1, "points": [{"x": 0.0, "y": 1.0}], "blob": "AP8=",
}  # fmt: skip
POINT = {"x": 1.5, "y": "NaN"}
SHOWN: dict[str, tuple[str, Any]] = {
    "Point": ("Point", POINT),
    "Path": ("Point[]", [{"x": float(number), "y": 0.5} for number in range(3)]),
    "Recipe": ("Recipe", RECIPE),
    "Reading": ("Reading", {"text": "hot"}),
    "Open": ("Point", POINT),
    "Any": ("Recipe", RECIPE),
    "Alarms": ("Alarms", ["Hot", 2, "Low"]),
    "Old": ("Outer", {"number": -5, "levels": [0.5, 1.5], "inner": [{"label": "abc"}]}),
}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running() as address:
        yield address


def loaded(url: str) -> dict[str, DataType]:
    async def main() -> dict[str, DataType]:
        async with connect(ServerConfig(url=url, timeout_s=60)) as session:
            await enrich(session, await crawl(session, root=named("Typed")))
            return session.data_types

    return asyncio.run(main())


def check(rows: list[dict[str, Any]]) -> None:
    found = {row["path"].removeprefix("Typed/"): row for row in rows}
    for name, (kind, plain) in SHOWN.items():
        assert (found[name]["type"], json.loads(found[name]["value_text"])) == (kind, plain), name
    assert (found["Mode"]["type"], found["Mode"]["value"], found["Mode"]["value_text"]) == ("Mode", 1, "Manual")
    assert (found["Modes"]["type"], found["Modes"]["value_list"]) == ("Mode[]", [0, 2, 7])
    assert found["Alarms"]["value"] == 11
    assert found["Nothing"]["value_text"] is None
    assert json.loads(found["Stranger"]["value_text"])["type_id"] == named("nobody")
    assert json.loads(found["Broken"]["value_text"])["body"] == "AQI="


NOTES = (
    f"note: 1 value of type {named('nobody')} stayed bytes: its definition is not known",
    "note: 1 value of type Point stayed bytes: its bytes do not fit its definition",
)


def test_definitions_are_what_the_server_says(url: str) -> None:
    types = loaded(url)
    recipe = types[named("T.Recipe")]
    assert (recipe.name, recipe.kind, recipe.base) == ("Recipe", Kind.OPTIONAL_FIELDS, "i=22")
    assert recipe.fields[:3] == (
        Field("class", "i=12"),
        Field("mode", named("T.Mode")),
        Field("note", "i=12", -1, True),
    )
    assert recipe.fields[6].value_rank == 1 and recipe.encoding_id
    assert types[named("T.Mode")].members == (Member(0, "Off"), Member(1, "Manual"), Member(2, "Auto"))
    assert types[named("T.Alarms")].kind is Kind.OPTION_SET
    assert types[named("T.Reading")].kind is Kind.UNION
    outer = next(kind for kind in types.values() if kind.name == "Outer" and kind.encoding_id)
    assert outer.kind is Kind.STRUCTURE and outer.fields[2].data_type == f"nsu={URI};s=TypeDictionary/Inner"
    assert not any(kind.problem for kind in types.values())


def test_few_requests_ask_for_all(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    original = Session.call

    async def counting(self: Session, request: Any, **options: Any) -> bytes:
        asked.append(request)
        return await original(self, request, **options)

    async def main() -> int:
        async with connect(ServerConfig(url=url, timeout_s=60)) as session:
            nodes = await crawl(session, root=named("Typed"))
            monkeypatch.setattr(Session, "call", counting)
            await enrich(session, nodes)
            first = len(asked)
            await enrich(session, nodes)
            return len(asked) - first

    again = asyncio.run(main())
    assert len(asked) < 60 and again < 10


def test_small_limits_change_nothing(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = loaded(url)
    monkeypatch.setattr("omptool.model.limits.ServerLimits.chunk", lambda self, stated: 2)
    assert loaded(url) == wanted


def test_a_server_that_refuses_is_no_obstacle(
    url: str, monkeypatch: pytest.MonkeyPatch, invoke: Any, tmp_path: Path
) -> None:
    async def refuse(*_: Any, **__: Any) -> Any:
        raise ServerRefused("the server refused Browse: BadUserAccessDenied")

    monkeypatch.setattr(datatypes, "browse_all", refuse)
    types = loaded(url)
    assert types[named("T.Recipe")].kind is Kind.UNKNOWN
    assert "BadUserAccessDenied" in types[named("T.Recipe")].problem
    result = invoke("capture", url, "-o", "x.omcap", "--select", "Typed/{Recipe,Mode}", "--count", "2", "--for", "60s")
    assert result.code == 0 and "does not explain the types" in result.err
    rows = {row["path"]: row for row in invoke("cat", "x.omcap").rows}
    assert json.loads(rows["Typed/Recipe"]["value_text"])["is_xml"] is False and rows["Typed/Mode"]["value"] == 1
    journal = [entry for entry in Capture.open(tmp_path / "x.omcap").journal_entries if entry.kind == "type_unknown"]
    assert len(journal) == 1 and journal[0].detail["types"] == len(journal[0].detail["named"]) > 1
    assert "BadUserAccessDenied" in journal[0].detail["named"][0]["problem"]


def test_read_and_browse_show_them_live(url: str, invoke: Any) -> None:
    browsed = invoke("browse", url, "--values", "--class", "Variable", "--select", "Typed/*")
    assert browsed.code == 0
    check(browsed.rows)
    for note in NOTES:
        assert note in browsed.err
    read = invoke(
        "read", url, *(f"Typed/{name}" for name in [*SHOWN, "Mode", "Modes", "Nothing", "Stranger", "Broken"])
    )
    check(read.rows)


def test_a_capture_explains_its_structures(url: str, invoke: Any, tmp_path: Path) -> None:
    result = invoke("capture", url, "-o", "x.omcap", "--select", "Typed/*", "--count", "13", "--for", "60s")
    assert result.code == 0, result.err
    catted = invoke("cat", "x.omcap")
    check(catted.rows)
    for note in NOTES:
        assert note in catted.err
    capture = Capture.open(tmp_path / "x.omcap")
    assert {kind.node_id: kind for kind in capture.servers[0].data_types} == loaded(url)
    asked = invoke("query", "SELECT value_text->>'class' AS c FROM telemetry WHERE type = 'Recipe'", "--on", "x.omcap")
    assert [row["c"] for row in asked.rows] == ["A", "A"]
    converted = invoke("convert", "x.omcap", "-o", "lake")
    assert converted.code == 0 and all(note in converted.err for note in NOTES)
    rows = invoke("query", "SELECT path, type, value, value_text, value_list FROM telemetry", "--on", "lake").rows
    check(rows)
