"""`discover`, `browse` and `read` as a user types them."""

from __future__ import annotations

import csv
import io
import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.conftest import clean_environment
from tests.opcua.address_space import PLANT, Space


def test_discover_rows(space: Space, invoke) -> None:
    result = invoke("discover", space.url)
    assert result.code == 0, result.err
    assert result.rows[0]["kind"] == "endpoint"
    assert result.rows[0]["security_policy"] == "None"
    assert result.rows[0]["user_tokens"]


def test_browse_rows_are_every_node(space: Space, invoke) -> None:
    result = invoke("browse", space.url)
    assert result.code == 0, result.err
    assert len(result.rows) == space.below_objects
    assert list(result.rows[0])[:4] == ["path", "node_id", "node_class", "data_type"]
    assert result.err == ""


def test_browse_selected_with_values(space: Space, invoke) -> None:
    result = invoke("browse", space.url, "--select", "Described/Temp", "--select", "**/Speed", "--values")
    rows = {row["path"]: row for row in result.rows}
    assert set(rows) == {"Described/Temp", "Leipzig/Hall2/Line1/Press7/Speed"}
    assert (rows["Described/Temp"]["value"], rows["Described/Temp"]["unit"]) == (61.5, "°C")
    speed = rows["Leipzig/Hall2/Line1/Press7/Speed"]
    assert (speed["site"], speed["area"], speed["line"], speed["machine"], speed["tag"]) == (
        "Leipzig", "Hall2", "Line1", "Press7", "Speed",
    )  # fmt: skip


@pytest.mark.parametrize("root", ["Leipzig/Hall2/Line1", f"nsu={PLANT};s=Line1", "ns=2;s=Line1"])
def test_browse_below_a_root_keeps_places_and_paths(space: Space, invoke, root: str) -> None:
    result = invoke("browse", space.url, "--root", root, "--class", "variable", "--select", "**/Speed")
    (row,) = result.rows
    assert row["path"] == "Leipzig/Hall2/Line1/Press7/Speed"
    assert (row["site"], row["machine"]) == ("Leipzig", "Press7")


def test_browse_by_type(space: Space, invoke) -> None:
    paths = [row["path"] for row in invoke("browse", space.url, "--type", "ServerState").rows]
    assert "Described/State1" in paths


def test_browse_to_a_file(space: Space, invoke, tmp_path: Path) -> None:
    assert invoke("browse", space.url, "--depth", "2", "-o", "nodes.parquet").code == 0
    table = pq.read_table(tmp_path / "nodes.parquet")
    assert "Odd/a&/b" in table.column("path").to_pylist()
    again = invoke("browse", space.url, "--depth", "2", "-o", "nodes.parquet")
    assert again.code == 1
    assert "--force" in again.err
    assert invoke("browse", space.url, "--depth", "1", "-o", "nodes.parquet", "--force").code == 0


def test_browse_csv_holds_odd_names(space: Space, invoke) -> None:
    text = invoke("browse", space.url, "--root", "Odd", "--format", "csv").out
    names = [row["display_name"] for row in csv.DictReader(io.StringIO(text, newline=""))]
    assert "line\nbreak" in names and "\u202eevil" in names


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--select", "Temp"], 1, "**/Temp"),
        (["--select", "Described/Tmp"], 1, "Described/Temp"),
        (["--root", "Described/Tmp"], 1, "Described/Temp"),
        (["--root", "i=4711000"], 1, "i=4711000"),
        (["--type", "Dubble"], 1, "Double"),
        (["--class", "Tag"], 2, "Variable"),
        (["--select", "a{b"], 2, "brace"),
        (["--depth", "0"], 2, "depth"),
    ],
)
def test_browse_wrong(space: Space, invoke, options: list[str], code: int, words: str) -> None:
    result = invoke("browse", space.url, *options)
    assert result.code == code
    assert words in result.err
    assert result.out == ""


def test_read_by_path_and_by_id(space: Space, invoke) -> None:
    result = invoke("read", space.url, "Described/Mode1", f"nsu={PLANT};s=Temp", "i=2259", "Odd/Twin")
    assert result.code == 0, result.err
    assert [row["path"] for row in result.rows] == [
        "Described/Mode1", "Described/Temp", "Server/ServerStatus/State", "Odd/Twin", "Odd/Twin",
    ]  # fmt: skip
    first = result.rows[0]
    assert (first["value"], first["value_text"], first["status"], first["status_name"]) == (10, "Auto", 0, "Good")
    assert result.rows[1]["unit"] == "°C"


def test_read_says_how_an_index_is_written_for_good(space: Space, invoke) -> None:
    result = invoke("read", space.url, "ns=2;s=Temp")
    assert result.code == 0
    assert f"nsu={PLANT};s=Temp" in result.err


def test_read_says_what_is_not_there_and_reads_the_rest(space: Space, invoke) -> None:
    result = invoke(
        "read", space.url, f"nsu={PLANT};s=Tmp", "Described/Temp", "Described/Dor", "Described", "nsu=urn:no;i=1"
    )
    assert result.code == 1
    assert [row["path"] for row in result.rows] == ["Described/Temp"]
    for words in (f"nsu={PLANT};s=Temp", "Described/Door", "Described is an Object", "urn:no"):
        assert words in result.err


def test_read_shows_a_bad_value_with_its_status(space: Space, invoke) -> None:
    result = invoke("read", space.url, "Values/Bad")
    assert result.code == 0
    assert (result.rows[0]["status_name"], result.rows[0]["quality"]) == ("BadSensorFailure", "Bad")


def test_read_takes_no_text_for_a_node_id(space: Space, invoke) -> None:
    result = invoke("read", space.url, "i=pump")
    assert result.code == 2
    assert "not a NodeId" in result.err


@pytest.mark.parametrize("command", [["discover"], ["browse"], ["read", "i=2258"]], ids=lambda c: c[0])
def test_nobody_there(invoke, command: list[str]) -> None:
    result = invoke(command[0], "opc.tcp://127.0.0.1:1", *command[1:])
    assert result.code == 4
    assert result.err.startswith("omptool: opc.tcp://127.0.0.1:1: nothing listens")
    assert result.out == ""


def on_terminal(home: Path, *arguments: str, code: int = 0) -> str:
    """stdout of a command whose stdout is a terminal of 100 columns."""
    master, slave = pty.openpty()
    environment = clean_environment(home, {"COLUMNS": "100", "NO_COLOR": "1"})
    with subprocess.Popen(
        [sys.executable, "-m", "omptool", *arguments], stdout=slave, stderr=subprocess.PIPE, env=environment, cwd=home
    ) as process:
        os.close(slave)
        shown = b""
        while select.select([master], [], [], 60)[0]:
            try:
                data = os.read(master, 65536)
            except OSError:  # Linux reports the end of a terminal as an error
                break
            if not data:
                break
            shown += data
        _, errors = process.communicate(timeout=60)
        assert process.returncode == code, errors
    os.close(master)
    return shown.decode().replace("\r\n", "\n")


def test_browse_on_a_terminal_is_a_tree(space: Space, tmp_path: Path) -> None:
    shown = on_terminal(tmp_path, "browse", space.url, "--select", "**/Speed", "--select", "**/Temp", "--values")
    head, *lines = shown.splitlines()
    assert head.startswith(f"{space.url}  no security  2 of ")
    assert lines == [
        "Objects",
        "├─ Described",
        "│  └─ Temp   61.5 °C  Good  -20…120  Oil temperature",
        "└─ Leipzig / Hall2 / Line1 / Press7",
        "   └─ Speed     12.5  Good",
    ]


def test_the_whole_tree_hides_what_is_the_same_everywhere(space: Space, tmp_path: Path) -> None:
    shown = on_terminal(tmp_path, "browse", space.url)
    assert "--root Server" in shown
    assert "ServerStatus" not in shown
    assert "\\u202eevil" in shown


def test_read_on_a_terminal(space: Space, tmp_path: Path) -> None:
    shown = on_terminal(tmp_path, "read", space.url, "Described/Temp")
    assert "61.5 °C" in shown and "Good" in shown and "(UTC)" in shown
