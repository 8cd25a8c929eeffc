"""What docs/how-to/plant-model.md says about plant.toml is so."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Callable
from pathlib import Path

from omptool.model.nodes import Node
from omptool.model.plant import PlantModel, places
from tests.conftest import ROOT, Result
from tests.sources.captures import capture

PAGE = (ROOT / "docs" / "how-to" / "plant-model.md").read_text(encoding="utf-8")


def _block(language: str) -> str:
    """What the blocks in this language say, one behind the other."""
    return "".join(re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))


def _table(first_heading: str) -> list[list[str]]:
    """The cells of the table with this first heading, without quotes; empty cells are empty."""
    lines = PAGE[PAGE.index(f"| {first_heading} |") :].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().replace("`", "") for cell in line.strip("|").split("|")] for line in lines]


def test_the_example_places_nodes_as_the_table_says() -> None:
    rows = _table("path")
    nodes = [Node(path, path, path) for path, *_ in rows]
    placed = places("urn:example:press7", nodes, PlantModel.parse(_block("toml")), server_name="press7")
    assert [[path, *(cell or "" for cell in placed[path])] for path, *_ in rows] == rows


def test_every_key_is_documented_and_shown() -> None:
    shown = tomllib.loads(_block("toml"))
    keys = {
        key for cell, _ in _table("key") for key in re.sub(r"\[\[machine\]\]|machine\.", "", cell).split(", ") if key
    }
    assert keys == {"site", "time_zone", "path", "server", "area", "line", "name"}
    assert keys <= {*shown, *(key for rule in shown["machine"] for key in rule)}


def test_the_commands_run(invoke: Callable[..., Result], tmp_path: Path) -> None:
    capture(tmp_path / "shift.omcap", 60, site=None)
    (tmp_path / "plant.toml").write_text(_block("toml"), encoding="utf-8")
    for command in _block("sh").splitlines():
        program, *arguments = shlex.split(command)
        assert program == "omptool"
        assert invoke(*arguments).code == 0, command
    assert invoke("query", "select distinct site from telemetry", "--on", "lake").rows == [{"site": "Leipzig"}]
