"""`omptool samples`: what there is, and copies that are whole or not there."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from omptool.cli import terminal
from omptool.cli.samples import COPY_COLUMNS, LIST_COLUMNS
from omptool.demo import samples
from tests.conftest import Result, clean_environment

Run = Callable[..., Result]


def _tree(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


SOURCE = _tree(samples.folder() / "press-line")


def test_list_says_what_there_is(invoke: Run) -> None:
    rows = {row["name"]: row for row in invoke("samples", "list").rows}
    assert list(rows) == ["cnc-cell", "fault-day", "packaging-line", "press-line"]
    row = rows["press-line"]
    assert tuple(row) == LIST_COLUMNS
    assert (row["tags"], row["rows"]) == (63, 145_463)
    assert (row["start"], row["end"]) == ("2026-11-16T06:00:00Z", "2026-11-16T14:00:00Z")
    assert row["bytes"] == sum(map(len, SOURCE.values()))
    assert row["about"]


@pytest.mark.parametrize("format", ["csv", "table", "json"])
def test_list_in_other_formats(invoke: Run, format: str) -> None:
    assert "press-line" in invoke("samples", "list", "--format", format).out


def test_list_on_a_terminal_leads_on(invoke: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "stdout_is_terminal", lambda: True)
    assert "omptool samples copy" in invoke("samples", "list").err


@pytest.mark.parametrize("words", [["here"], ["press-line", "here"]])
def test_copy_puts_everything_below_the_name_of_the_sample(invoke: Run, tmp_path: Path, words: list[str]) -> None:
    result = invoke("samples", "copy", *words)
    copied = [row["name"] for row in result.rows]
    assert copied == (["press-line"] if len(words) == 2 else [one.name for one in samples.samples()])
    row = result.rows[-1]
    assert tuple(row) == COPY_COLUMNS
    place = tmp_path / "here" / "press-line"
    assert row["folder"] == str(Path("here") / "press-line")
    assert _tree(place) == SOURCE
    assert {"press-line.omcap", "lake", "README.md", "plant.toml"} <= {path.name for path in place.iterdir()}
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == copied


@pytest.mark.parametrize("words", [[], ["press-line"]])
def test_copy_says_what_to_type_next_and_that_works(invoke: Run, tmp_path: Path, words: list[str]) -> None:
    said = invoke("samples", "copy", *words, "a b").err
    commands = [line.removeprefix("next:").strip() for line in said.splitlines()]
    assert "cd 'a b/press-line'" in " ".join(commands)
    place = tmp_path / "a b" / "press-line"
    for command in commands:
        if command.startswith("omptool "):
            assert invoke(*command.split()[1:], cwd=place).code in (0, 3), command


def test_copies_can_be_written_to(invoke: Run, tmp_path: Path) -> None:
    """Even where those of the installation may not."""
    invoke("samples", "copy", "press-line", ".")
    assert all(path.stat().st_mode & stat.S_IWUSR for path in (tmp_path / "press-line").rglob("*"))
    assert invoke("convert", "press-line/press-line.omcap", "-o", "press-line/lake").rows[-1]["rows"] == 0


def test_nothing_is_overwritten_without_force(invoke: Run, tmp_path: Path) -> None:
    invoke("samples", "copy", "press-line", ".")
    note = tmp_path / "press-line" / "mine.sql"
    note.write_text("from telemetry")
    again = invoke("samples", "copy", "press-line", ".")
    assert again.code == 1 and "--force" in again.err
    assert note.exists() and again.out == ""
    forced = invoke("samples", "copy", "press-line", ".", "--force")
    assert forced.code == 0 and _tree(tmp_path / "press-line") == SOURCE


def test_what_is_no_copy_is_never_replaced(invoke: Run, tmp_path: Path) -> None:
    place = tmp_path / "press-line"
    place.mkdir()
    (place / "report.xlsx").write_text("a year of work")
    result = invoke("samples", "copy", "press-line", ".", "--force")
    assert result.code == 1 and "no copy of a sample" in result.err
    assert _tree(place) == {"report.xlsx": b"a year of work"}


def test_a_copy_does_not_go_into_a_copy(invoke: Run, tmp_path: Path) -> None:
    """`samples copy press-line`, typed for `samples copy press-line .`, twice."""
    invoke("samples", "copy", "press-line", ".")
    result = invoke("samples", "copy", "press-line")
    assert result.code == 1 and "itself a copy" in result.err
    assert _tree(tmp_path / "press-line") == SOURCE


def test_a_link_is_not_followed(invoke: Run, tmp_path: Path) -> None:
    invoke("samples", "copy", "press-line", "first")
    (tmp_path / "press-line").symlink_to(tmp_path / "first" / "press-line")
    result = invoke("samples", "copy", "press-line", ".", "--force")
    assert result.code == 1
    assert _tree(tmp_path / "first" / "press-line") == SOURCE


def test_a_dry_run_writes_nothing(invoke: Run, tmp_path: Path) -> None:
    result = invoke("samples", "copy", "here", "--dry-run")
    assert result.code == 0 and "would copy press-line" in result.err
    assert not (tmp_path / "here").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nope", "."], 1, "samples: cnc-cell, fault-day, packaging-line, press-line"),
        (["press-line", ".", "more"], 2, "samples copy [NAME] DIR"),
        ([], 2, "samples copy --help"),
    ],
)
def test_wrong_words(invoke: Run, words: list[str], code: int, said: str) -> None:
    result = invoke("samples", "copy", *words)
    assert result.code == code and said in result.err


def test_a_file_in_the_way(invoke: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    result = invoke("samples", "copy", "file")
    assert result.code == 1 and "not a directory" in result.err.lower()
    assert (tmp_path / "file").read_text() == "x"


@pytest.mark.parametrize(
    ("why", "code", "said"),
    [
        (PermissionError(13, "Permission denied", "here/press-line"), 1, "permission denied"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_a_copy_that_cannot_go_on_leaves_nothing(
    invoke: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, why: BaseException, code: int, said: str
) -> None:
    whole = samples._copy_files

    def stop_at_the_end(source: Path, target: Path) -> None:
        whole(source, target)
        raise why

    monkeypatch.setattr(samples, "_copy_files", stop_at_the_end)
    result = invoke("samples", "copy", "here")
    assert result.code == code and said in result.err
    assert list((tmp_path / "here").iterdir()) == []


FULL = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
from omptool.cli import app
sys.exit(app.run(["samples", "copy", *sys.argv[1:]]))
"""


def test_a_full_disk_leaves_nothing_and_an_earlier_copy_whole(invoke: Run, tmp_path: Path) -> None:
    """Files may not grow beyond 600,000 bytes: the first segment does not fit."""

    def run(*args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", FULL, *args], cwd=tmp_path, env=clean_environment(tmp_path), capture_output=True,
            encoding="utf-8", timeout=100, check=False,
        )  # fmt: skip

    failed = run("press-line", "here")
    assert failed.returncode == 1 and "no space left" in failed.stderr and failed.stdout == ""
    assert list((tmp_path / "here").iterdir()) == []
    invoke("samples", "copy", "press-line", "here")
    assert run("press-line", "here", "--force").returncode == 1
    assert _tree(tmp_path / "here" / "press-line") == SOURCE
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["press-line"]


def test_an_installation_without_samples_says_so(invoke: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(samples.resources, "files", lambda _: tmp_path / "omptool")
    result = invoke("samples", "list")
    assert result.code == 1 and "has no samples" in result.err
