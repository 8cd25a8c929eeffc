"""The file that a later run finds a session by: private, small, and never believed when it could be somebody else's."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from omptool.capture.recording.sessions import Sessions, Unfit
from tests.capture import build

FACTS = {"token": "c0ffee", "epoch": 1}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "state" / "sessions"


@pytest.fixture
def kept(home: Path, tmp_path: Path) -> Sessions:
    sessions = Sessions(home, tmp_path / "x.omcap", "id1")
    assert sessions.keep("press", FACTS) == ""
    return sessions


def file_of(home: Path) -> Path:
    [file] = home.rglob("*.json")
    return file


def test_what_is_kept_is_read_again_and_nobody_else_may_read_it(kept: Sessions, home: Path) -> None:
    assert kept.read("press").items() >= FACTS.items()
    assert kept.keep("press", {**FACTS, "epoch": 2}) == ""
    assert kept.read("press")["epoch"] == 2
    assert len(list(home.rglob("*"))) == 2  # no temporary files
    if os.name == "posix":
        assert stat.S_IMODE(file_of(home).stat().st_mode) == 0o600
        assert stat.S_IMODE(file_of(home).parent.stat().st_mode) == 0o700


def test_another_server_another_capture_and_a_copy_of_it_know_nothing(
    kept: Sessions, home: Path, tmp_path: Path
) -> None:
    others = [("x.omcap", "id2", "press"), ("copy.omcap", "id1", "press"), ("x.omcap", "id1", "oven")]
    for folder, capture_id, server in others:
        with pytest.raises(Unfit, match="nothing is known"):
            Sessions(home, tmp_path / folder, capture_id).read(server)


def _content(data: bytes) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(data)


def _link(file: Path) -> None:
    target = file.with_suffix(".elsewhere")
    file.rename(target)
    file.symlink_to(target)


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _changed(**facts: Any) -> Callable[[Path], object]:
    return lambda file: file.write_text(json.dumps({**json.loads(file.read_text()), **facts}))


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        pytest.param(_content(b""), "damaged", id="empty"),
        pytest.param(_content(b'{"version": 1'), "damaged", id="cut"),
        pytest.param(_content(b"[1]"), "damaged", id="no-object"),
        pytest.param(_content(b"\xff\xfe"), "damaged", id="no-text"),
        pytest.param(_content(b"[" * 100_000), "damaged", id="nested"),
        pytest.param(_content(b" " * 300_000 + b"{}"), "damaged", id="large"),
        pytest.param(_changed(version=2), "of another capture", id="newer"),
        pytest.param(_changed(capture="id9"), "of another capture", id="foreign"),
        pytest.param(lambda file: file.chmod(0o640), "open to others", id="mode"),
        pytest.param(_link, "cannot be read", id="link"),
        pytest.param(_pipe, "is no file", id="pipe"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_not_believed(
    kept: Sessions, home: Path, harm: Callable[[Path], object], why: str
) -> None:
    harm(file_of(home))
    with pytest.raises(Unfit, match=why):
        kept.read("press")
    assert kept.keep("press", FACTS) == ""  # and it is replaced
    assert kept.read("press")["token"] == "c0ffee"


def test_a_folder_that_cannot_be_written_is_a_cause_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    sessions = Sessions(tmp_path / "file" / "sessions", tmp_path / "x.omcap", "id1")
    assert "not a directory" in sessions.keep("press", FACTS)
    sessions.tidy()
    sessions.forget()


def test_an_end_in_good_order_leaves_nothing(kept: Sessions, home: Path) -> None:
    kept.keep("oven", FACTS)
    kept.forget()
    assert list(home.iterdir()) == []


def test_what_nobody_came_for_in_a_day_is_removed_unless_it_is_recorded_still(home: Path, tmp_path: Path) -> None:
    for name in ("old", "new", "busy"):
        Sessions(home, tmp_path / f"{name}.omcap", "id").keep("press", FACTS)
    writer = build.start(tmp_path / "busy.omcap")
    old = [file for file in home.rglob("*.json") if "new.omcap" not in file.read_text()]
    for file in old:
        os.utime(file, (0, 0))
    Sessions(home, tmp_path / "mine.omcap", "id").tidy()
    writer.close()
    left = {Path(json.loads(file.read_text())["folder"]).name for file in home.rglob("*.json")}
    assert left == {"new.omcap", "busy.omcap"}
