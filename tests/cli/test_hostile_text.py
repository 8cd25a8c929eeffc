"""Whatever names, values and messages say, a terminal shows them and obeys none of them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from omptool.cli import diagnostics, terminal
from omptool.cli.pictures.bars import bars
from omptool.cli.pictures.glyphs import UNICODE
from tests.cli import hostile_text
from tests.cli.hostile_text import EVIL, LONG, check, check_lines, on_terminal


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a hostile capture, whose own name is hostile too, and a damaged copy."""
    folder = tmp_path_factory.mktemp("hostile")
    good = hostile_text.capture(folder / "a.omcap")
    shutil.copytree(good, folder / "b\x1b[35m\u202e\nSPOOF.omcap")
    broken = shutil.copytree(good, folder / "broken.omcap")
    segment = bytearray((broken / "seg-00000001.arrows").read_bytes())
    segment[len(segment) // 2] ^= 1
    (broken / "seg-00000001.arrows").write_bytes(segment)
    return folder


ODD = "b\x1b[35m\u202e\nSPOOF.omcap"
LINES = [
    ("info", "a.omcap"),
    ("info", ODD),
    ("info", "a.omcap", "--format", "jsonl"),
    ("verify", "a.omcap"),
    ("verify", ODD),
    ("verify", "broken.omcap"),
    ("verify", "a.omcap", "--format", "table"),
    ("recover", "broken.omcap", "--dry-run"),
    ("recover", ODD, "--dry-run"),
    ("cat", "a.omcap"),
    ("cat", ODD, "--limit", "3"),
    *(("cat", "a.omcap", "--view", view) for view in ("nodes", "events", "gaps", "journal")),
    *(("cat", "a.omcap", "--view", "nodes", "--format", form) for form in ("table", "jsonl", "json", "csv", "tsv")),
    *(("cat", "a.omcap", "--format", form) for form in ("table", "jsonl", "json", "csv", "tsv")),
    ("cat", "a.omcap", "--select", EVIL),
    ("cat", EVIL),
    ("query", "from telemetry", "--on", "a.omcap"),
    ("query", f'select value_text as "{EVIL.replace(chr(0), "").replace(chr(34), "")}" from telemetry', "--on", ODD),
    ("query", f"select '{EVIL.translate({0: None, 10: None, 39: None})}' from nowhere", "--on", "a.omcap"),
    ("query", "select detail from journal", "--on", "a.omcap", "--format", "csv"),
    ("query", "select cast(value_text as double) from telemetry", "--on", "a.omcap"),
    ("query", "select error(value_text) from telemetry", "--on", "a.omcap"),
    ("query", "from nodes", "--on", "no-such\x1b[35m"),
    ("query", "from nodes", "--on", "A.omcap\x1b[35m"),
    ("analyze", "data_quality", "--on", "a.omcap"),
    ("analyze", "time_in_state", "--on", "a.omcap"),
    ("analyze", "oee", "--on", ODD),
    ("analyze", EVIL, "--on", "a.omcap"),
    ("analyze", "data_quality", "--on", "a.omcap", "--map", f"x={EVIL}"),
    ("convert", "a.omcap", "-o", "lake"),
    ("convert", ODD, "-o", "lake\x1b[35m\nSPOOF"),
    ("convert", "a.omcap", "-o", "x.parquet", "--dry-run"),
    ("info", "lake"),
    ("replay", "a.omcap", "--to", "stdout", "--rate", "max"),
    ("config", "show", "--config", EVIL.replace("\0", "")),
    ("config", "check", "--config", "evil.toml"),
    (EVIL,),
    ("cat", "--" + EVIL),
]


@pytest.mark.parametrize("arguments", LINES, ids=lambda line: " ".join(line)[:40].encode("ascii", "replace").decode())
def test_recordings(home: Path, arguments: tuple[str, ...]) -> None:
    (home / "evil.toml").write_text('["' + "a\\u001b[35m\\nSPOOF" + '"]\nx = "\\u202e"\n')
    code, shown = on_terminal([argument.replace("\0", "") for argument in arguments], home)
    assert code != 70, shown.decode(errors="replace")[-3000:]
    assert shown
    is_csv = {"csv", "tsv"} & set(arguments)
    check(shown, tabs=bool(is_csv))
    if not is_csv:
        check_lines(shown)


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with hostile_text.server() as address:
        yield address


@pytest.mark.parametrize(
    "arguments",
    [
        ("discover",),
        ("browse",),
        ("browse", "--values"),
        ("browse", "--format", "table"),
        ("browse", "--format", "csv"),
        ("browse", "--select", EVIL),
        ("browse", "--root", "nothing\x1b[35m\nSPOOF"),
        ("read", "--select", "**"),
        ("read", "--select", "**", "--format", "jsonl"),
        ("read", "evil/nothing"),
        ("capture", "-o", "new\x1b[35m\nSPOOF.omcap", "--count", "1", "--for", "2s", "--force"),
    ],
    ids=lambda line: " ".join(line)[:40].encode("ascii", "replace").decode(),
)
def test_servers(home: Path, url: str, arguments: tuple[str, ...]) -> None:
    command, *rest = (argument.replace("\0", "") for argument in arguments)
    code, shown = on_terminal([command, url, *rest], home)
    assert code != 70, shown.decode(errors="replace")[-3000:]
    assert shown
    check(shown, tabs="csv" in arguments)
    if "csv" not in arguments:
        check_lines(shown)


def test_messages_and_progress(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The voice itself, whoever speaks: errors, notes, progress drawn and as JSON, bugs."""

    def fail(*_: object) -> None:
        with diagnostics.Progress() as progress:
            progress.update([EVIL, LONG * 30], force=True)
        with diagnostics.Progress("json") as progress:
            progress.update([], {EVIL: EVIL}, force=True)
        diagnostics.note(EVIL, EVIL.replace("\n", ""))
        raise RuntimeError(EVIL.replace("\n", "") + LONG * 100)

    monkeypatch.setattr("omptool.cli.app._invoke", fail)
    code, shown = on_terminal(["x"], home)
    assert code == 70
    check(shown)
    check_lines(shown)


def test_chart_labels() -> None:
    lines = bars([EVIL], [], [[EVIL]], [0.5], chief="", cells=80, glyphs=UNICODE)
    check("\n".join(lines).encode())


def test_paths_to_copy_survive_a_shell(tmp_path: Path) -> None:
    for name in (EVIL.replace("\0", ""), "it's", "a b", "-x", "\udcff", "$(id)`id`\\n"):
        typed = diagnostics.typed(name)
        check(typed.encode())
        done = subprocess.run(["bash", "-c", f"printf %s {typed}"], capture_output=True, check=True, timeout=20)
        assert done.stdout == name.encode(errors="surrogateescape")


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\x9b", "\u200d", "\u202e", "\U000e0041", "\ud800"])
def test_every_kind_of_character_is_shown(character: str) -> None:
    assert terminal.escape(f"a{character}b").isascii()


def test_accents_cannot_cover_the_lines_around() -> None:
    assert len(terminal.clip("e" + "\u0301" * 10_000, 10)) <= 45
