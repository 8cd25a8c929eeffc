"""`browse --save` and `browse SNAPSHOT` as a user types them."""

from __future__ import annotations

from pathlib import Path

import pytest

from omptool.opcua.exploring import crawl
from omptool.sources import snapshot
from tests.opcua.address_space import PLANT, Space


@pytest.mark.parametrize("suffix", ["parquet", "json", "csv"])
def test_a_snapshot_answers_like_the_server(space: Space, invoke, suffix: str) -> None:
    options = ("--select", "**/{Speed,Temp}", "--type", "Number", "--values")
    live = invoke("browse", space.url, *options, "--save", f"plant.{suffix}")
    assert live.code == 0, live.err
    assert f"plant.{suffix}" in live.err
    offline = invoke("browse", f"plant.{suffix}", *options)
    assert offline.code == 0, offline.err
    assert len(live.rows) == 2 and offline.rows == live.rows


def test_everything_is_saved_whatever_is_shown(space: Space, invoke) -> None:
    assert len(invoke("browse", space.url, "--select", "**/Speed", "--save", "plant.parquet").rows) == 1
    assert len(invoke("browse", "plant.parquet").rows) == space.below_objects


def test_query_reads_a_snapshot(space: Space, invoke) -> None:
    invoke("browse", space.url, "--root", "Leipzig", "--save", "plant.parquet")
    result = invoke("query", "select path from plant where node_class = 'Object' order by 1", "--on", "plant.parquet")
    assert result.rows[0] == {"path": "Leipzig/Hall2"}, result.err


def test_a_subtype_is_one_of_its_type(space: Space, invoke) -> None:
    paths = {row["path"] for row in invoke("browse", space.url, "--root", "Described", "--type", "Number").rows}
    assert "Described/Temp" in paths and "Described" not in paths
    objects = {row["path"] for row in invoke("browse", space.url, "--depth", "1", "--type", "BaseObjectType").rows}
    assert {"Described", "Leipzig", "Server"} <= objects


def test_find_by_unit_regex_and_namespace(space: Space, invoke) -> None:
    assert [row["path"] for row in invoke("browse", space.url, "--unit", "°C").rows] == ["Described/Temp"]
    rows = invoke("browse", space.url, "--regex", "Line[0-9]/Press7/S", "--namespace", "urn:test:plant").rows
    assert [row["path"] for row in rows] == ["Leipzig/Hall2/Line1/Press7/Speed"]
    assert {row["node_id"][:4] for row in invoke("browse", space.url, "--namespace", "OPC UA").rows} != {"nsu="}


def test_a_root_is_named_as_for_the_server(space: Space, invoke, tmp_path: Path) -> None:
    assert invoke("browse", space.url, "--save", "plant.parquet").code == 0
    index = snapshot.read(tmp_path / "plant.parquet").namespaces[PLANT]
    for root in ("Leipzig", f"nsu={PLANT};s=Leipzig", f"ns={index};s=Leipzig", "i=85"):
        live, offline = (invoke("browse", source, "--root", root) for source in (space.url, "plant.parquet"))
        assert live.code == offline.code == 0, offline.err
        assert {row["path"] for row in offline.rows} == {row["path"] for row in live.rows}
    server = invoke("browse", "plant.parquet", "--root", "ns=0;i=2253")
    assert server.code == 0 and {row["path"].partition("/")[0] for row in server.rows} == {"Server"}
    wrong = invoke("browse", "plant.parquet", "--root", "ns=99;s=Leipzig")
    assert wrong.code == 1 and "no namespace 99" in wrong.err


@pytest.mark.parametrize("option", [("--user", "x"), ("--per-request", "5"), ("--trust-first",)])
def test_nobody_logs_in_to_a_file(space: Space, invoke, option: tuple[str, ...]) -> None:
    assert invoke("browse", space.url, "--root", "Leipzig", "--save", "plant.parquet").code == 0
    for command in (("browse", "plant.parquet"), ("diff", "plant.parquet", "plant.parquet")):
        result = invoke(*command, *option)
        assert result.code == 2 and option[0] in result.err


def test_read_says_where_a_glob_may_match_more(space: Space, invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crawl, "MOST_LEVELS", 2)
    result = invoke("read", space.url, "--select", "Described/Temp")
    assert result.code == 3 and len(result.rows) == 1
    assert "not the whole tree" in result.err and "BadTooManyMatches" in result.err
