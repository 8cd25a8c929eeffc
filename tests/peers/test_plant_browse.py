"""Browsing the odd plant: every node once, under its own path and NodeId, in every format."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter, defaultdict

import pyarrow as pa
import pytest

from omptool.model.path import Glob, glob_of
from omptool.opcua.exploring import around
from tests.conftest import Result
from tests.peers.plants import Plant

STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
"""What a terminal or an eye would follow."""
DEEP = "Plant/Deep/" + "/".join(f"Level{level}" for level in range(1, 61)) + "/value"


@pytest.fixture(scope="module")
def browsed(plant: Plant, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    """Every node below Plant, with its value."""
    target = tmp_path_factory.mktemp("browse") / "rows.jsonl"
    from omptool.cli import app, settings

    settings.forget()
    code = app.run(["browse", plant.url, "--root", "Plant", "--values", "-o", str(target), "--timeout", "60"])
    assert code == 0
    return [json.loads(line) for line in target.read_text().splitlines()]


def test_every_node_is_there_once_with_its_path(plant: Plant, browsed: list[dict[str, object]]) -> None:
    places = {row["node_id"]: row["path"] for row in browsed}
    truths = [*plant.values, *plant.typed, *plant.names]
    assert {truth.node_id: places.get(truth.node_id) for truth in truths} == {t.node_id: t.path for t in truths}
    assert len(places) == len(browsed)


def test_browse_names_and_values_survive(plant: Plant, browsed: list[dict[str, object]]) -> None:
    rows = {row["node_id"]: row for row in browsed}
    uri = "nsu=urn:test:plant%3Bnames=%253B/é;"
    for truth in plant.names:
        row = rows[truth.node_id]
        assert (row["browse_name"], row["value"], row["node_class"]) == (uri + truth.names[-1], truth.plain, "Variable")


def test_a_path_as_a_glob_means_exactly_its_nodes(browsed: list[dict[str, object]]) -> None:
    paths = Counter(str(row["path"]) for row in browsed)
    for path in paths:
        glob = Glob(glob_of(path))
        assert [other for other in paths if glob.matches(other)] == [path]


def test_a_glob_on_the_command_line_means_exactly_its_nodes(plant: Plant, invoke) -> None:
    by_path = defaultdict(set)
    for truth in plant.names:
        by_path[truth.path].add(truth.node_id)
    hard = [path for path in by_path if path.startswith(("Plant/Names/", "Plant/Twins/"))]
    options = [part for path in hard for part in ("--select", glob_of(path))]
    result = invoke("browse", plant.url, "--root", "Plant", *options)
    assert result.code == 0, result.err
    found = defaultdict(set)
    for row in result.rows:
        found[row["path"]].add(row["node_id"])
    assert found == {path: by_path[path] for path in hard}


def test_a_path_reads_exactly_its_nodes(plant: Plant, invoke) -> None:
    paths = list(dict.fromkeys(truth.path for truth in plant.names))
    result = invoke("read", plant.url, *paths, "--timeout", "60")
    assert result.code == 0, result.err
    assert Counter((row["node_id"], row["path"], row["value"]) for row in result.rows) == Counter(
        (truth.node_id, truth.path, truth.plain) for truth in plant.names
    )


def test_a_node_id_as_text_is_that_node(plant: Plant, invoke) -> None:
    result = invoke("read", plant.url, *(truth.node_id for truth in plant.names), "--timeout", "60")
    assert result.code == 0, result.err
    assert [(row["node_id"], row["value"]) for row in result.rows] == [(t.node_id, t.plain) for t in plant.names]


def test_a_node_id_of_a_browsed_row_is_a_root(plant: Plant, invoke) -> None:
    result = invoke("browse", plant.url, "--root", "nsu=urn:test:plant%3Bnames=%253B/é;s=Deep.59")
    assert [row["path"] for row in result.rows] == [DEEP.removesuffix("/value"), DEEP]


def test_circles_end(plant: Plant, browsed: list[dict[str, object]], invoke) -> None:
    circles = [row for row in browsed if str(row["path"]).startswith("Plant/Circles")]
    assert [row["path"] for row in circles] == [
        "Plant/Circles",
        "Plant/Circles/Second",
        "Plant/Circles/Second/Third",
        "Plant/Circles/Second/Third/value",
    ]
    third = next(row["node_id"] for row in circles if row["browse_name"] == "nsu=urn:test:plant%3Bnames=%253B/é;Third")
    assert third in circles[0]["parents"] and third in circles[1]["parents"]
    inside = invoke("browse", plant.url, "--root", str(third), "--class", "Variable")
    assert "Plant/Circles/Second/Third/value" in [row["path"] for row in inside.rows]


def test_sixty_levels_down(plant: Plant, browsed: list[dict[str, object]], invoke) -> None:
    assert [row["value"] for row in browsed if row["path"] == DEEP] == [plant.names[-1].plain]
    assert len(invoke("browse", plant.url, "--root", "Plant/Deep", "--depth", "5").rows) == 5


def test_csv_holds_every_name(plant: Plant, browsed: list[dict[str, object]], invoke) -> None:
    expected = [row for row in browsed if str(row["path"]).startswith("Plant/Names/")]
    for format, delimiter in (("csv", ","), ("tsv", "\t")):
        result: Result = invoke("browse", plant.url, "--root", "Plant/Names", "--format", format)
        header, *rows = csv.reader(io.StringIO(result.out, newline=""), delimiter=delimiter)
        column = {name: [row[at] for row in rows] for at, name in enumerate(header)}
        for name in ("path", "node_id", "browse_name", "display_name"):
            assert column[name] == [row[name] for row in expected]


def test_arrow_holds_every_name(plant: Plant, browsed: list[dict[str, object]], invoke, tmp_path) -> None:
    expected = [row for row in browsed if str(row["path"]).startswith("Plant/Names/")]
    assert invoke("browse", plant.url, "--root", "Plant/Names", "-o", "rows.arrow").code == 0
    table = pa.ipc.open_stream((tmp_path / "rows.arrow").read_bytes()).read_all()
    for name in ("path", "browse_name", "parents"):
        assert table.column(name).to_pylist() == [row[name] for row in expected]


@pytest.mark.parametrize("format", ["table", "jsonl"])
def test_hostile_names_and_values_steer_no_terminal(plant: Plant, invoke, format: str) -> None:
    select = ("--select", "Plant/{Names,NodeIds}/*", "--select", "Plant/Scalars/{String,LocalizedText}/*")
    result: Result = invoke("browse", plant.url, "--root", "Plant", *select, "--values", "--format", format)
    assert result.code == 0 and STEERING.search(result.out) is None
    names = [truth.node_id for truth in plant.names if STEERING.search(truth.path)]
    result = invoke("read", plant.url, *names, "--format", format)
    assert STEERING.search(result.out) is None and STEERING.search(result.err) is None


def test_a_hostile_name_in_an_error_steers_no_terminal(plant: Plant, invoke) -> None:
    result: Result = invoke(
        "read", plant.url, "Plant/Names/\x1b[31mrde", "nsu=urn:test:plant%3Bnames=%253B/é;s=\x1b[31m"
    )
    assert result.code == 1 and result.err.count("omptool: ") == 2
    assert STEERING.search(result.err) is None


def test_a_root_is_found_though_no_reference_leads_back(plant: Plant, invoke, monkeypatch) -> None:
    """Some servers know their references in one direction only: nothing to go up by."""

    async def nobody_above(*_: object) -> dict[object, object]:
        return {}

    monkeypatch.setattr(around, "_ways_up", nobody_above)
    for root in ("Plant/Twins", "nsu=urn:test:plant%3Bnames=%253B/é;s=Twins"):
        result: Result = invoke("browse", plant.url, "--root", root)
        assert [row["path"] for row in result.rows] == ["Plant/Twins/same"] * 3, result.err
    assert invoke("browse", plant.url, "--root", "nsu=urn:test:plant;s=Nobody").code == 1
