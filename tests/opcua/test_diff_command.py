"""`diff` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.opcua.address_space import Space
from tests.opcua.test_browse_commands import on_terminal

TEMP = {
    "node_id": "nsu=urn:x;s=t", "path": "Press/Temp", "browse_name": "Temp", "node_class": "Variable",
    "data_type": "Double", "unit": "°C", "parents": ["nsu=urn:x;s=p"],
}  # fmt: skip
PRESS = {"node_id": "nsu=urn:x;s=p", "path": "Press", "browse_name": "Press", "node_class": "Object"}


@pytest.fixture
def two(tmp_path: Path) -> Path:
    (tmp_path / "old.json").write_text(json.dumps([PRESS, TEMP]))
    new = [PRESS, TEMP | {"unit": "K"}, TEMP | {"node_id": "nsu=urn:x;s=n", "path": "Press/New", "browse_name": "New"}]
    (tmp_path / "new.json").write_text(json.dumps(new))
    return tmp_path


def test_a_server_is_what_was_saved_of_it(space: Space, invoke) -> None:
    assert invoke("browse", space.url, "--save", "old.parquet").code == 0
    result = invoke("diff", "old.parquet", space.url)
    assert (result.code, result.out) == (0, ""), result.out
    assert "no difference" in result.err


def test_rows_of_what_changed(two: Path, invoke) -> None:
    result = invoke("diff", "old.json", "new.json")
    assert result.code == 6
    assert [(row["change"], row["path"], row["field"], row["before"], row["after"]) for row in result.rows] == [
        ("re-united", "Press/Temp", "unit", "°C", "K"),
        ("added", "Press/New", "", None, None),
    ]
    back = invoke("diff", "new.json", "old.json", "--ignore", "re-united")
    assert [(row["change"], row["path"]) for row in back.rows] == [("removed", "Press/New")]
    assert invoke("diff", "old.json", "new.json", "--select", "Press").code == 0


def test_what_is_not_whole_is_not_called_the_same(two: Path, invoke) -> None:
    (two / "part.json").write_text(json.dumps([PRESS | {"browse_error": "BadTimeout"}, TEMP]))
    result = invoke("diff", "old.json", "part.json")
    assert result.code == 3 and "not whole" in result.err


def test_a_tree_on_a_terminal(two: Path) -> None:
    shown = on_terminal(two, "diff", "old.json", "new.json", code=6)
    assert shown.splitlines() == [
        "old.json → new.json  1 added, 1 re-united",
        "Objects",
        "└─ Press",
        "   ├─ Temp  re-united: unit °C → K",
        "   └─ New   added",
    ]


def test_captures_are_compared_by_their_nodes(invoke, tmp_path: Path) -> None:
    from tests.sources.captures import capture

    capture(tmp_path / "a.omcap", 12)
    result = invoke("diff", "a.omcap", "a.omcap")
    assert result.code == 0, result.err


def test_what_was_wholly_added_or_removed_can_be_selected(two: Path, invoke) -> None:
    added = invoke("diff", "old.json", "new.json", "--select", "**/New")
    assert added.code == 6 and [row["change"] for row in added.rows] == ["added"], added.err
    removed = invoke("diff", "new.json", "old.json", "--select", "**/New")
    assert removed.code == 6 and [row["change"] for row in removed.rows] == ["removed"], removed.err
    neither = invoke("diff", "old.json", "new.json", "--select", "**/Nwe")
    assert neither.code == 1 and "New" in neither.err
