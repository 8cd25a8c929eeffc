"""Settings, plant models, lists and statements that nobody wrote by hand: refused with a sentence, in bounded time."""

from __future__ import annotations

from pathlib import Path

import pytest

from omptool.config.files import MAX_TEXT, read_text
from omptool.errors import ConfigError
from omptool.model import bounded_json, bounded_toml

DOTS = ".".join("a" * 5000)
LARGE = "# " + "x" * MAX_TEXT


@pytest.mark.parametrize(
    "command",
    [
        ("config", "check", "--config", "large"),
        ("query", "select 1", "--on", "x.csv", "--config", "large"),
        ("query", "-f", "large", "--on", "x.csv"),
        ("query", "from telemetry", "--on", "x.csv", "--plant", "large"),
    ],
)
def test_files_of_absurd_size(tmp_path: Path, invoke, command: tuple[str, ...]) -> None:
    (tmp_path / "large").write_text(LARGE)
    (tmp_path / "x.csv").write_text("a\n1\n")
    result = invoke(*command)
    assert result.code == 2
    assert "has more than 4 MiB" in result.err


def test_a_list_of_nodes_may_be_longer(tmp_path: Path) -> None:
    (tmp_path / "large").write_text(LARGE)
    assert read_text(tmp_path / "large", 2 * MAX_TEXT) == LARGE
    with pytest.raises(ConfigError, match="more than 4 MiB"):
        read_text(tmp_path / "large")


def test_an_endless_file_ends(tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        read_text(Path("/dev/zero")) if Path("/dev/zero").exists() else read_text(tmp_path / "none")


def test_line_ends_are_those_of_unix(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"a\r\nb\rc\n")
    assert read_text(tmp_path / "t") == "a\nb\nc\n"


@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 5000, "a = " + "{a=" * 5000, ".".join("a" * 5000) + " = 1", "[" + ".".join("a" * 5000) + "]"],
)
def test_deep_settings_are_an_error_and_no_bug(tmp_path: Path, invoke, text: str) -> None:
    (tmp_path / "omptool.toml").write_text(text)
    result = invoke("config", "check")
    assert result.code == 2, result.err
    (tmp_path / "omptool.toml").unlink()
    (tmp_path / "plant.toml").write_text(text)
    (tmp_path / "x.csv").write_text("a\n1\n")
    assert invoke("query", "from x", "--on", "x.csv").code == 2


def test_toml_of_ordinary_depth_is_read() -> None:
    assert bounded_toml.loads("a.b.c = [[1.5]]")["a"]["b"]["c"] == [[1.5]]
    assert len(bounded_toml.loads("\n".join(f"k{n} = {n}.5" for n in range(5000)))) == 5000


@pytest.mark.parametrize("text", ["", "[" * 101 + "]" * 101, '{"a":' * 100_000, "9" * 5000, b"\xff", "nul", '"\x01"'])
def test_json_that_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):
        bounded_json.loads(text)


def test_json_that_can_be_written_again() -> None:
    found = bounded_json.loads(r'{"a\ud800":[NaN,-Infinity,1e999,-1e999,"\ud83d\ude00","\udc00x"],"b":1.5}')
    assert found == {"a?": ["NaN", "-Infinity", "Infinity", "-Infinity", "😀", "?x"], "b": 1.5}
    assert bounded_json.loads("[" * 100 + "]" * 100)
